#!/usr/bin/env python3
"""Slots that follow what runs: more than there are CPUs while what runs waits for something
outside, and no more where it computes."""

import unittest

from command import Case, CommandNode
from node import settle


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


if __name__ == "__main__":
    unittest.main()
