"""Who floods a node, and who is served beside them: each in a process of its own, until it is told
to stop. An attacker that is answered in a way that it may not be ends with an error."""

import multiprocessing
import os
import random
import socket
import threading
import time
import traceback

import hostile
import wire

CONTEXT = multiprocessing.get_context("fork")
NOBODY = 65534
CHUNK = 512 << 10
CHUNKS = 6  # made beforehand, so that they can be sent as fast as the node takes them


class Crew:
    """Processes that run job(stop, *arguments) -> report, all ended whatever happens."""

    def __init__(self):
        self.stop = CONTEXT.Event()
        self.members: list[tuple[str, multiprocessing.Process, object]] = []

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_) -> None:
        self.stop.set()
        for _, process, _ in self.members:
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()

    def add(self, job, *arguments) -> None:
        ours, theirs = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(
            target=self.run, args=(theirs, job, self.stop, arguments), daemon=True
        )
        process.start()
        theirs.close()
        self.members.append((job.__name__, process, ours))

    @staticmethod
    def run(pipe, job, stop, arguments) -> None:
        try:
            pipe.send(("done", job(stop, *arguments)))
        except BaseException:  # pylint: disable=broad-exception-caught
            pipe.send(("failed", traceback.format_exc()))

    def wait(self, seconds: float, tick=lambda: None) -> None:
        """Lets them work, and calls tick() four times a second; returns early if one has failed."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not any(pipe.poll() for _, _, pipe in self.members):
            tick()
            time.sleep(0.25)

    def reports(self, within_s: float = wire.SECONDS) -> dict[str, list]:
        """What each has to tell, by the job's name."""
        self.stop.set()
        told: dict[str, list] = {}
        for name, process, pipe in self.members:
            if not pipe.poll(within_s):
                raise AssertionError(f"{name} (process {process.pid}) hangs")
            verdict, report = pipe.recv()
            if verdict == "failed":
                raise AssertionError(f"{name}: {report}")
            told.setdefault(name, []).append(report)
        return told


def chunks(dice: random.Random, talker: wire.Talker) -> list[tuple[bytes, int]]:
    who = hostile.Who(talker.session, talker.register("noop"))
    return [hostile.stream(dice, hostile.LASTING, who, CHUNK) for _ in range(CHUNKS)]


def check(got) -> None:
    """Raises unless it is an answer that a client may get."""
    kind, about, body, payload = got
    if kind == wire.ERROR:
        told = wire.error(body, about)
        if about == 0:
            raise wire.Broken(f"an error about a connection that stays: {told}")
    elif kind == wire.VERDICTS:
        wire.verdicts(body)
    elif kind == wire.RESULTS:
        wire.results(body, payload)
    elif kind in (wire.GREETING, wire.WELCOME):
        raise wire.Broken(f"a second frame of type {kind}")


def auditor(stop, path, seed) -> dict:
    """Sends frames of all kinds; looks at every answer; makes sure of each round."""
    dice = random.Random(seed)
    sent = answers = 0
    with wire.Talker(path) as talker:
        ready = chunks(dice, talker)
        while not stop.is_set():
            data, frames = dice.choice(ready)
            mark = 1 << 31 | dice.getrandbits(30)
            data += wire.frame(wire.PING, b"", mark)
            sender = threading.Thread(target=talker.socket.sendall, args=(data,), daemon=True)
            sender.start()
            while True:
                got = talker.next()
                if got is None:
                    raise wire.Broken("closed although its mistakes were answerable")
                check(got)
                answers += 1
                if got[0] == wire.PONG and got[1] == mark:
                    break
            sender.join()
            sent += frames
        answers += everything_out_of_order(dice, talker)
    return {"frames": sent, "answers": answers}


def everything_out_of_order(dice: random.Random, talker: wire.Talker, count: int = 500) -> int:
    """Each is answered by one Error that names it."""
    open_ = set()
    for number in range(1 << 20, (1 << 20) + count):
        talker.socket.sendall(hostile.out_of_order(dice, number, None))
        open_.add(number)
    while open_:
        got = talker.next()
        if got is None:
            raise wire.Broken("closed with questions open")
        if got[1] >= 1 << 20:
            if got[0] != wire.ERROR or wire.error(got[2], got[1]).reason != 65:
                raise wire.Broken(f"a frame that a client does not send was answered by {got}")
            open_.remove(got[1])  # a second answer is an error here
    return count


