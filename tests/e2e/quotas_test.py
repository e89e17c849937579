#!/usr/bin/env python3
"""Quotas on a real node: the tasks that a client may have unfinished, and those that may come in a
second."""

import pathlib
import sys
import time
import unittest

from command import Case, CommandNode

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "slow"))
import wire  # noqa: E402  pylint: disable=wrong-import-position

CLIENT_QUOTA, RATE = 21, 22


class Quotas(Case):
    def setUp(self):
        self.node = CommandNode(
            "auth.tenants_by_name=true", "tenant.slow.rate=20", "tenant.few.client_in_flight=2"
        )
        self.addCleanup(self.node.__exit__)
        self.node.start()

    def refused(self, reason: str) -> int:
        stages = self.node.json("stages")["stages"]
        [submission] = [stage for stage in stages if stage["stage"] == "submission"]
        return submission["refused_by_reason"].get(reason, 0)

    def ask_raw(self, tenant: str, function: str, count: int, argument: bytes = b"") -> int:
        """Why the last of so many were refused, to one who heeds no credit."""
        with wire.Talker(self.node.socket, name=tenant) as talker:
            body, payload = wire.submit(talker.register(function), 1, count, argument)
            verdicts = wire.verdicts(talker.ask(wire.SUBMIT, body, wire.VERDICTS, payload)[2])
        self.assertGreater(verdicts[-1].retry_us, 0)
        return verdicts[-1].reason

    def test_a_tenant_comes_no_faster_than_its_rate(self):
        began = time.monotonic()
        # Twenty at once, the others as the rate has it; who comes again as told loses none.
        self.run_ok("--tenant", "slow", "submit", "noop", "-n", "25", "--retries", "100", "--wait")
        self.assertGreaterEqual(time.monotonic() - began, 0.24)
        self.assertEqual(self.ask_raw("slow", "noop", 25), RATE)
        self.assertGreater(self.refused("rate"), 0)
        self.run_ok("submit", "noop", "-n", "100", "--wait")

    def test_a_client_has_so_many_unfinished_tasks(self):
        self.assertEqual(self.ask_raw("few", "sleep", 5, b"100000"), CLIENT_QUOTA)
        self.assertEqual(self.refused("client_quota"), 3)
        # What goes before the first credit has come may be refused, and comes again.
        self.run_ok("--tenant", "few", "submit", "sleep", "--arg", "1000", "-n", "5",
                    "--retries", "100", "--wait")  # fmt: skip
        # Two at a time: the first two spawn 3 of 3 each, and wait for all of them.
        self.run_ok("--tenant", "few", "submit", "spawn", "--arg", "3", "--arg", "2", "--arg", "10",
                    "-n", "2", "--wait")  # fmt: skip


class SmallNode(Case):
    def test_nested_roots_that_fill_it_all_end(self):
        # Five threads, all of whose tasks wait for room, while others wait for a thread.
        node = CommandNode("auth.tenants_by_name=true", "limits.in_flight=8",
                           "tenant.all.in_flight=8", "node.resources.cpu=1",
                           "stage.submission.controller=none")  # fmt: skip
        self.addCleanup(node.__exit__)
        node.start()
        self.node = node
        # A root that comes in a later frame than the others may find the places taken by what they
        # spawn: it comes again.
        done = self.run_ok("--tenant", "all", "--timeout", "50s", "submit", "tree", "--arg", "spin",
                           "--arg", "1000", "--arg", "3", "--arg", "2", "--text", "t", "-n", "8",
                           "--retries", "100", "--wait")  # fmt: skip
        self.assertEqual(done.split(), [b"t13"] * 8)


if __name__ == "__main__":
    unittest.main()
