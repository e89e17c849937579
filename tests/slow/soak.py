#!/usr/bin/env python3
"""Twice as much work as the node can run, for ten minutes, and results fetched late or never.

SPILLGATE_SOAK_SECONDS sets how long (600), SPILLGATE_SEED the seed (1). Memory stays flat, each
refusal says when to come again, what was accepted ends, the command answers at once, and afterwards
nothing is left.
"""

import collections
import os
import random
import socket
import statistics
import sys
import threading
import time
import unittest

import wire
from attackers import Crew
from node import BIN, Node, settle
from wire import Process, Talker, mini

SECONDS = float(os.environ.get("SPILLGATE_SOAK_SECONDS", "600"))
SEED = int(os.environ.get("SPILLGATE_SEED", "1"))
SPIN_US = 1000
MIB = 1 << 20
BY_DESIGN_FINAL = range(9, 19)  # reasons for which coming again makes no sense
ENDED = (1, 2, 3, 4, 5)  # fates


class Submitter:
    """Tasks of one function, at a fixed rate whatever becomes of them, on one connection.

    One thread sends, another reads. Of the accepted ones a part is fetched, some time later; all
    others are never asked for, and are let go of only when the session has nearly all it may keep.
    """

    KEPT = 20_000  # results that nobody has fetched, before the oldest are let go of
    LATE_S = 2.0  # so long after its acceptance a task is asked for

    def __init__(self, path, function: str, argument: bytes, dice: random.Random):
        self.talker = Talker(path, timeout=120)
        self.handle = self.talker.register(function)
        self.argument = argument
        self.dice = dice
        self.lock = threading.Lock()  # sending
        self.next_seq = 1
        self.counts: collections.Counter = collections.Counter()
        self.reasons: collections.Counter = collections.Counter()
        self.accepted: collections.deque = collections.deque()  # (since, seq)
        self.asked: dict[int, float] = {}
        self.fates: collections.Counter = collections.Counter()
        self.problem: BaseException | None = None
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def send(self, kind: int, body: bytes, payload: bytes = b"") -> None:
        with self.lock:
            self.talker.send(kind, body, payload)

    def offer(self, count: int) -> None:
        first, self.next_seq = self.next_seq, self.next_seq + count
        self.counts["offered"] += count
        self.send(wire.SUBMIT, *wire.submit(self.handle, first, count, self.argument))

    def fetch_late(self, everything: bool = False) -> None:
        """Asks for one in fifty of those that were accepted a while ago."""
        before = time.monotonic() - self.LATE_S
        ids = []
        while self.accepted and (everything or self.accepted[0][0] < before) and len(ids) < 2048:
            _, first, count = self.accepted.popleft()
            ids += [seq for seq in range(first, first + count) if self.dice.random() < 0.02]
            self.counts["passed"] = first + count
        if ids:
            self.asked.update(dict.fromkeys(ids, time.monotonic()))
            objects = [(self.talker.session, seq, 0, 0) for seq in ids]
            self.send(wire.GET, mini.get(objects, 120_000_000))

    def let_go(self) -> None:
        """Of the oldest, but not of those that were asked for a short time ago."""
        last = min([self.counts["passed"], *self.asked]) - self.KEPT
        first = self.counts["released"] + 1
        if last - first > 1000:
            count = min(65536, last - first)
            self.send(wire.RELEASE, mini.release(self.talker.session, first, count))
            self.counts["released"] += count

    def read(self) -> None:
        try:
            while (got := self.talker.next()) is not None:
                self.take(*got)
        except (OSError, AssertionError) as problem:
            self.problem = problem

    def take(self, kind: int, about: int, body: bytes, payload: bytes) -> None:
        if kind == wire.ERROR:
            raise wire.Broken(wire.error(body, about))
        if kind == wire.VERDICTS:
            for verdict in wire.verdicts(body):  # which also checks retry_after
                if verdict.status == 0:
                    self.counts["accepted"] += verdict.count
                    self.accepted.append((time.monotonic(), verdict.first, verdict.count))
                elif verdict.status == 1:
                    self.reasons[wire.REASONS[verdict.reason]] += verdict.count
                    if verdict.reason in BY_DESIGN_FINAL:
                        raise wire.Broken(f"refused for good: {verdict}")
                else:
                    raise wire.Broken(f"neither accepted nor refused: {verdict}")
        elif kind == wire.RESULTS:
            for result in wire.results(body, payload):
                if result.fate not in ENDED:
                    raise wire.Broken(f"accepted, and lost: {result}")
                self.asked.pop(result.seq)
                self.fates[result.fate] += 1

    def close(self) -> None:
        self.talker.socket.shutdown(socket.SHUT_RDWR)  # which also ends the reader's wait
        self.reader.join(wire.SECONDS)
        self.talker.close()


def operator(stop, address: str) -> list[float]:
    """How long the command takes, again and again, with the start of its process."""
    node = Node.__new__(Node)  # another's: only its command is used here
    node.address = address
    took, what = [], ("status", "stages")
    while not stop.is_set():
        begin = time.monotonic()
        told = node.json(what[len(took) % 2], timeout=30)
        took.append(time.monotonic() - begin)
        for stage in told.get("stages", ()):
            if stage["occupied"] > stage["capacity"] or stage["bytes"] > stage["capacity_bytes"]:
                raise wire.Broken(f"a stage holds more than it can: {stage}")
            if stage["fuses"]:
                raise wire.Broken(f"a fuse has blown: {stage}")
        flight = told.get("in_flight")
        if flight and (flight["count"] > flight["count_limit"]):
            raise wire.Broken(f"more in flight than there may be: {flight}")
        time.sleep(0.2)
    return took


