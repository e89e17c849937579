#!/usr/bin/env python3
"""kill -9 of the node and of its workers, often: nothing acknowledged is lost, nothing is published
twice. What tests/e2e does a few times, and what it cannot see: which result a client has seen.

SPILLGATE_KILLS sets how often each (20), SPILLGATE_SEED the moments (1).
"""

import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import unittest

os.environ.setdefault("SPILLGATE_KILLS", "20")
import wire
from wire import Talker, mini

import mcts_test  # these two are in tests/e2e, which wire has added
import restart_test
from node import BIN, Node

KILLS = int(os.environ["SPILLGATE_KILLS"])
SEED = int(os.environ.get("SPILLGATE_SEED", "1"))
ASYNC, PUSH = 1, 1
HOUR_US = 3_600_000_000
PATIENT = ("workers.retry_backoff=1ms", "workers.retry_budget=1.0", "workers.poison_deaths=255",
           "workers.max_retries=255", "workers.prestart=2")  # fmt: skip


class Client:
    """Submits tasks at level async, pushed, and comes back after each kill as the page says."""

    BATCH = 20

    def __init__(self, node: Node):
        self.node = node
        self.next_seq = 1
        self.unanswered: dict[int, int] = {}  # first number -> attempts so far
        self.accepted: set[int] = set()
        self.seen: dict[int, bytes] = {}
        self.repeats: collections.Counter = collections.Counter()
        self.again = 0
        self.talker = Talker(node.socket)
        self.function = self.talker.register("remaining")

    def come_back(self) -> None:
        before = self.talker
        before.close()
        self.talker = Talker(self.node.socket, shake=False)
        if not self.talker.shake(before.session, before.token):
            # Only a session of which nothing is on the disk may be forgotten.
            raise wire.Broken("the node does not know the session any more")
        self.function = self.talker.register("remaining")
        for first in sorted(self.unanswered):
            self.unanswered[first] += 1
            self.send(first)

    def send(self, first: int) -> None:
        body, payload = wire.submit(
            self.function, first, self.BATCH, level=ASYNC, flags=PUSH,
            attempt=self.unanswered[first], remaining_us=HOUR_US,
        )  # fmt: skip
        self.talker.send(wire.SUBMIT, body, payload)

    def work(self) -> None:
        """One more batch, and whatever has come meanwhile, up to the answer of an old one."""
        self.unanswered[self.next_seq] = 0
        self.send(self.next_seq)
        self.next_seq += self.BATCH
        while len(self.unanswered) > 8:
            self.take_one()

    def finish(self) -> None:
        while self.unanswered:
            self.take_one()

    def take_one(self) -> None:
        got = self.talker.next()
        if got is None:
            raise ConnectionError("the node is gone")
        kind, about, body, payload = got
        if kind == wire.ERROR:
            raise wire.Broken(wire.error(body, about))
        if kind == wire.VERDICTS:
            for verdict in wire.verdicts(body):
                self.take_verdict(verdict)
        elif kind == wire.RESULTS:
            for result in wire.results(body, payload):
                self.see(result, payload)

    def take_verdict(self, verdict: wire.Verdict) -> None:
        if verdict.status not in (0, 4) or verdict.level != ASYNC:
            raise wire.Broken(f"not accepted at level async: {verdict}")
        self.repeats[verdict.status] += verdict.count
        numbers = range(verdict.first, verdict.first + verdict.count)
        self.accepted.update(numbers)
        for first in {1 + (number - 1) // self.BATCH * self.BATCH for number in numbers}:
            if self.accepted.issuperset(range(first, first + self.BATCH)):
                self.unanswered.pop(first, None)

    def see(self, result: wire.Result, payload: bytes) -> None:
        if result.fate != 1:
            raise wire.Broken(f"{result} of a task that cannot fail")
        value = payload[result.offset : result.offset + result.size]
        self.again += result.seq in self.seen
        if self.seen.setdefault(result.seq, value) != value:
            raise wire.Broken(f"{result.seq} was {self.seen[result.seq]!r} before, now {value!r}")

    def fetch_all(self) -> None:
        numbers = sorted(self.accepted)
        for at in range(0, len(numbers), 2000):
            some = numbers[at : at + 2000]
            open_ = set(some)
            ids = [(self.talker.session, seq, 0, 0) for seq in some]
            asked = self.talker.send(wire.GET, mini.get(ids, 60_000_000))
            while open_:
                kind, _, body, payload = self.talker.next()
                if kind != wire.RESULTS:
                    continue
                for result in wire.results(body, payload):
                    self.see(result, payload)
                    if result.correlation == asked:
                        open_.remove(result.seq)


class Kills(unittest.TestCase):
    def test_what_a_client_has_seen_stays(self):
        """A result is what was left of an hour: no two runs of a task have the same."""
        dice = random.Random(SEED)
        with Node() as node:
            client = Client(node)
            client.work()
            client.finish()  # something of the session is on the disk
            for kill in range(KILLS):
                most = 60_000 // KILLS * (kill + 1)  # a session may have 65,536 that nobody fetched
                until = time.monotonic() + dice.uniform(0.0, 0.3)  # the fault's moment
                try:
                    while time.monotonic() < until:
                        if client.next_seq < most:
                            client.work()
                        time.sleep(0.001)
                except ConnectionError as gone:
                    self.fail(f"{gone}: {node.log()[-4000:]}")
                node.kill()
                node.start()
                client.come_back()
            client.finish()
            client.fetch_all()
            print(f"  {KILLS} kills: {len(client.accepted)} accepted, {client.repeats[4]} of them "
                  f"told twice, {client.again} results seen again, none lost")  # fmt: skip
            self.assertEqual(set(client.seen), client.accepted)
            self.assertEqual(len(client.accepted), client.next_seq - 1)
            self.assertGreater(client.repeats[4], 0, "no kill came at a bad moment")
            self.assertGreater(len(set(client.seen.values())), 1, "runs cannot be told apart")

    def replay(self, node: Node) -> subprocess.Popen:
        return restart_test.Restarts.replay(self, node, "async")

    def finish(self, replay: subprocess.Popen, node: Node) -> None:
        report = restart_test.Restarts.finish(self, replay, node)
        self.assertEqual((report["tasks"], report["verified"]), (600, 600))

    def test_the_node_during_replays(self):
        """Replay after replay, until it has been killed so often in the middle of one."""
        dice, kills, replays = random.Random(SEED), 0, 0
        while kills < KILLS:
            with Node() as node:
                replay = self.replay(node)
                replays += 1
                while kills < KILLS and replay.poll() is None:
                    time.sleep(dice.uniform(0.05, 0.4))
                    if replay.poll() is None:
                        node.kill()
                        node.start()
                        kills += 1
                self.finish(replay, node)
        print(f"  {kills} kills in {replays} replays")

    def test_workers_during_replays(self):
        dice, kills, replays = random.Random(SEED), 0, 0
        while kills < KILLS:
            with Node("function.step.host=worker", *PATIENT) as node:
                replay = self.replay(node)
                replays += 1
                before = kills
                while replay.poll() is None:
                    time.sleep(dice.uniform(0.02, 0.1))
                    kills += self.kill_one(node, dice)
                self.finish(replay, node)
                died = node.json("status")["tasks"]["runs_died"]
                self.assertGreater(died, 0)
                self.assertLessEqual(died, kills - before)
        print(f"  {kills} kills in {replays} replays")

    def test_workers_in_the_middle_of_moves(self):
        """Only one that runs something now, which is a piece of a move."""
        dice, kills, games = random.Random(SEED), 0, 0
        while kills < KILLS:
            with Node(*mcts_test.LIBRARY, *PATIENT[:-1]) as node:
                game = subprocess.Popen(
                    mcts_test.mcts(*mcts_test.QUICK, address=node.address),
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                )  # fmt: skip
                games += 1
                while game.poll() is None:
                    time.sleep(dice.uniform(0.05, 0.2))
                    kills += self.kill_one(node, dice, running=True)
                out, err = game.communicate(timeout=60)
                self.assertEqual(game.returncode, 0, f"{err}\n{node.log()[-4000:]}")
                report = json.loads(out)
                self.assertEqual(report["won"] + report["lost"] + report["drawn"], report["games"])
                self.assertEqual(report["over_tasks"]["late_moves"], 0, report)
                self.assertGreater(report["over_tasks"]["answers"], 0, report)
        print(f"  {kills} kills in {games} matches")

    @staticmethod
    def kill_one(node: Node, dice: random.Random, running: bool = False) -> int:
        workers = restart_test.workers_of(node.process.pid)
        dice.shuffle(workers)
        for pid in workers:
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
                if not running or stat.rpartition(")")[2].split()[0] == "R":
                    os.kill(pid, signal.SIGKILL)
                    return 1
            except OSError:
                pass  # it has ended meanwhile
        return 0


if __name__ == "__main__":
    if not (BIN / "spillgated").exists():
        sys.exit(f"{BIN}/spillgated: build it first (ops/build)")
    print(f"seed {SEED} (again: SPILLGATE_SEED={SEED})", flush=True)
    unittest.main(verbosity=2, warnings="ignore")
