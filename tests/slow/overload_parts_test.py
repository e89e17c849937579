#!/usr/bin/env python3
"""The sweep covers what it promises in the time that it promises, and all controllers are tuned by
the same search."""

import argparse
import contextlib
import io
import itertools
import json
import os
import pathlib
import tempfile
import unittest
from unittest import mock

import controllers
import overload_parts
import tune
from overload_parts import Case, Part


class Plan(unittest.TestCase):
    """What is measured at all."""

    def setUp(self):
        self.groups = overload_parts.groups(quick=False)
        self.parts = [part for group in self.groups.values() for part in group]

    def test_names_are_of_one_part_each(self):
        for quick in (False, True):
            found = [p.name for each in overload_parts.groups(quick).values() for p in each]
            self.assertEqual(len(found), len(set(found)))

    def test_each_pair_of_mix_shape_service_and_clients_is_in_some_part(self):
        values = (("constant", "exponential", "bimodal", "lognormal", "heavy"),
                  ("single", "chain", "fan", "nested"), ("100us", "1ms", "10ms"),
                  ("raw", "cooperative"))  # fmt: skip
        covered = set()
        for part in self.parts:
            case = part.case
            if not part.controller and case.place == "spin":
                these = (case.mix, case.shape, case.service, case.clients)
                covered |= set(itertools.combinations(these, 2))
        for one, other in itertools.combinations(values, 2):
            for pair in itertools.product(one, other):
                if pair not in overload_parts.IMPOSSIBLE:
                    self.assertIn(pair, covered)

    def measured(self, case: Case) -> dict[str, tuple[float, ...]]:
        """At which multiples, by controller."""
        return {part.controller: part.x for part in self.parts if part.case == case}

    def test_each_controller_is_measured_at_the_core_as_the_default_is(self):
        for case in (*overload_parts.CORE, *overload_parts.TREES):
            self.assertEqual(len(self.measured(case)[""]), 10)
            of_all = case
            if (case.mix, case.shape) == ("bimodal", "nested"):
                of_all = Case("100us", case.mix, case.shape, case.clients)
            found = self.measured(of_all)
            self.assertEqual(set(found), {"", *overload_parts.CONTROLLERS})
            for controller, x in found.items():
                self.assertLessEqual({0.7, 1, 2, 10}, set(x))
                self.assertEqual(len(x), 4 if controller or of_all != case else 10)

    def test_other_controllers_are_measured_for_long_enough_to_be_judged(self):
        for part in self.parts:
            if part.controller and part.case.judged:
                seconds = overload_parts.seconds_of(part.case, overload_parts.SECONDS)
                longest = overload_parts.LONGEST.get(part.case.mix, 1)
                longest_s = 1.1 * 10 * longest * part.case.root_s * part.case.slots
                self.assertGreater(seconds, overload_parts.DEADLINES * longest_s, part.name)

    def test_a_group_takes_half_an_hour_and_all_of_them_four(self):
        def minutes(group: list[Part]) -> float:
            least = overload_parts.SECONDS
            return sum(overload_parts.estimate(p.case, len(p.x), least) for p in group) / 60

        for name, group in self.groups.items():
            self.assertLess(minutes(group), 30, name)
        self.assertLess(minutes(self.parts), 240)

    def test_long_roots_are_measured_for_longer_but_not_for_ever(self):
        self.assertEqual(overload_parts.seconds_of(Case(), 4), 4)
        self.assertEqual(overload_parts.seconds_of(Case(mix="bimodal"), 4), 10)
        self.assertEqual(overload_parts.seconds_of(Case(shape="chain"), 4), 5)
        self.assertEqual(overload_parts.seconds_of(Case(mix="bimodal", shape="nested"), 4), 12)
        self.assertEqual(Case("10ms", place="sleep").root_s, 0.01 / 64)
        self.assertEqual(overload_parts.seconds_of(Case("10ms", place="sleep"), 4), 4)
        sleeping = Case("10ms", place="sleep", mix="exponential")
        self.assertEqual(overload_parts.seconds_of(sleeping, 4), 8)

    def test_what_has_long_roots_is_measured_until_many_have_come(self):
        for case in (part.case for part in self.parts if part.case.is_long):
            seconds = overload_parts.seconds_of(case, overload_parts.SECONDS)
            self.assertGreaterEqual(seconds / case.root_s, overload_parts.MANY)
            self.assertGreaterEqual(seconds, overload_parts.LONG_SECONDS)
            self.assertIn("-long", Part(case, "", (2,)).name)

    def test_below_100_us_nothing_is_judged(self):
        self.assertEqual([Case(each).judged for each in ("10us", "100us", "1ms")],
                         [False, True, True])  # fmt: skip

    def test_what_is_tuned_is_for_whoever_runs_it(self):
        [own, *shared] = controllers.here(("tenant.uid-{uid}.in_flight=8", "limits.in_flight=8"))
        self.assertEqual(own, f"tenant.uid-{os.getuid()}.in_flight=8")
        self.assertEqual(shared, ["limits.in_flight=8"])

    def test_a_profile_is_given_as_its_settings(self):
        found = controllers.own_settings_of(controllers.CLASSIC)
        self.assertIn("pool.submission.threads=1", found)
        self.assertIn("stage.submission.pool=submission", found)
        self.assertFalse([each for each in found if each.startswith("config_version")])


