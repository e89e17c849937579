#!/usr/bin/env python3
"""The simulator is asked for the deadlines that a measurement really had; and the program itself,
of the build that is tested."""

import json
import os
import pathlib
import subprocess
import unittest

import overload_report
from overload_test import row

BIN = pathlib.Path(os.environ.get("SPILLGATE_BIN", "/nowhere"))


class Limits(unittest.TestCase):
    def test_the_limit_is_in_medians_of_what_a_slot_really_takes(self):
        for told, limit in (({}, 9.97), ({"slots": 2}, 4.99), ({"mix": "exponential"}, 14.39)):
            [found] = overload_report.limits_of(row(1, capacity_ratio=0.95, **told))
            self.assertAlmostEqual(found, limit, places=2)

    def test_each_function_has_the_limit_of_its_own_deadline(self):
        def limits(mix: str, ratio: float, *deadlines: int) -> list[float]:
            told = [{"function": "f", "deadline_us": each} for each in deadlines]
            found = row(1, mix=mix, capacity_per_s=1000, capacity_ratio=ratio, functions=told)
            return overload_report.limits_of(found)

        # By the clock the long ones have 9.5 in the first; but of 50.5 means they take 45.55 units.
        self.assertEqual(limits("bimodal", 0.9, 10_000, 480_000), [20, 10.54])
        self.assertEqual(limits("bimodal", 1.0, 10_000, 520_000), [20, 10.3])
        self.assertEqual(limits("bimodal", 1.2, 10_000, 400_000), [20, 10], "its parts overlap")
        self.assertEqual(limits("heavy", 1.0, 6734, 404_040, 33_670_000), [20, 12, 10])
        self.assertEqual(limits("bimodal", 1.0), [21, 21], "of which nothing is told")
        with self.assertRaises(ValueError):
            limits("bimodal", 1.0, 10_000)


@unittest.skipUnless((BIN / "frontier").exists(), "SPILLGATE_BIN has no frontier")
class Simulator(unittest.TestCase):
    """The program itself, of this build."""

    def ask(self, *words: str) -> subprocess.CompletedProcess:
        command = [str(BIN / "frontier"), "--arrivals", "2000", "--x", "1", *words]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    def test_has_a_limit_for_all_functions_or_one_for_each(self):
        one, each, other = (json.loads(self.ask("--mix", "bimodal", "--limit", limit).stdout)
                            for limit in ("10", "10,10", "21.7,9.5"))  # fmt: skip
        self.assertEqual((one["limit"], other["limit"]), (10, [21.7, 9.5]))
        self.assertEqual(one, each | {"limit": 10})
        self.assertGreater(other["best"], one["best"])

    def test_knows_roots_of_several_tasks(self):
        one, ten = (json.loads(self.ask("--mix", "bimodal", "--tasks", tasks).stdout)
                    for tasks in ("1", "10"))  # fmt: skip
        self.assertEqual((one["tasks"], ten["tasks"], one["upper"]), (1, 10, ten["upper"]))
        self.assertGreater(ten["blind"], one["blind"])
        for wrong in ("0", "1001", "two"):
            self.assertEqual(self.ask("--tasks", wrong).returncode, 2)

    def test_draws_the_roots_of_a_measurement_again(self):
        drawn = "3,800,100,1000,1,800"
        one = json.loads(self.ask("--mix", "exponential", "--again", drawn).stdout)
        self.assertEqual(one, json.loads(self.ask("--mix", "exponential", "--again", drawn).stdout))
        again = one["again"]
        self.assertTrue(79_000 < again["n"] < 81_000)
        self.assertAlmostEqual(again["came"], 1, places=1)
        self.assertTrue(0.5 < again["blind"] <= again["best"] <= again["upper"] <= 1.01)
        other = json.loads(self.ask("--mix", "exponential", "--again", "4" + drawn[1:]).stdout)
        self.assertNotEqual(other["again"], again)
        self.assertEqual(other | {"again": again}, one, "what is possible in the long run")

    def test_refuses_what_no_measurement_was_drawn_from(self):
        for wrong in ("3,800,100,1000,1", "3,800,100,1000,0,800", "3,0,100,1000,1,800", "",
                      "3,800,100,1000,1,0", "3,1e9,1e9,1000,1,800", "x,800,100,1000,1,800"):
            self.assertEqual(self.ask("--again", wrong).returncode, 2, wrong)
        two = self.ask("--again", "3,800,1,1000,1,800", "--x", "1,2")
        self.assertEqual(two.returncode, 2)
        self.assertIn("--again is of one --x", two.stderr)

    def test_refuses_limits_of_more_functions_than_there_are_and_of_fewer(self):
        for mix, limit in (("constant", "9,9"), ("bimodal", "9,9,9"), ("heavy", "9,9"),
                           ("heavy", "9,9,"), ("bimodal", "9,x")):  # fmt: skip
            done = self.ask("--limit", limit, "--mix", mix)
            self.assertEqual((done.returncode, done.stdout), (2, ""), limit)
            self.assertIn("frontier: --limit", done.stderr)


if __name__ == "__main__":
    unittest.main()
