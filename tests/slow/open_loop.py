"""Roots at a fixed rate whatever becomes of them: many connections from one thread, which ignores
credits. Each root is followed from when it was due to its verdict and its value; what happens to
those that were due in a tenth of a second is counted together.

Frames are encoded once; of each that is sent only its number and the time of sending are new.
"""

import collections
import math
import random
import select
import struct
import time
from dataclasses import dataclass, field

import wire
from attackers import CONTEXT
from wire import Talker, mini

PUSH = 1  # flag of a Submit: its values come without being asked for
BIN_S = 0.1
MOST_UNSENT = 256 << 10  # bytes that wait for the node on one connection; beyond, it is not asked
RELEASE_EACH = 512  # roots of a connection that have ended, before their records are let go of
CLOCK_AT, SEQ_AT = 16, 24 + 40  # in a frame
NUMBER = struct.Struct("<Q")
MOST_SAMPLES = 100_000
NEVER = math.inf


@dataclass(frozen=True)
class Load:
    rate: float  # roots a second, of all connections together; about, with `at`
    seconds: float
    deadline_us: int = 0  # from when a root was due; 0: none, and each that is done is good
    function: str = "spin"
    argument_us: int = 1000
    connections: int = 2
    tenant: str = ""
    level: int = 0
    size: int = 8  # bytes of the value that comes back
    seed: int = 1
    deaf: tuple[float, float] = (NEVER, NEVER)  # seconds between which it does not read
    patience: float = 60.0  # seconds that what was accepted may take after the last was due
    at: tuple[float, ...] = ()  # seconds at which roots are due, in the place of random ones


COUNTS = ("offered", "unsent", "accepted", "refused", "good", "late", "unsuccessful")


@dataclass
class Report:
    bins: dict[str, list[int]]
    reasons: collections.Counter = field(default_factory=collections.Counter)  # of refusals
    causes: collections.Counter = field(default_factory=collections.Counter)  # of no value
    late_s: list[float] = field(default_factory=list)  # the sender; a sample
    refusal_s: list[float] = field(default_factory=list)  # from sending to a refusal; a sample
    lost: int = 0  # accepted, and never answered
    silent: int = 0  # sent, and no verdict
    connections_lost: int = 0
    cpu_s: float = 0.0  # of the sender

    def count(self, name: str, since_s: float = 0, until_s: float = NEVER) -> int:
        bins = self.bins[name]
        last = len(bins) if until_s == NEVER else round(until_s / BIN_S)
        return sum(bins[round(since_s / BIN_S) : last])


@dataclass(slots=True)
class Root:
    due: float
    sent: float
    accepted: bool = False
    ended: bool = False


class Line:
    """One connection: what is to be sent on it, and what is open."""

    def __init__(self, path, load: Load):
        self.talker = Talker(path, name=load.tenant)
        handle = self.talker.register(load.function)
        value = bytes(max(load.size, NUMBER.size))
        self.template = bytearray(encode(handle, str(load.argument_us).encode(), value, load))
        self.value_at = len(self.template) - len(value) - -len(value) % 8
        self.socket = self.talker.socket
        self.socket.setblocking(False)
        self.unsent = bytearray()
        self.next_seq = 1
        self.released = 1
        self.open: dict[int, Root] = {}  # in the order of their numbers
        self.lost = False

    def frame(self, now: float) -> bytes:
        seq, made = self.next_seq, self.template
        self.next_seq += 1
        NUMBER.pack_into(made, CLOCK_AT, int(now * 1e6))
        NUMBER.pack_into(made, SEQ_AT, seq)
        NUMBER.pack_into(made, self.value_at, seq)
        return bytes(made)

    def send(self, data: bytes) -> None:
        """As much as the kernel takes at once; the rest waits."""
        if self.lost:
            return
        if self.unsent:
            self.unsent += data
            data = bytes(self.unsent)
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except ConnectionError:
            self.lost = True
            sent = 0
        self.unsent[:] = data[sent:]

    def let_go(self) -> None:
        """Of what has ended, from the oldest on: the node keeps values until it is told."""
        ended = next(iter(self.open), self.next_seq)
        if ended - self.released >= RELEASE_EACH:
            count = ended - self.released
            body = mini.release(self.talker.session, self.released, count)
            self.send(wire.frame(wire.RELEASE, body))
            self.released = ended


def encode(handle: int, argument: bytes, value: bytes, load: Load) -> bytes:
    fixed = struct.pack("<4B2H2I4Q", 2, load.level, 0, 0, 1, PUSH, handle, 0,
                        load.deadline_us, 0, 0, 0)  # fmt: skip
    args = [(0, 0, 0, 0, 0, len(argument)), (0, 0, 0, 0, 8, len(value))]
    table = mini.table(("IIIHBB", [(0, 0, 0, 2, 1, 0)]), ("QQIIII", args))
    assert len(argument) <= 8, "the value begins at 8 in the payload"
    return wire.frame(wire.SUBMIT, fixed + table, 0, argument.ljust(8, b"\0") + value)


