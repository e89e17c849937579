#!/usr/bin/env python3
"""kill -9 of the node at random moments of a replay at level async, and of its workers.

Nothing that was acknowledged is lost, nothing is published twice, and the results are right. Stops,
which lose nothing either, and functions that take the node with them.

SPILLGATE_KILLS sets how often (default 4); ops/test all asks for 20.
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
from node import BIN, Node, settle  # noqa: E402  pylint: disable=wrong-import-position

KILLS = int(os.environ.get("SPILLGATE_KILLS", "4"))
SEED = int(os.environ.get("SPILLGATE_SEED", "1"))


def chain(width: int, depth: int, runtime_s: float) -> dict:
    """A workflow in WfFormat 1.5: `depth` levels of `width` tasks; each needs two of the last."""
    tasks, runs = [], []
    for level in range(depth):
        for i in range(width):
            name = f"t{level}_{i}"
            parents = [f"t{level - 1}_{j % width}" for j in (i, i + 1)] if level else []
            below = (i, i - 1) if level + 1 < depth else ()
            children = [f"t{level + 1}_{j % width}" for j in below]
            tasks.append(
                {
                    "name": name,
                    "id": name,
                    "parents": sorted(set(parents)),
                    "children": sorted(set(children)),
                    "inputFiles": [],
                    "outputFiles": [],
                }
            )
            runs.append({"id": name, "runtimeInSeconds": runtime_s})
    return {
        "name": "levels",
        "schemaVersion": "1.5",
        "workflow": {
            "specification": {"tasks": tasks, "files": []},
            "execution": {
                "makespanInSeconds": 0,
                "executedAt": "2026-01-01T00:00:00Z",
                "tasks": runs,
            },
        },
    }


def workers_of(pid: int) -> list[int]:
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            name = (entry / "comm").read_text().strip()
        except (OSError, IndexError):
            continue
        if parent == pid and name == "sg-worker":
            found.append(int(entry.name))
    return found


class Restarts(unittest.TestCase):
    def replay(self, node: Node, level: str) -> subprocess.Popen:
        path = node.dir / "levels.json"
        path.write_text(json.dumps(chain(width=20, depth=30, runtime_s=0.01)))
        return subprocess.Popen(
            node.command("-o", "json", "--timeout", "240s", "replay", str(path), "--verify",
                         "--level", level),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )

    def finish(self, replay: subprocess.Popen, node: Node) -> dict:
        out, err = replay.communicate(timeout=300)
        self.assertEqual(replay.returncode, 0, f"{err}\n{node.log()[-4000:]}")
        return json.loads(out)

    def test_node_killed_in_the_middle(self):
        dice = random.Random(SEED)
        with Node() as node:
            replay = self.replay(node, "async")
            # One that is not there when the client begins is no fault that it should survive.
            settle(lambda: node.json("status")["tasks"]["runs"] > 0, "something runs")
            kills = 0
            while kills < KILLS and replay.poll() is None:
                time.sleep(dice.uniform(0.05, 0.4))  # the fault's moment, not a synchronisation
                node.kill()
                node.start()
                kills += 1
            report = self.finish(replay, node)
            self.assertEqual(report["tasks"], 600)
            self.assertEqual(report["verified"], 600)
            self.assertGreaterEqual(kills, 1)

    def test_workers_killed_in_the_middle(self):
        dice = random.Random(SEED)
        with Node("function.step.host=worker", "workers.prestart=2",
                  "workers.retry_backoff=5ms", "workers.poison_deaths=20", "workers.max_retries=20",
                  "workers.retry_budget=1.0") as node:
            replay = self.replay(node, "none")
            kills = 0
            while replay.poll() is None and kills < 10 * KILLS:
                time.sleep(dice.uniform(0.02, 0.2))
                for pid in workers_of(node.process.pid)[:1]:
                    try:
                        os.kill(pid, 9)
                        kills += 1
                    except ProcessLookupError:
                        pass
            report = self.finish(replay, node)
            self.assertEqual(report["verified"], 600)
            self.assertGreaterEqual(kills, 1)

    def test_a_task_that_spawns_something_else_when_it_runs_again(self):
        library = f"library.greeter.path={BIN.resolve() / 'libtest_greeter.so'}"
        with Node(library, "workers.retry_backoff=5ms") as node:
            got = node.run("submit", "stray", "--arg", "2", "--wait")
            said = "hello you.hello 3.hello you."
            self.assertEqual((got.returncode, got.stdout.strip()), (0, said), got.stderr)
            # What only earlier runs have spawned ends with the task: "1", "2", and what both have
            # spawned, which sleeps for an hour.
            tasks = settle(lambda: self.cancelled(node, 1), "the child that sleeps is cancelled")
            self.assertEqual(tasks["spawns_unmatched"], 3)
            self.assertEqual(tasks["retried"], 2)

    @staticmethod
    def cancelled(node: Node, count: int) -> dict | None:
        tasks = node.json("status")["tasks"]
        return tasks if tasks["ended"]["cancelled"] == count else None

    def test_results_outlive_the_node(self):
        with Node() as node:
            put = node.run("submit", "sum", "--arg", "20", "--arg", "22", "--level", "sync")
            self.assertEqual(put.returncode, 0, put.stderr)
            task = put.stdout.strip()
            self.assertEqual(node.run("wait", task).returncode, 0)
            node.kill()
            node.start()
            got = node.run("get", task)
            self.assertEqual((got.returncode, got.stdout.strip()), (0, "42"), got.stderr)

    def submitted(self, node: Node, *words: str) -> list[str]:
        done = node.run("submit", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def test_draining_ends_what_was_accepted(self):
        with Node() as node:
            ids = self.submitted(node, "sleep", "--arg", "1000000", "--arg", "woke", "--count", "4",
                                 "--level", "async")
            self.assertGreater(node.json("status")["in_flight"]["count"], 0, "it shows nothing")
            self.assertEqual(node.stop(), 0)
            node.start()
            self.assertIn("0 tasks go on, 4 results are kept", node.log())
            got = node.run("get", *ids)
            self.assertEqual((got.returncode, got.stdout.split()), (0, ["woke"] * 4), got.stderr)

    def goes_on_after(self, node: Node, stop) -> None:
        sleep = ("sleep", "--arg", "3000000", "--arg", "woke")
        ids = self.submitted(node, *sleep, "--count", "2", "--level", "sync")
        ids += self.submitted(node, *sleep, "--level", "async")
        stop()
        self.assertEqual(node.process.wait(60), 0)
        node.start()
        self.assertIn("3 tasks go on, 0 results are kept", node.log())
        got = node.run("get", *ids)
        self.assertEqual((got.returncode, got.stdout.split()), (0, ["woke"] * 3), got.stderr)

    def test_what_a_stop_cuts_short_goes_on_in_the_next_process(self):
        for host in ("exec", "worker"):
            with self.subTest(host=host), Node(f"function.sleep.host={host}") as node:

                def twice(node=node):
                    node.process.send_signal(signal.SIGTERM)
                    settle(lambda: "draining" in node.log(), "the node drains")
                    node.process.send_signal(signal.SIGTERM)

                self.goes_on_after(node, twice)

    def test_what_may_run_once_and_had_not_begun_goes_on_too(self):
        few = {"exec": "pool.exec.threads=1", "worker": "workers.max=1"}
        for host, one in few.items():
            with self.subTest(host=host), Node(
                f"function.sleep.host={host}", one, "workers.extra_blocked=0",
                "workers.max_retries=0", "node.resources={cpu=4}",
            ) as node:
                sleep = ("sleep", "--arg", "3000000", "--arg", "woke")
                self.submitted(node, *sleep, "--count", "4", "--level", "sync")
                runs = lambda node=node: node.json("status")["tasks"]["runs"]  # noqa: E731
                settle(lambda runs=runs: runs() >= 4, "all have a place")
                node.process.send_signal(signal.SIGTERM)
                settle(lambda node=node: "draining" in node.log(), "the node drains")
                node.process.send_signal(signal.SIGTERM)
                self.assertEqual(node.process.wait(60), 0)
                node.start()
                self.assertIn("3 tasks go on, 1 results are kept", node.log())

    def test_what_a_drain_has_no_time_for_goes_on_in_the_next_process(self):
        with Node("limits.drain=100ms") as node:
            self.goes_on_after(node, lambda: node.process.send_signal(signal.SIGTERM))

    def test_who_waits_for_what_goes_on_nowhere_is_told(self):
        with Node() as node:
            waiting = subprocess.Popen(
                node.command("submit", "sleep", "--arg", "600000000", "--level", "none", "--wait"),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            settle(lambda: node.json("status")["threads"]["busy"] == 1, "it sleeps")
            node.process.send_signal(signal.SIGTERM)
            settle(lambda: "draining" in node.log(), "the node drains")
            node.process.send_signal(signal.SIGTERM)
            self.assertEqual(node.process.wait(60), 0)
            _, said = waiting.communicate(timeout=60)
            self.assertEqual(waiting.returncode, 1, said)
            self.assertIn("the node stopped while it ran", said)

    def crash_after(self, node: Node, word: str, *function: str) -> str:
        """A function that is told `word`, and ends the node, once its task was acknowledged."""
        before = self.submitted(node, "sleep", "--arg", "2000000", "--arg", word,
                                "--level", "async")
        task = self.submitted(node, *function, "--future", before[0], "--level", "async")[0]
        self.assertLess(node.process.wait(60), 0, "the node dies of a signal")
        node.start()
        got = node.run("get", task)
        self.assertEqual(got.returncode, 1, got.stderr)
        summed = node.run("submit", "sum", "--arg", "20", "--arg", "22", "--wait")
        self.assertEqual(summed.stdout.strip(), "42", summed.stderr)
        self.assertEqual(node.json("status")["tasks"]["runs_died"], 2, "with the first: poison")
        self.assertEqual(node.stop(), 0)
        return got.stderr

    def test_a_crash_of_a_native_function_ends_the_node_once(self):
        with Node("function.crash.host=exec", "workers.retry_backoff=5ms") as node:
            said = self.crash_after(node, "11", "crash")
            self.assertIn("3 workers died running it", said)
            self.assertIn("1 of them ran on threads of a node that died", node.log())

    def test_a_child_that_crashes_a_thread_ends_the_node_once(self):
        library = f"library.greeter.path={BIN.resolve() / 'libtest_greeter.so'}"
        with Node("function.crash.host=exec", "workers.retry_backoff=5ms", library,
                  "library.greeter.host=in_process") as node:
            self.crash_after(node, "crash", "relay")


if __name__ == "__main__":
    if not (BIN / "spillgated").exists():
        sys.exit(f"{BIN}/spillgated: build it first (ops/build)")
    unittest.main(verbosity=2)