def tried(name: str, score: float, *settings: str, **more) -> dict:
    return {"controller": name, "settings": list(settings), "score": score, "verified": True,
            "e": {}, "foreign_cpu_pct": 0} | more  # fmt: skip


class Search(unittest.TestCase):
    def test_the_best_setting_is_chosen_of_what_is_verified(self):
        rows = [tried("bound", 0.8, "a=1"), tried("bound", 0.99, "a=2", verified=False),
                tried("bound", 0.9, "a=3"), tried("bound", 0.9, "a=4"),
                tried("bound", 0.95, "a=5", foreign_cpu_pct=50)]  # fmt: skip
        found = tune.choose("bound", rows)
        self.assertEqual((found["settings"], found["score"]), (["a=3"], 0.9))
        self.assertEqual((len(found["tried"]), found["of"]), (5, 3))
        self.assertEqual(tune.choose("bound", rows[1:2])["settings"], [])

    def test_the_default_is_left_unless_it_is_much_worse(self):
        other = tried(controllers.DEFAULT, 1.0, "a=1")
        for score, settings in ((0.98, []), (0.96, ["a=1"])):
            rows = [tried(controllers.DEFAULT, score), other]
            self.assertEqual(tune.choose(controllers.DEFAULT, rows)["settings"], settings)

    def test_all_are_searched_alike(self):
        names = {controllers.DEFAULT, *overload_parts.CONTROLLERS}
        self.assertLessEqual(set(tune.GRID), names)
        for name in names:
            self.assertLessEqual(len(tune.tries_of(name)), 6)

    def beyond(self, name: str, scores: dict[str, float]) -> list[str]:
        """What is tried beside the grid of that name."""
        grid = tune.tries_of(name)
        rows = [tried(name, scores.get(each.settings[0].partition("=")[2], 0.5), *each.settings)
                for each in grid]  # fmt: skip
        rows += [tried(name, score, f"stage.submission.target_delay={value}")
                 for value, score in scores.items()]  # fmt: skip
        return [each.settings[0].partition("=")[2] for each in tune.tries_of(name, rows)[6:]]

    def test_beyond_the_end_that_was_best_two_more_are_tried_at_most(self):
        self.assertEqual(self.beyond("codel", {"2ms": 0.9}), [])
        self.assertEqual(self.beyond("codel", {}), [], "of equals none is at an end")
        self.assertEqual(self.beyond("codel", {"10ms": 0.7}), ["20ms"])
        self.assertEqual(self.beyond("codel", {"10ms": 0.7, "20ms": 0.6}), ["20ms"])
        self.assertEqual(self.beyond("codel", {"10ms": 0.7, "20ms": 0.8}), ["20ms", "40ms"])
        self.assertEqual(self.beyond("codel", {"10ms": 0.7, "20ms": 0.8, "40ms": 0.9}),
                         ["20ms", "40ms"])  # fmt: skip
        self.assertEqual(self.beyond("codel", {"500us": 0.7}), ["250us"])

    def test_values_are_halved_in_their_unit_or_a_smaller_one(self):
        self.assertEqual(tune.half(("a=1ms",)), ("a=500us",))
        self.assertEqual(tune.half(("a=4", "b=4")), ("a=2", "b=2"))
        self.assertEqual(tune.half(("a=1",)), ())
        self.assertEqual(tune.twice(("a=200ms",)), ("a=400ms",))
        self.assertLess(tune.size_of(("a=500us",)), tune.size_of(("a=1ms",)))

    def finals(self, name: str, scores: dict[tuple[str, ...], list[float]]) -> dict:
        rows = [tried(name, score, *settings, run=run) for settings, each in scores.items()
                for run, score in enumerate(each)]  # fmt: skip
        return tune.choose(name, [row for row in rows if not row["run"]],
                           [row for row in rows if row["run"]])  # fmt: skip

    def test_the_mean_of_further_runs_decides_between_the_two_best(self):
        found = self.finals("bound", {("a=1",): [0.99, 0.90, 0.92, 0.91], ("a=2",): [0.95] * 4,
                                      ("a=3",): [0.5]})  # fmt: skip
        self.assertEqual((found["settings"], found["score"]), (["a=2"], 0.95))
        self.assertEqual((found["spread"], found["tie"]), (0.02, False))
        found = self.finals("bound", {("a=1",): [0.9, 0.90, 0.96, 0.90], ("a=2",): [0.93] * 4})
        self.assertEqual((found["settings"], found["tie"]), (["a=2"], True))
        found = self.finals("bound", {("a=1",): [0.99, 0.90, 0.92], ("a=2",): [0.95] * 4})
        self.assertEqual(found["settings"], ["a=1"], "not with a run too few")
        self.assertNotIn("tie", found)

    def test_what_was_only_disturbed_stays_as_it_was(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        before = {"codel": {"settings": ["a=1"]}, "bound": {"settings": ["a=2"]}}
        (folder / "tuned.json").write_text(json.dumps(before))
        rows = [tried(name, 0.7, *tune.tries_of(name)[1].settings, programs="p", seconds=1,
                      verified=name == "bound") for name in before]  # fmt: skip
        (folder / "tuning.jsonl").write_text("\n".join(map(json.dumps, rows)))
        with (
            mock.patch.object(tune, "programs", return_value="p"),
            mock.patch.object(tune, "TUNED", folder / "tuned.json"),
        ):
            found = tune.tuned(folder / "tuning.jsonl")
        self.assertEqual(found["codel"], before["codel"])
        self.assertEqual(found["bound"]["settings"], list(tune.PLACES[1]))

    def test_the_two_best_run_again_and_the_default_is_one_of_them(self):
        def again(name: str) -> list[tuple[str, ...]]:
            rows = [tried(name, 0.9 - i / 100, *each.settings)
                    for i, each in enumerate(reversed(tune.tries_of(name)))]  # fmt: skip
            return [each.settings for each in tune.finals_of(name, rows) if each.run == 1]

        self.assertEqual(again("bound"), [tune.PLACES[5], tune.PLACES[4]])
        self.assertEqual(again("none"), [], "there is nothing to choose")
        self.assertIn((), again(controllers.DEFAULT))

    def test_it_goes_on_where_it_was_and_tries_again_what_was_disturbed(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(contextlib.redirect_stdout(io.StringIO()))
        file = pathlib.Path(folder) / "tuning.jsonl"
        asked = argparse.Namespace(minutes=1, attempts=2, seconds=1)
        first, *_ = tune.tries_of("codel")
        asked_for = []

        def bench(this: tune.Try, _: float) -> dict:
            disturbed = this == first and first not in asked_for
            asked_for.append(this)
            void = {"problem": "void: late", "void": "late"} if disturbed else {}
            return tried("codel", 0.5, *this.settings, programs="p", run=this.run,
                         verified=not disturbed, **void)  # fmt: skip

        with (
            mock.patch.object(tune, "wait_for_quiet"),
            mock.patch.object(tune, "programs", return_value="p"),
            mock.patch.object(tune, "bench", side_effect=bench),
        ):
            tune.search(["codel"], file, asked)
            self.assertEqual(asked_for[6], first)
            self.assertEqual([each.run for each in asked_for[7:]], [1, 1, 2, 2, 3, 3])
            tune.search(["codel"], file, asked)
        self.assertEqual(len(asked_for), 13)


if __name__ == "__main__":
    unittest.main()
