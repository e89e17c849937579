#!/usr/bin/env python3
"""Slots that follow what runs: more than there are CPUs while what runs waits for something
outside, and no more where it computes."""

import os
import pathlib
import sys
import unittest

from command import Case, CommandNode
from node import settle

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "slow"))
import slots  # noqa: E402  pylint: disable=wrong-import-position


class Slots(Case):
    def node_with(self, *settings: str) -> CommandNode:
        node = CommandNode("node.resources.cpu=1", *settings)
        self.addCleanup(node.__exit__)
        self.node = node
        node.start()
        return node

    def slots(self) -> dict:
        return self.node.json("stages")["slots"]

    def flood(self, function: str, micros: int, count: int):
        """Roots of one function without a deadline: none is refused."""
        process = self.node.begin("submit", function, "--arg", str(micros), "-n", str(count),
                                  "--wait", "-a", self.node.address)  # fmt: skip
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_what_sleeps_gets_more_slots_than_there_are_cpus(self):
        self.node_with("pool.exec.threads=16")
        self.flood("sleep", 50_000, 1_000_000)
        settle(lambda: self.slots()["extra"] == 15, "as many as the config allows")
        self.assertGreaterEqual(self.node.json("status")["threads"]["busy"], 2)

    def test_what_computes_does_not(self):
        self.node_with("pool.exec.threads=16")
        flood = self.flood("spin", 1_000, 1_000)
        most = 0
        while flood.poll() is None:
            most = max(most, self.slots()["extra"])
        self.assertEqual(flood.returncode, 0)
        self.assertLessEqual(most, 2)

    def test_without_leave_it_only_says_how_many_would_be_of_use(self):
        self.node_with()
        self.flood("sleep", 50_000, 1_000_000)
        settle(lambda: self.slots()["extra_useful"] > 0, "the CPU is idle while work waits")
        self.assertEqual(self.slots()["extra"], 0)
        self.assertLessEqual(self.node.json("status")["threads"]["busy"], 1)

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "needs two cores")
    def test_on_a_load_that_shifts_they_follow(self):
        # A short version of tests/slow/slots.py, without its times.
        row = slots.run(("node.resources.cpu=1", "pool.exec.threads=16"), 2.0, 4)
        self.assertEqual(row["problems"], [], row)
        one_slot = 1e6 / slots.WAITS.argument_us
        for good in row["good_per_s"][1::2]:
            self.assertGreater(good, 1.2 * one_slot, row)


if __name__ == "__main__":
    unittest.main()
