#!/usr/bin/env python3
"""Overload on a real node: what holds whatever the machine does meanwhile. How fast is for the
benchmarks to say."""

import json
import subprocess
import time
import unittest

from bench_case import BenchCase
from command import Case, CommandNode
from node import BIN, settle

FATES = ("good", "late", "expired", "refused", "held", "silent")


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
        deferred = self.node.json("status")["tasks"]["deferred"]["slack"]
        self.assertGreater(deferred["run"], 0)
        # (The flood's own roots are patient too, and may expire, where the machine is slow.)
        self.assertEqual(deferred["cancelled"], 0)

    def test_a_map_with_time_to_go_is_all_done(self):
        # At first nothing is known of the function: the client sends as it is given credit, and
        # again as it is given more what is refused because the node has learned otherwise. What a
        # task costs is learned from runs that a busy machine makes ten times as long: so much more
        # time has a map of a second of work.
        for arg in ("200", "200", "500", "500"):
            values = self.run_ok("submit", "spin", "--arg", arg, "-n", "2000", "--wait",
                                 "--retries", "3", "--deadline", "20s")  # fmt: skip
            self.assertEqual(values.count(b"\n"), 2000)

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
        if row["verified"]:  # the machine left the sender the time that it needs
            # All for one would be 1 to the number of tenants.
            self.assertGreater(row["jain"], 1 / 3)
            self.assertGreater(row["least_of_tenant"], 0)
        status = self.node.json("status")
        self.assertEqual(status["in_flight"]["count"], 0)
        self.assertEqual(status["in_flight"]["bytes"], 0)

    def test_roots_come_in_the_class_that_they_are_offered_in(self):
        parts = ("--classes", "critical:0.2,high:0.2,sheddable:0.5")
        out, err = self.flood("overload", *parts).communicate(timeout=120)
        [row] = [json.loads(line) for line in out.splitlines()]
        self.assertEqual((row["errors"], row["silent"]), (0, 0), err)
        accepted = self.node.json("status")["tasks"]["accepted_by_class"]
        for each in row["classes"]:
            if each["class"] != "normal":  # as all are that were timed before
                sent = each["offered"] - each["refused"]
                self.assertEqual(accepted[each["class"]], sent, each)


