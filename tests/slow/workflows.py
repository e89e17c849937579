#!/usr/bin/env python3
"""Every recorded workflow, replayed and verified: by default, with a pool for every stage, with the
throughput profile, and in worker processes. The node then ends by itself, and says nothing bad.

workflows.sh runs it against each build that there is; SPILLGATE_BIN names the folder of one.
"""

import re
import sys
import unittest

import wire  # for the path to tests/e2e

import replay_test
from node import BIN, Node
from wire import ROOT

PROFILES = ROOT / "config" / "profiles"
BAD = re.compile(r"Sanitizer|runtime error|DATA RACE|\"level\":\"error\"|CHECK")


class Workflows(replay_test.Replays):
    def replay_all(self, *settings: str, config: str = "") -> None:
        files = sorted(replay_test.WORKFLOWS.glob("*.json"))
        self.assertGreaterEqual(len(files), 8, f"{replay_test.WORKFLOWS} is not whole")
        with Node(*settings, config=config) as node:
            for file in files:
                with self.subTest(file.name):
                    self.check(file, self.replay(node, file, "--verify"))
            flight = node.json("status")["in_flight"]
            self.assertEqual((flight["count"], flight["bytes"]), (0, 0))
            # Leaks are told at the end.
            self.assertEqual(node.stop(within_s=wire.SECONDS), 0, node.log()[-8000:])
            self.assertIsNone(BAD.search(node.log()), node.log()[-8000:])

    def test_by_default(self):
        self.replay_all(config=str(PROFILES / "default.toml"))

    def test_with_a_pool_for_every_stage(self):
        self.replay_all(config=str(PROFILES / "classic-seda.toml"))

    def test_with_large_batches(self):
        self.replay_all(config=str(PROFILES / "throughput.toml"))

    def test_in_worker_processes(self):
        self.replay_all(*replay_test.IN_WORKERS)

    def test_in_worker_processes_with_a_pool_for_every_stage(self):
        self.replay_all(*replay_test.IN_WORKERS, config=str(PROFILES / "classic-seda.toml"))


if __name__ == "__main__":
    if not (BIN / "spillgated").exists():
        sys.exit(f"{BIN}/spillgated: build it first (ops/build)")
    unittest.main(verbosity=2, warnings="ignore")