def blaster(stop, path, seed) -> dict:
    """The same at full speed: the answers are taken and thrown away."""
    dice = random.Random(seed)
    sent = 0
    with wire.Talker(path) as talker:
        ready = chunks(dice, talker)
        threading.Thread(target=swallow, args=(talker.socket,), daemon=True).start()
        while not stop.is_set():
            data, _ = dice.choice(ready)
            talker.socket.sendall(data)  # a connection that was closed ends this with an error
            sent += len(data)
        talker.socket.shutdown(socket.SHUT_RDWR)
    return {"bytes": sent}


def swallow(from_socket: socket.socket) -> None:
    buffer = bytearray(1 << 20)
    try:
        while from_socket.recv_into(buffer):
            pass
    except OSError:
        pass  # it was closed meanwhile


def knocker(stop, path, seed) -> dict:
    """Comes again and again and breaks the frame: each time the reason, then the end."""
    dice = random.Random(seed)
    count = 0
    while not stop.is_set():
        name = dice.choice(list(hostile.FATAL))
        data, reason = hostile.FATAL[name]
        shake = dice.random() < 0.7
        with wire.Talker(path, shake=shake) as talker:
            behind = dice.randbytes(dice.choice((0, 100, 200_000)))
            try:
                talker.socket.sendall(data + behind)
            except ConnectionError:
                pass  # it was closed before it took all of it
            told = [wire.REASONS[each.reason] for each in talker.until_closed()]
        if told != [reason]:
            raise wire.Broken(f"{name} was answered by {told}, not by {reason}")
        with wire.Talker(path) as talker:  # a frame that ends in its middle
            sample = dice.choice(hostile.SAMPLES)
            whole = wire.frame(sample.kind, sample.body, 1, sample.payload)
            talker.socket.sendall(whole[: dice.randrange(1, len(whole))])
            if dice.random() < 0.5:
                talker.socket.shutdown(socket.SHUT_WR)
                if talker.until_closed():
                    raise wire.Broken("an answer to half a frame")
        count += 2
    return {"connections": count}


def witness(stop, path, seed) -> list[float]:
    """An honest client that uses the node a little; the round trips in seconds."""
    dice = random.Random(seed)
    trips = []
    with wire.Talker(path) as talker:
        echo = talker.register("echo")
        seq = 0
        while not stop.is_set():
            seq += 1
            nonce = dice.randbytes(16)
            begin = time.monotonic()
            body, payload = wire.submit(echo, seq, 1, nonce)
            [verdict] = wire.verdicts(talker.ask(wire.SUBMIT, body, wire.VERDICTS, payload)[2])
            if verdict.status != 0:
                raise wire.Broken(f"the honest client was refused: {verdict}")
            request = wire.mini.get([(talker.session, seq, 0, 0)], 30_000_000)
            _, _, body, payload = talker.ask(wire.GET, request, wire.RESULTS)
            [result] = wire.results(body, payload)
            if payload[result.offset : result.offset + result.size] != nonce:
                raise wire.Broken(f"another value than its own: {result} {payload!r}")
            trips.append(time.monotonic() - begin)
            talker.send(wire.RELEASE, wire.mini.release(talker.session, seq, 1))
            time.sleep(0.002)
    return trips


def become(uid: int, folder) -> None:
    """This process becomes another user's, in a folder whose parents that user may not enter."""
    os.chdir(folder)
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


def vanish(path, luck: float) -> None:
    """Killed with everything open: tasks, gets, so much of a frame."""
    talkers = [wire.Talker(path) for _ in range(20)]
    for talker in talkers:
        sleep = talker.register("sleep")
        body, payload = wire.submit(sleep, 1, 3, b"600000000")
        talker.ask(wire.SUBMIT, body, wire.VERDICTS, payload)
        talker.send(wire.GET, wire.mini.get([(talker.session, 1, 0, 0)], 600_000_000))
        whole = wire.frame(wire.PUT, bytes(64), 9, bytes(100_000))
        talker.socket.sendall(whole[: int(luck * len(whole))])
    os.kill(os.getpid(), 9)


def crowd(path, count: int) -> tuple[list[wire.Talker], int]:
    """So many connections: those that were let in, and how many were refused."""
    inside, refused = [], 0
    for _ in range(count):
        try:
            inside.append(wire.Talker(path))
        except wire.Refused as why:
            assert why.told.reason == 67, why
            refused += 1
    return inside, refused


def crowd_of_another(stop, folder) -> tuple[int, int]:
    """By a user who is nobody, again and again."""
    become(NOBODY, folder)
    inside, refused = crowd("node.sock", 60)
    while not stop.is_set():
        more, again = crowd("node.sock", 60)
        for talker in more:
            talker.close()
        refused += again
    return len(inside), refused
