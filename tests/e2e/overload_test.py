#!/usr/bin/env python3
"""Overload on a real node: what holds whatever the machine does meanwhile. How fast is for the
benchmarks to say."""

import json
import time
import unittest

from command import Case, CommandNode
from node import settle


class Overload(Case):
    def setUp(self):
        self.node = CommandNode("node.resources.cpu=1", "auth.tenants_by_name=true")
        self.addCleanup(self.node.__exit__)
        self.node.start()

    def flood(self, bench: str, *words: str):
        """Roots with deadlines, three times as many as the node can run, for some seconds."""
        process = self.node.begin("bench", bench, "--x", "3", "--seconds", "1", *words,
                                  "-a", self.node.address, "-o", "json")  # fmt: skip
        self.addCleanup(process.kill)
        return process

    def refused(self) -> int:
        stages = self.node.json("stages")["stages"]
        [submission] = [stage for stage in stages if stage["stage"] == "submission"]
        return sum(submission["refused_by_reason"].values())

    def test_what_can_wait_is_done_beside_what_cannot(self):
        flood = self.flood("overload")
        settle(lambda: self.refused() > 100, "the node refuses")
        # A second of work without a deadline: it is not refused, and has half of the slot time.
        values = self.run_ok("submit", "spin", "--arg", "500", "-n", "2000", "--wait")
        self.assertEqual(values.count(b"\n"), 2000)
        out, err = flood.communicate(timeout=120)
        [row] = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(row["errors"], 0, err)
        deferred = self.node.json("status")["tasks"]["deferred"]
        self.assertGreater(deferred["run"], 0)
        self.assertEqual((deferred["expired"], deferred["cancelled"]), (0, 0))

    def test_refusals_say_when_to_come_again_and_leave_nothing_behind(self):
        flood = self.flood("fair", "--tenants", "2")
        settle(lambda: self.refused() > 100, "the node refuses")
        began = time.monotonic()
        self.node.json("stages")
        self.assertLess(time.monotonic() - began, 30, "the command is answered meanwhile")
        out, err = flood.communicate(timeout=120)
        [row] = [json.loads(line) for line in out.splitlines()]
        self.assertEqual((row["errors"], row["silent"]), (0, 0), err)
        self.assertGreater(row["refused_ratio"], 0)
        status = self.node.json("status")
        self.assertEqual(status["in_flight"]["count"], 0)
        self.assertEqual(status["in_flight"]["bytes"], 0)


if __name__ == "__main__":
    unittest.main()