class Roots(BenchCase):
    """Whatever the machine does meanwhile, the load generator knows what became of every root, and
    no task of an accepted root is refused."""

    def bench(self, *words: str) -> list[dict]:
        rows = self.run_bench("overload", *words)
        for row in rows:
            self.assertEqual(row["silent"], 0, row)
            self.assertEqual(sum(row[fate] for fate in FATES), row["n"], row)
            self.assertTrue(0 <= row["wasted_ratio"] <= 1, row)
            in_one_stream = "classes" not in row and "step" not in row
            self.assertEqual("drawn" in row, in_one_stream)
            if in_one_stream:
                self.assertEqual(self.drawn_again(row), row["n"], row)
        return rows

    def drawn_again(self, row: dict) -> int:
        """How many roots the simulator draws from what the row says."""
        drawn = [repr(row["drawn"][each])
                 for each in ("seed", "per_s", "seconds", "service_us", "burst")]  # fmt: skip
        words = ["--mix", row["mix"], "--x", "1", "--arrivals", "100",
                 "--again", ",".join([*drawn, repr(row["capacity_per_s"])])]  # fmt: skip
        done = subprocess.run([BIN / "frontier", *words], check=True, capture_output=True)
        return json.loads(done.stdout)["again"]["n"]

    def test_roots_of_many_tasks_are_judged_once(self):
        for shape, tasks in (("nested", 13), ("chain", 10), ("fan", 10)):
            with self.subTest(shape=shape):
                [row] = self.bench("--shape", shape, "--service", "300us", "--x", "3")
                self.assertEqual((row["shape"], row["size"]), (shape, tasks))
                self.assertEqual((row["clients"], row["held"], row["again"]), ("raw", 0, 0))
                received = row["received_per_s"] / row["offered_per_s"]
                self.assertGreater(received, 0, "some had their verdict before the end")
                self.assertLess(received, 1.001, "and each has one")
                # They all cost the same, so the work that came is their number.
                came = row["offered_per_s"] / (row["x"] * row["capacity_per_s"])
                self.assertAlmostEqual(row["offered_work_ratio"], came, places=2)

    def test_what_is_critical_goes_before_the_rest(self):
        [row] = self.bench("--critical", "0.3", "--x", "5")
        self.assertGreater(row["critical_n"], 0)
        self.assertEqual(row["jain"], 1, "there is one tenant")
        self.assertEqual(row["min_function_success"], int(row["good"] > 0), "and one function")
        self.assertNotIn("deadline_ratio", row)
        if row["verified"]:
            self.assertGreater(row["critical_ok_ratio"], row["good"] / row["n"])

    def test_what_classes_are_offered_adds_up(self):
        parts = "critical:0.2,high:0.2,sheddable:0.5"
        [row] = self.bench("--classes", parts, "--x", "2", "--deadline", "20")
        names = [each["class"] for each in row["classes"]]
        self.assertEqual(names, ["critical", "high", "normal", "sheddable"])
        for each in row["classes"]:
            self.assertGreater(each["offered"], 0, each)
            self.assertEqual(sum(each[fate] for fate in FATES), each["offered"], each)
            self.assertAlmostEqual(each["ok_ratio"], each["good"] / each["offered"], delta=0.001)
        for fate in FATES:
            self.assertEqual(sum(each[fate] for each in row["classes"]), row[fate], fate)
        self.assertEqual(sum(each["offered"] for each in row["classes"]), row["n"])
        self.assertEqual(row["critical_n"], row["classes"][0]["offered"])
        self.assertEqual(row["deadline_ratio"], 20)
        self.assertGreaterEqual(row["deadline_us"], 20 * 1000, "twenty times what a root takes")

    def test_slots_that_sleep(self):
        sleeping = ("--function", "sleep", "--service", "10ms", "--set", "node.resources.cpu=64")
        [row] = self.bench(*sleeping, "--x", "2", "--burst", "16")
        self.assertEqual((row["slots"], row["burst"]), (64, 16))
        self.assertIsNone(row["critical_ok_ratio"])
        self.assertGreater(row["good"], 0)
        # By the node's own count, which knows nothing of what never reached it.
        self.assertGreater(row["received_per_s"], 0)
        self.assertLess(row["received_per_s"], 1.001 * row["offered_per_s"])
        self.assertNotIn("slots_cpu_ratio", row)

    def test_clients_that_cooperate_come_again_when_they_are_told_to(self):
        words = ("--clients", "cooperative", "--turnaround", "100us", "--steps", "0:0.2,20:0.6")
        rows = self.bench(*words)
        self.assertEqual([(row["step"], row["x"]) for row in rows], [(1, 0), (2, 20)])
        idle, busy = rows
        self.assertEqual(idle["n"], 0)
        self.assertEqual((busy["clients"], busy["turnaround_us"]), ("cooperative", 100))
        self.assertGreater(busy["refused"] + busy["held"], 0)
        self.assertLess(busy["again"], 0.1 * busy["n"] + 11, "a tenth, and a handful")
        sent = busy["received_per_s"] * 0.6
        first = busy["n"] - busy["held"]
        self.assertTrue(first - 1 < sent < first + busy["again"] + 1, busy)

    def test_each_mode_of_a_heavy_tail_is_a_function_of_its_own(self):
        [row] = self.bench("--mix", "heavy", "--service", "30us", "--x", "1")
        names = [each["function"] for each in row["functions"]]
        self.assertEqual(names, ["spin", "spin_long", "spin_longest"])
        self.assertEqual(sum(each["offered"] for each in row["functions"]), row["n"])
        self.assertEqual(sum(each["good"] for each in row["functions"]), row["good"])
        deadline = row["functions"][2]["deadline_us"]
        self.assertGreaterEqual(deadline, 10 * 300_000, "ten times what the longest takes")


if __name__ == "__main__":
    unittest.main()