class OpenLoop:
    def __init__(self, path, load: Load):
        self.load = load
        self.dice = random.Random(load.seed)
        self.lines = [Line(path, load) for _ in range(load.connections)]
        self.by_file = {line.socket.fileno(): line for line in self.lines}
        self.poll = select.epoll()
        for file in self.by_file:
            self.poll.register(file, select.EPOLLIN)
        bins = math.ceil(load.seconds / BIN_S) + 1
        self.report = Report({name: [0] * bins for name in COUNTS})
        # Of each that is sampled, so many are not.
        self.stride = max(1, int(load.rate * load.seconds) // MOST_SAMPLES)
        self.begin = 0.0
        self.turn = 0
        self.deaf = False
        self.dues = iter(load.at)

    def run(self, begin: float) -> Report:
        """From that moment of the monotonic clock on."""
        self.begin = begin
        end, load = begin + self.load.seconds, self.load
        due = self.next_due(begin)
        used = time.process_time()
        while (now := time.monotonic()) < end or (
            now < end + load.patience and any(line.open and not line.lost for line in self.lines)
        ):
            while due <= now and due < end:
                self.offer(due, now)
                due = self.next_due(due)
            self.hear(begin + load.deaf[0] <= now < begin + load.deaf[1])
            for file, events in self.poll.poll(max(0, min(due - now, 0.05))):
                line = self.by_file[file]
                if events & select.EPOLLOUT:
                    line.send(b"")
                    self.watch(line)
                if events & ~select.EPOLLOUT and not self.deaf:
                    self.read(line)
        self.report.cpu_s = time.process_time() - used
        return self.finish()

    def next_due(self, last: float) -> float:
        if self.load.at:
            return self.begin + next(self.dues, NEVER)
        return last + self.dice.expovariate(self.load.rate)

    def hear(self, deaf: bool) -> None:
        if deaf != self.deaf:
            self.deaf = deaf
            for line in self.lines:
                self.watch(line)

    def watch(self, line: Line) -> None:
        if line.lost:
            return
        wanted = 0 if self.deaf else select.EPOLLIN
        self.poll.modify(line.socket.fileno(), wanted | (select.EPOLLOUT if line.unsent else 0))

    def count(self, name: str, due: float) -> None:
        self.report.bins[name][int((due - self.begin) / BIN_S)] += 1

    def offer(self, due: float, now: float) -> None:
        self.turn += 1
        line = self.lines[self.turn % len(self.lines)]
        self.count("offered", due)
        if self.turn % self.stride == 0:
            self.report.late_s.append(now - due)
        if line.lost or len(line.unsent) > MOST_UNSENT:
            self.count("unsent", due)
            return
        line.open[line.next_seq] = Root(due, now)
        held = bool(line.unsent)
        line.send(line.frame(now))
        if line.unsent and not held:
            self.watch(line)

    def read(self, line: Line) -> None:
        try:
            data = line.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            line.lost = True
            self.poll.unregister(line.socket.fileno())
            return
        line.talker.incoming.feed(data)
        now = time.monotonic()
        for kind, about, body, payload in line.talker.incoming.frames():
            if kind == wire.VERDICTS:
                self.judge(line, wire.verdicts(body), now)
            elif kind == wire.RESULTS:
                self.settle(line, wire.results(body, payload), payload, now)
            elif kind == wire.ERROR:
                raise wire.Broken(wire.error(body, about))
        line.let_go()

    def judge(self, line: Line, verdicts: list[wire.Verdict], now: float) -> None:
        for verdict in verdicts:
            for seq in range(verdict.first, verdict.first + verdict.count):
                root = line.open.get(seq)
                if root is None or root.accepted:
                    raise wire.Broken(f"a second verdict, or of nothing that was sent: {verdict}")
                if verdict.status == 0:
                    root.accepted = True
                    self.count("accepted", root.due)
                    if root.ended:  # of durable ones the value may come first
                        del line.open[seq]
                elif verdict.status == 1 and not root.ended:
                    del line.open[seq]
                    self.count("refused", root.due)
                    self.report.reasons[wire.REASONS[verdict.reason]] += 1
                    if seq % self.stride == 0:
                        self.report.refusal_s.append(now - root.sent)
                else:
                    raise wire.Broken(f"neither accepted nor refused, or both: {verdict}")

    def settle(self, line: Line, results: list[wire.Result], payload: bytes, now: float) -> None:
        for result in results:
            root = line.open.get(result.seq)
            if root is None or root.ended:
                raise wire.Broken(f"never sent, refused, or answered before: {result}")
            root.ended = True
            if root.accepted:
                del line.open[result.seq]
            if result.fate != 1:
                self.count("unsuccessful", root.due)
                self.report.causes[wire.REASONS.get(result.reason, str(result.reason))] += 1
                continue
            wanted = max(self.load.size, NUMBER.size)
            if result.size != wanted or NUMBER.unpack_from(payload, result.offset)[0] != result.seq:
                raise wire.Broken(f"not the value of this root: {result}")
            limit = self.load.deadline_us / 1e6 or NEVER
            self.count("good" if now <= root.due + limit else "late", root.due)

    def finish(self) -> Report:
        for line in self.lines:
            for root in line.open.values():
                self.report.lost += root.accepted and not root.ended
                self.report.silent += not root.accepted
            self.report.connections_lost += line.lost
            line.talker.close()
        self.poll.close()
        return self.report


class Start:
    """Lets several begin at one moment, when all have their connections."""

    def __init__(self):
        self.ready = CONTEXT.Semaphore(0)
        self.given = CONTEXT.Event()
        self.moment = CONTEXT.Value("d", 0.0)

    def wait(self) -> float:
        self.ready.release()
        self.given.wait()
        return self.moment.value

    def give(self, count: int) -> float:
        for _ in range(count):
            if not self.ready.acquire(timeout=wire.SECONDS):
                raise AssertionError("some have no connection yet")
        self.moment.value = time.monotonic() + 0.1
        self.given.set()
        return self.moment.value


def open_loop(_stop, path, load: Load, start: Start) -> Report:
    """As a process of a Crew."""
    loop = OpenLoop(path, load)
    return loop.run(start.wait())