class Soak(unittest.TestCase):
    def capacity(self, node: Node) -> float:
        """Spins of a millisecond that the node ends in a second, with hundreds under way.

        The best of three: offering twice of too little would be no overload."""
        best = 0.0
        with Talker(node.socket) as talker:
            spin, count, seq = talker.register("spin"), 400, 1
            for _ in range(3):
                begin = time.monotonic()
                talker.send(wire.SUBMIT, *wire.submit(spin, seq, count, str(SPIN_US).encode()))
                ids = [(talker.session, i, 0, 0) for i in range(seq, seq + count)]
                wait = mini.table(("QQII", ids), ("I", count), ("Q", 60_000_000))
                talker.expect(wire.WAIT_DONE, talker.send(wire.WAIT, wait))
                best = max(best, count / (time.monotonic() - begin))
                talker.send(wire.RELEASE, mini.release(talker.session, seq, count))
                seq += count
        return best

    def load(self, node: Node, rate: float, seconds: float) -> tuple[list[Submitter], list[int]]:
        """Spins at `rate` a second and noops; and the sizes of the node meanwhile."""
        dice = random.Random(SEED)
        spins = [Submitter(node.socket, "spin", str(SPIN_US).encode(), dice) for _ in range(2)]
        submitters = [*spins, Submitter(node.socket, "noop", b"", dice)]
        rates = [rate / 2, rate / 2, rate / 5]
        offered, sizes, process = [0.0] * 3, [], Process(node.process.pid)
        begin = last_look = time.monotonic()
        while (now := time.monotonic()) - begin < seconds:
            for i, submitter in enumerate(submitters):
                due = (now - begin) * rates[i] - offered[i]
                if due >= 1:
                    submitter.offer(min(1000, int(due)))
                    offered[i] += min(1000, int(due))
                submitter.fetch_late()
                submitter.let_go()
                if submitter.problem is not None:
                    raise submitter.problem
            if now - last_look >= 1:
                last_look = now
                sizes.append(process.resident())
                self.assertIsNone(node.process.poll(), node.log()[-4000:])
            time.sleep(0.005)
        return submitters, sizes

    def test_twice_what_it_can(self):
        # Few enough that the bound is reached within seconds, on any machine.
        node = self.enterContext(Node("limits.in_flight=4096", "limits.session_ttl=1s",
                                      "limits.result_ttl=1s"))  # fmt: skip
        crew = self.enterContext(Crew())
        capacity = self.capacity(node)
        crew.add(operator, node.address)
        print(f"  it can run {capacity:.0f} a second; twice as many come for {SECONDS:.0f} s")
        submitters, sizes = self.load(node, 2 * capacity, SECONDS)
        [took] = crew.reports()["operator"]
        for submitter in submitters:
            while submitter.accepted:
                submitter.fetch_late(everything=True)
            settle(lambda s=submitter: not s.asked or s.problem, "all that was asked for ends", 180)
            self.assertIsNone(submitter.problem)
            print(f"  {dict(submitter.counts)}, refused: {dict(submitter.reasons)}, "
                  f"fetched: {dict(submitter.fates)}")  # fmt: skip
            self.assertGreater(sum(submitter.fates.values()), 0)
        self.check_overload(submitters[:2], capacity)
        self.check_memory(sizes)
        self.check_operator(took)
        for submitter in submitters:
            submitter.close()
        self.check_nothing_left(node)

    def check_overload(self, spins: list[Submitter], capacity: float) -> None:
        offered = sum(each.counts["offered"] for each in spins)
        accepted = sum(each.counts["accepted"] for each in spins)
        refused = sum(sum(each.reasons.values()) for each in spins)
        self.assertEqual(offered, accepted + refused, "one verdict for each")
        self.assertGreater(offered, 1.5 * capacity * SECONDS, "this machine could not offer enough")
        self.assertGreater(refused, 0.2 * offered, "that was no overload")
        self.assertGreater(accepted, 0.25 * offered)

    def check_memory(self, sizes: list[int]) -> None:
        warm, late = sizes[: len(sizes) // 3], sizes[-len(sizes) // 3 :]
        print(f"  resident: up to {max(warm) / MIB:.0f} MiB in the first third, "
              f"{max(late) / MIB:.0f} in the last")  # fmt: skip
        self.assertLess(max(late), max(warm) + 24 * MIB, "memory grows")

    def check_operator(self, took: list[float]) -> None:
        p99 = statistics.quantiles(took, n=100)[98]
        print(f"  the command: {len(took)} times, p50 {statistics.median(took) * 1e3:.0f} ms, "
              f"p99 {p99 * 1e3:.0f} ms, longest {max(took) * 1e3:.0f} ms")  # fmt: skip
        self.assertGreater(len(took), SECONDS / 3)
        self.assertLess(p99, 1.0)

    def check_nothing_left(self, node: Node) -> None:
        def empty():
            status = node.json("status")
            left = [status["in_flight"]["count"], status["in_flight"]["bytes"],
                    status["park"]["count"], status["requests"], status["records"],
                    status["values"]["bytes"]]  # fmt: skip
            return not any(left)

        try:
            settle(empty, "nothing in flight, nothing parked, nothing kept")
        except AssertionError as left:
            raise AssertionError(f"{left}: {node.run('-o', 'json', 'status').stdout}") from left
        for stage in node.json("stages")["stages"]:
            self.assertEqual((stage["occupied"], stage["bytes"]), (0, 0), stage)
        for name, resource in node.json("status")["resources"].items():
            self.assertEqual(resource["free"], resource["total"], name)


if __name__ == "__main__":
    if not (BIN / "spillgated").exists():
        sys.exit(f"{BIN}/spillgated: build it first (ops/build)")
    print(f"seed {SEED} (again: SPILLGATE_SEED={SEED})", flush=True)
    unittest.main(verbosity=2, warnings="ignore")
