#!/usr/bin/env python3
"""The admin port of a real node: metrics, status and health; and the dashboard's every expression.

With SPILLGATE_PROMETHEUS=1 a real Prometheus scrapes the node and evaluates them; otherwise their
names and labels are looked for in the scrape.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from node import BIN, ROOT, Node  # noqa: E402  pylint: disable=wrong-import-position


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Admin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.url = f"http://127.0.0.1:{free_port()}"
        admin = cls.url.removeprefix("http://")
        cls.node = Node(f"listen.admin={admin}", "stage.submission.dry_run=bound")
        cls.node.start()
        cls.node.run("submit", "echo", "--arg", "hello", "--count", "500", "--wait")

    @classmethod
    def tearDownClass(cls):
        cls.node.__exit__()

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read().decode()

    def test_the_dashboard_finds_all_that_it_shows(self):
        words = [sys.executable, str(ROOT / "tests" / "ops" / "dashboard_test.py"), self.url]
        if os.environ.get("SPILLGATE_PROMETHEUS") != "1":
            words.append("--no-prometheus")
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, cwd=ROOT)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_counts_are_those_of_the_tasks(self):
        text = self.get("/metrics")
        done = [line for line in text.splitlines() if 'outcome="done"' in line]
        self.assertTrue(done, text[:2000])
        self.assertGreaterEqual(float(done[0].rsplit(" ", 1)[1]), 500)

    def test_what_is_kept_and_written_is_told(self):
        def told(name: str) -> float:
            [line] = [line for line in self.get("/metrics").splitlines()
                      if line.startswith(f"spillgate_{name} ")]  # fmt: skip
            return float(line.rsplit(" ", 1)[1])

        before = told("journal_written_records_total")
        self.node.run("submit", "echo", "--arg", "x" * 1000, "--level", "sync", "--wait")
        self.assertGreaterEqual(told("journal_written_records_total"), before + 2)
        self.assertGreaterEqual(told("journal_syncs_total"), 1)
        self.assertGreater(told("values_limit_bytes"), 1 << 20)
        self.assertLess(told("values_bytes"), told("values_limit_bytes"))

    def test_stages_are_in_the_order_in_which_tasks_travel(self):
        stages = [stage["stage"] for stage in json.loads(self.get("/api/v1/stages"))["stages"]]
        self.assertEqual(
            stages,
            ["submission", "resolution", "scheduling", "spillover", "execution", "publication"],
        )

    def test_it_says_that_it_is_well(self):
        self.assertTrue(self.get("/healthz"))
        self.assertTrue(self.get("/readyz"))

    def test_other_hosts_names_are_refused(self):
        request = urllib.request.Request(self.url + "/metrics", headers={"Host": "evil.example"})
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        self.assertEqual(refused.exception.code, 403)


if __name__ == "__main__":
    if not (BIN / "spillgated").exists():
        sys.exit(f"{BIN}/spillgated: build it first (ops/build)")
    unittest.main(verbosity=2)
