#!/usr/bin/env python3
"""What holds where controllers differ: short versions of tests/slow/contrasts.py, without their
times. Every root has one verdict, every accepted one ends once, with its own value if it has one.
"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "slow"))
import contrasts  # noqa: E402  pylint: disable=wrong-import-position
import contrasts_report  # noqa: E402  pylint: disable=wrong-import-position
import controllers  # noqa: E402  pylint: disable=wrong-import-position

DEFAULT = contrasts.Setup()
BASELINE = contrasts.Setup.with_controller("bound")
SECOND_US = 1_000_000  # a deadline that any machine meets
# Why a root is refused that there is no room or no time for: nothing is wrong with it.
FOR_LOAD = {
    "in_flight",
    "in_flight_bytes",
    "quota",
    "stage_full",
    "expired",
    "backlog",
    "rate",
}


def part(load: dict, fate: str) -> float:
    return load[fate] / load["offered"]


class ByLoads(unittest.TestCase):
    def check(self, told: dict) -> None:
        self.assertEqual(told["problems"], [], told)
        for load in told["details"]["loads"].values():
            self.assertLessEqual(set(load["reasons"]), FOR_LOAD, told)
            self.assertLessEqual(set(load["causes"]), {"deadline"}, told)
            self.assertEqual(
                load["accepted"] + load["refused"] + load["unsent"], load["offered"], told
            )
            self.assertEqual(
                load["good"] + load["late"] + load["unsuccessful"], load["accepted"], told
            )
        self.assertTrue(0 <= told["figure"] <= 1 and 0 <= told["second"] <= 1, told)

    def check_what_is_accepted_is_good(self, load: dict, told: dict):
        """What there is no time for is refused, and not accepted to come to nothing; except for
        little, while the node learns."""
        bad = load["late"] + load["unsuccessful"]
        self.assertLessEqual(bad, load["refused"] + load["offered"] / 20, told)

    def check_is_spared(self, load: dict, other: dict, told: dict):
        """What has all that it needs beside what has not. However slow the machine, it does not
        fare as badly."""
        self.assertGreater(part(load, "good"), part(other, "good"), told)
        self.assertLess(part(load, "refused"), part(other, "refused"), told)

    def check_figures(self, told: dict, least: float, least_second: float = -1):
        """How much was good says nothing of the node where others had the cores meanwhile, or the
        sender was late; except that there was some."""
        self.assertGreater(told["figure"], 0, told)
        if told["void"]:
            found = (told["figure"], told["second"])
            print(f"not judged, as {told['void']}: {found}", file=sys.stderr)
            return
        self.assertGreater(told["figure"], least, told)
        self.assertGreater(told["second"], least_second, told)

    def test_what_one_resource_lacks_the_other_does_not(self):
        told = contrasts.two_resources(DEFAULT, 3.0, deadline_us=SECOND_US)
        self.check(told)
        seats, cpu = told["details"]["loads"]["seats"], told["details"]["loads"]["cpu"]
        self.check_is_spared(cpu, seats, told)
        self.assertGreater(told["second"], 0, told)
        self.check_figures(told, 0.5)  # the CPU has twice the time that it needs

    def test_what_is_outside_has_few_servers(self):
        told = contrasts.outside(DEFAULT, 3.0, deadline_us=SECOND_US)
        self.check(told)
        asking, local = told["details"]["loads"]["outside"], told["details"]["loads"]["local"]
        self.check_what_is_accepted_is_good(asking, told)
        self.check_is_spared(local, asking, told)  # as there are slots enough for it
        self.check_figures(told, 0.4, 0.4)

    def test_a_heavy_tail(self):
        # The two longest together have both slots for more than two seconds: for half of that time
        # there is none in sight for a short root.
        told = contrasts.heavy_tail(DEFAULT, 3.0, deadline_us=SECOND_US, shorter=3)
        self.check(told)
        loads = told["details"]["loads"]
        self.assertEqual((loads["longest"]["offered"], loads["longest"]["good"]), (2, 2), told)
        self.check_what_is_accepted_is_good(loads["short"], told)
        self.check_figures(told, 0.5)  # short roots are good before them and after them

    def test_they_hold_for_other_controllers_and_profiles(self):
        for name in ("bound", controllers.CLASSIC):
            setup = contrasts.Setup.with_controller(name)
            self.check(contrasts.two_resources(setup, 1.5, deadline_us=SECOND_US))


class ByTheBenchmark(unittest.TestCase):
    def check(self, told: dict, parts: int) -> list[dict]:
        self.assertEqual(told["problems"], [], told)
        rows = told["details"]
        self.assertEqual(len(rows), parts)
        for row in rows:
            fates = ("good", "late", "expired", "refused", "held")
            self.assertEqual(sum(row[each] for each in fates), row["n"], row)
            self.assertEqual(row["silent"], 0, row)
        self.assertTrue(0 <= told["figure"] <= 1 and 0 <= told["second"] <= 1, told)
        return rows

    def test_a_shift_of_functions(self):
        rows = self.check(contrasts.shift(DEFAULT, 1.2), parts=4)
        self.assertEqual([row.get("service_us") for row in rows], [None, 10_000, None, 10_000])
        self.assertEqual([row["function"] for row in rows], ["spin", "spin_long"] * 2)
        short, long = rows[:2]
        if short["unloaded_p99_us"] is not None:
            longer = long["unloaded_p99_us"] - short["unloaded_p99_us"]
            self.assertAlmostEqual(longer, 10_000 - 100, delta=0.01)
        self.assertGreater(long["deadline_us"], short["deadline_us"] + 9 * 10_000, "ten times each")
        # As much work of each: a hundred times as many, but for what a root takes beside its own.
        self.assertGreater(short["n"], 2 * long["n"])
        for row in rows:  # what came and what was good are in the same units
            self.assertEqual(row["x"], 2)
            good = row["good"] / row["n"] * 2 * row["offered_work_ratio"]
            delta = 0.001 + 0.01 * good  # as it is rounded
            self.assertAlmostEqual(row["goodput_ratio"], good, delta=delta, msg=row)
        self.assertGreater(sum(row["good"] for row in rows), 0, rows)

    def test_ten_times_the_load_after_nothing(self):
        rows = self.check(contrasts.idle_then_ten(DEFAULT, 1.6), parts=12)
        self.assertEqual([row["x"] for row in rows], [0, 10, 10] * 4)
        self.assertEqual([row["n"] for row in rows if row["x"] == 0], [0] * 4)

    def test_clients_that_take_their_time(self):
        self.check(contrasts.turnaround(DEFAULT, 0.8), parts=2)


class Table(unittest.TestCase):
    def test_each_controller_has_settings_of_its_own(self):
        setups = {contrasts.Setup.with_controller(name) for name in contrasts.CONTROLLERS}
        self.assertEqual(len(setups), len(contrasts.CONTROLLERS))
        self.assertEqual(DEFAULT, contrasts.Setup.with_controller(controllers.DEFAULT))
        self.assertIn("stage.submission.controller=bound", BASELINE.settings)

    def test_what_is_near_the_best_is_bold_and_what_was_disturbed_has_a_star(self):
        def row(figure, second=None, void=""):
            return {"figure": figure, "second": second, "void": void}

        found = {"a": {"s": row(0.9), "t": row(0.5, 0.25)},
                 "b": {"s": row(0.885), "t": row(0.1, void="steal")},
                 "c": {"s": row(None)},
                 "d": {}}  # fmt: skip
        self.assertEqual(
            contrasts_report.table(found, ("s", "t")).splitlines(),
            ["| controller | s | t | mean | least |",
             "|---|---|---|---|---|",
             "| `a` | **0.90** | **0.50** (0.25) | 0.70 | 0.50 |",
             "| `b` | **0.89** | 0.10* | 0.49 | 0.10 |",
             "| `c` | failed | – | – | – |"])  # fmt: skip


if __name__ == "__main__":
    unittest.main()
