#!/usr/bin/env python3
"""Real workflows through a real node: each task once, in dependency order.

What happens when nodes and workers are killed meanwhile is in restart_test.py.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from node import ROOT, Node  # noqa: E402  pylint: disable=wrong-import-position

WORKFLOWS = ROOT.parent / "shared" / "workflows"
TIME_SCALE = 0.0001  # the longest takes 3 s of one slot
SECONDS = 240  # for one replay, sanitized, on a busy machine
IN_WORKERS = ("function.step.host=worker", "workers.prestart=2")


def diamond(**changes: list[str]) -> dict:
    """A workflow of our own: a, then b and c, then d, of a second each."""
    edges = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], **changes}
    return {
        "name": "diamond",
        "schemaVersion": "1.5",
        "workflow": {
            "specification": {
                "tasks": [{"name": i, "id": i, "parents": p} for i, p in edges.items()],
                "files": [],
            },
            "execution": {"tasks": [{"id": i, "runtimeInSeconds": 1} for i in edges]},
        },
    }


class Replays(unittest.TestCase):
    def start(
        self, node: Node, file, *words: str, scale: float = TIME_SCALE
    ) -> subprocess.CompletedProcess:
        how = ("--time-scale", str(scale), "--timeout", f"{SECONDS}s", "-o", "json")
        return node.run("replay", str(file), *how, *words, timeout=SECONDS + 60)

    def replay(self, node: Node, file, *words: str, scale: float = TIME_SCALE) -> dict:
        done = self.start(node, file, *words, scale=scale)
        self.assertEqual(done.returncode, 0, f"{file}: {done.stderr}\n{node.log()[-4000:]}")
        return json.loads(done.stdout)

    def refusal(self, node: Node, file, *words: str) -> str:
        done = self.start(node, file, *words)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def write(self, workflow: dict) -> str:
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            json.dump(workflow, file)
        self.addCleanup(os.unlink, file.name)
        return file.name

    def check(self, file, report: dict) -> None:
        with open(file, encoding="utf-8") as text:
            tasks = json.load(text)["workflow"]["specification"]["tasks"]
        self.assertEqual(report["tasks"], len(tasks))
        self.assertEqual(report["edges"], sum(len(task["parents"]) for task in tasks))
        self.assertEqual(report["verified"], len(tasks))
        self.assertGreaterEqual(report["makespan_s"], report["critical_path_s"])


class OfOurOwn(Replays):
    def test_a_diamond_is_verified(self):
        file = self.write(diamond())
        with Node() as node:
            for work in ("sleep", "spin"):
                report = self.replay(node, file, "--verify", "--work", work, scale=0.01)
                self.check(file, report)
                self.assertAlmostEqual(report["critical_path_s"], 0.03)
                self.assertAlmostEqual(report["work_s"], 0.04)
            self.assertEqual(self.replay(node, file)["verified"], 0)

    def test_wrong_results_are_caught(self):
        """`hash` runs just as well, in the same order, and returns something else."""
        file = self.write(diamond())
        with Node() as node:
            self.replay(node, file, "--function", "hash")
            problem = self.refusal(node, file, "--verify", "--function", "hash")
            self.assertIn('task "a" ended with a wrong result', problem)

    def test_a_failing_task_is_named(self):
        file = self.write(diamond())
        with Node() as node:
            self.assertIn('task "a"', self.refusal(node, file, "--function", "fail"))

    def test_bad_files_are_refused_in_one_sentence(self):
        bad = {
            "circle": diamond(a=["d"]),
            '"nobody", and there is no such task': diamond(b=["nobody"]),
            "schemaVersion": {**diamond(), "schemaVersion": "1.3"},
        }
        with Node() as node:
            for what, workflow in bad.items():
                self.assertIn(what, self.refusal(node, self.write(workflow)))
            self.assertIn("/no/such.json", self.refusal(node, "/no/such.json"))

    def test_waits_for_room_in_a_small_window(self):
        """Refused steps, and steps that need them, are submitted again until all have run."""
        ids = [f"t{i}" for i in range(200)]
        line = {i: ids[max(0, n - 3) : n] for n, i in enumerate(ids)}
        wide = {f"w{i}": ["t199"] for i in range(200)}
        file = self.write(diamond(**line, **wide, last=list(wide)))
        with Node("limits.root_window=8", "limits.spawn_reserve=4") as node:
            self.check(file, self.replay(node, file, "--verify", scale=0))


@unittest.skipUnless(WORKFLOWS.exists(), f"there are no records of workflows in {WORKFLOWS}")
class Recorded(Replays):
    def replay_all(self, *settings: str, config: str = "") -> None:
        files = sorted(WORKFLOWS.glob("*.json"))
        self.assertGreaterEqual(len(files), 8)
        with Node(*settings, config=config) as node:
            for file in files:
                with self.subTest(file.name):
                    self.check(file, self.replay(node, file, "--verify"))

    def test_by_default(self):
        self.replay_all()

    def test_with_a_pool_for_every_stage(self):
        self.replay_all(config=str(ROOT / "config" / "profiles" / "classic-seda.toml"))

    def test_in_worker_processes(self):
        self.replay_all(*IN_WORKERS)

    def test_with_hints_and_at_each_level(self):
        file = next(WORKFLOWS.glob("sarek*.json"))
        with Node() as node:
            for level in ("none", "async", "sync"):
                words = ("--verify", "--slots-hint", "--level", level)
                self.check(file, self.replay(node, file, *words))


if __name__ == "__main__":
    unittest.main(verbosity=2)
