#!/usr/bin/env python3
"""The tree search of client/examples/mcts on a real node, with its functions in worker processes.

SPILLGATE_MATCH is how many games the match for strength has; without it that match is skipped, as
it says nothing on a machine that is busy with other things.
"""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from node import BIN, Node  # noqa: E402  pylint: disable=wrong-import-position

SLACK_MS = 2000  # of a move, on a machine that builds and tests other things meanwhile
QUICK = ("--games", "2", "--move-ms", "50", "--slack-ms", str(SLACK_MS), "-o", "json")
SECONDS = 300
LIBRARY = (f"library.mcts.path={BIN.resolve()}/mcts_functions.so", "workers.prestart=2")


def mcts(*words: str, address: str = "") -> list[str]:
    return [str(BIN / "mcts"), *(("-a", address) if address else ()), *words]


def run(*words: str, address: str = "", seconds: float = SECONDS) -> subprocess.CompletedProcess:
    return subprocess.run(
        mcts(*words, address=address), capture_output=True, text=True, timeout=seconds, check=False
    )


def workers_of(pid: int) -> list[int]:
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            name = (entry / "comm").read_text().strip()
        except (OSError, IndexError):
            continue  # it has ended meanwhile
        if parent == pid and name == "sg-worker":
            found.append(int(entry.name))
    return found


class Mcts(unittest.TestCase):
    def check(self, code: int, out: str, err: str, node: Node, *also: str) -> None:
        """`also`: what counts as an answer besides those that came within their move."""
        self.assertEqual(code, 0, f"{err}\n{node.log()[-4000:]}")
        report = json.loads(out)
        self.assertEqual(report["won"] + report["lost"] + report["drawn"], report["games"])
        for player in ("over_tasks", "one_thread"):
            self.assertGreater(report[player]["moves"], 20)
            self.assertEqual(report[player]["late_moves"], 0, report)
        # How many come within a move is the machine's, and the build's: with sanitizers one in two.
        tasks = report["over_tasks"]
        answers = sum(tasks[each] for each in ("answers", *also))
        self.assertGreater(answers, tasks["moves"] / 4, report)

    def play(self, *settings: str) -> None:
        with Node(*LIBRARY, *settings) as node:
            done = run(*QUICK, address=node.address)
            self.check(done.returncode, done.stdout, done.stderr, node)

    def test_plays_in_workers(self):
        self.play()

    def test_plays_in_the_node(self):
        self.play("library.mcts.host=in_process")

    def test_plays_on_while_workers_are_killed(self):
        dice = random.Random(3)
        with Node(*LIBRARY, "workers.retry_backoff=1ms", "workers.retry_budget=1.0") as node:
            game = subprocess.Popen(
                mcts(*QUICK, address=node.address),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            killed = 0
            until = time.monotonic() + SECONDS
            while game.poll() is None and time.monotonic() < until:
                time.sleep(dice.uniform(0.1, 0.3))  # the fault's moment, not a synchronisation
                for pid in workers_of(node.process.pid)[:1]:
                    try:
                        os.kill(pid, signal.SIGKILL)
                        killed += 1
                    except ProcessLookupError:
                        pass
            out, err = game.communicate(timeout=60)
            self.assertGreaterEqual(killed, 3)
            # A worker that dies as soon as it has begun gives few in time where it begins slowly.
            self.check(game.returncode, out, err, node, "late_answers")

    def test_says_what_is_missing(self):
        with Node() as node:
            done = run(*QUICK, address=node.address)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("mcts_expand", done.stderr)
        self.assertEqual(run(*QUICK, address="unix:///no/such.sock").returncode, 69)
        done = run("--games", "none")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--games", done.stderr)

    @unittest.skipUnless("SPILLGATE_MATCH" in os.environ, "SPILLGATE_MATCH is not set")
    def test_is_stronger_than_one_thread(self):
        with Node(*LIBRARY, "library.mcts.host=in_process") as node:
            games = os.environ["SPILLGATE_MATCH"]
            done = run(
                "--games", games, "--check", "-o", "json", address=node.address, seconds=3600
            )
            self.assertEqual(done.returncode, 0, f"{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
