#!/usr/bin/env python3
"""The sweep resumes, tells the machine's faults from the node's, and notices what cannot
be."""

import contextlib
import io
import json
import math
import pathlib
import tempfile
import unittest
from unittest import mock

import controllers
import overload
import overload_parts
import overload_report
import overload_tables
from overload import Broken, Part
from overload_parts import Case

PART = Part(Case(), "", (0.7, 2))
SPILLGATE = """#!/bin/sh
echo "$*" >>"$0.asked"
case "$*" in
  *unheard-of*) echo "spillgate: --mix: unheard-of not in {constant}" >&2 && exit 2 ;;
  *set*new*) echo "spillgate: the node: no controller of that name" >&2 && exit 78 ;;
  *exponential*) echo "spillgate: no node" >&2 && exit 1 ;;
esac
echo '{"bench":"overload","x":2,"verified":true}'
"""
FRONTIER = """#!/bin/sh
case "$*" in *limit\\ *,*,*) echo "frontier: three limits?" >&2 && exit 2 ;; esac
echo '{"upper":0.9,"best":0.8,"blind":0.75}'
"""


DRAWN = {"seed": 7, "per_s": 665.0000000001, "seconds": 2.5, "service_us": 1000.0, "burst": 1}


def answer(_: str) -> dict:
    """Of the simulator, about a row with DRAWN."""
    came = {"n": 10_000, "came": 1.1, "upper": 0.8, "best": 0.75, "blind": 0.6}
    return {"upper": 0.9, "best": 0.8, "blind": 0.75, "again": came}


def row(x: float, goodput: float = 0.8, problem: str = "", **more) -> dict:
    if problem.startswith("void: "):
        more = {"void": problem.removeprefix("void: ")} | more
    return {
        "bench": "overload", "x": x, "goodput_ratio": goodput, "verified": not problem,
        "problem": problem, "mix": "constant", "controller": "work_bound", "n": 10_000,
        "offered_per_s": 10, "deadline_us": 10_500, "capacity_per_s": 950, "p99_us": 5000,
        "unloaded_p99_us": 2000, "wasted_ratio": 0, "refused_ratio": 0.5, "part": PART.name,
        "layout": "spin-1ms", "slots": 1, "shape": "single", "clients": "raw", "default": True,
        "case": PART.case.name, "judged": True, "jain": 1, "min_function_success": 1,
        "critical_ok_ratio": None,
    } | more  # fmt: skip


def effort(attempts: int = 3, until: float = math.inf) -> overload.Effort:
    return overload.Effort(seconds=1, attempts=attempts, patience=0, until=until)


class Programs(unittest.TestCase):
    """Stand-ins for the programs that the sweep runs."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.file = self.folder / f"{PART.name}.jsonl"
        self.said = io.StringIO()
        self.enterContext(contextlib.redirect_stdout(self.said))
        for module in (overload, overload_report):
            self.enterContext(mock.patch.object(module, "BIN", self.folder))
        for name, script in {"spillgate": SPILLGATE, "frontier": FRONTIER}.items():
            (self.folder / name).write_text(script)
            (self.folder / name).chmod(0o755)
        (self.folder / "spillgated").touch()


class Sweep(Programs):
    def measure(self, *answers: list[dict], attempts: int = 3, part: Part = PART):
        """What each run was asked for, and the problems."""
        with mock.patch.object(overload, "bench", side_effect=answers) as bench:
            broken = overload.measure_all([part], self.folder, effort(attempts))
        self.assertEqual(broken, [])
        return [call.args[1] for call in bench.call_args_list]

    def measured(self) -> dict[float, dict]:
        return overload.measured(self.file)

    def test_what_is_complete_is_not_run_again(self):
        self.assertEqual(self.measure([row(0.7), row(2)]), [[0.7, 2]])
        self.assertEqual(self.measure(), [])

    def test_another_build_is_measured_anew(self):
        self.measure([row(0.7), row(2)])
        (self.folder / "spillgated").write_text("rebuilt")
        self.assertEqual(overload.measured(self.file, overload.measured_with("")), {})
        self.assertEqual(self.measure([row(0.7, 0.9), row(2, 0.9)]), [[0.7, 2]])
        self.assertEqual(self.measure(), [])
        self.assertEqual(self.measured()[2]["goodput_ratio"], 0.9)

    def test_what_is_tuned_to_something_else_too(self):
        before = [overload.measured_with(name) for name in ("bound", "")]
        (self.folder / "tuned.json").write_text('{"bound": {"settings": ["limits.in_flight=3"]}}')
        with mock.patch.object(controllers, "TUNED", self.folder / "tuned.json"):
            after = [overload.measured_with(name) for name in ("bound", "")]
        self.assertNotEqual(before[0], after[0])
        self.assertEqual(before[1], after[1])

    def test_a_controller_that_refuses_without_load_is_compared_unless_the_run_is_void(self):
        refused = row(2, problem="refused without load")
        self.assertTrue(overload.as_it_is(refused)["verified"])
        void = overload.as_it_is(refused | {"void": "the host took CPU away"})
        self.assertFalse(void["verified"])
        self.assertTrue(overload.is_disturbed(void))

    def test_a_default_that_refuses_without_load_is_tried_again_and_then_fails(self):
        refused = row(2, problem="refused without load", foreign_cpu_pct=1)
        asked = self.measure([row(0.7), refused], [refused], [refused])
        self.assertEqual(asked, [[0.7, 2], [2], [2]])
        found = overload.report([PART], self.folder, of_any=False)
        self.assertEqual(found, [f"{PART.name} at 2: refused without load"])

    def test_a_default_that_refuses_beside_other_programs_says_nothing_of_the_node(self):
        refused = row(2, problem="refused without load", foreign_cpu_pct=40)
        self.measure([row(0.7), refused], [refused], attempts=2)
        self.assertEqual(overload.report([PART], self.folder, of_any=False), [])

    def test_nothing_is_begun_when_the_time_is_over(self):
        overload.measure_all([PART], self.folder, effort(until=0))
        self.assertIn("no time left for [0.7, 2]", self.said.getvalue())
        self.assertFalse(self.file.exists())

    def test_only_what_was_disturbed_is_run_again_and_not_for_ever(self):
        void = row(2, problem="void: the host took CPU away")
        self.assertEqual(self.measure([row(0.7), void], [void], [void]), [[0.7, 2], [2], [2]])
        self.assertIn("void: the host", self.said.getvalue())
        self.assertEqual(self.measure(), [], "nor when it goes on later")
        self.assertEqual(self.measure([row(2)], attempts=4), [[2]])

    def test_first_all_of_a_group_and_then_what_was_disturbed(self):
        other = Part(Case(mix="bimodal"), "", (2,))
        void, refused = row(2, problem="void: late"), row(2, problem="refused without load")
        answers = [[row(0.7), void], [refused], [row(2)], [row(2)]]
        with mock.patch.object(overload, "bench", side_effect=answers) as bench:
            overload.measure_all([PART, other], self.folder, effort())
        asked = [call.args[:2] for call in bench.call_args_list]
        self.assertEqual(asked, [(PART, [0.7, 2]), (other, [2]), (PART, [2]), (other, [2])])

    def test_after_the_first_time_in_smaller_pieces(self):
        part = Part(PART.case, "", (0.5, 1, 2, 5))
        voids = [row(x, problem="void: late") for x in part.x]
        asked = self.measure(voids, voids[:2], voids[2:], attempts=2, part=part)
        self.assertEqual(asked, [[0.5, 1, 2, 5], [0.5, 1], [2, 5]])

    def test_what_was_cut_off_is_measured_again(self):
        self.file.write_text(json.dumps(row(0.7)) + "\n" + json.dumps(row(2))[:40])
        self.assertEqual(list(self.measured()), [0.7])

    def test_a_verified_row_is_not_replaced_by_one_that_is_not(self):
        rows = [row(2, goodput=0.5), row(2, problem="void: x"), row(2, goodput=0.6)]
        self.file.write_text("".join(json.dumps(each) + "\n" for each in rows[:2]))
        self.assertEqual(self.measured()[2]["goodput_ratio"], 0.5)
        self.file.write_text("".join(json.dumps(each) + "\n" for each in rows))
        self.assertEqual(self.measured()[2]["goodput_ratio"], 0.6)

    def test_a_row_beside_others_is_tried_again_but_better_than_nothing(self):
        shared = row(2, foreign_cpu_pct=40, goodput=0.5)
        asked = self.measure([row(0.7), shared], [shared], [row(2, problem="void: late")])
        self.assertEqual(asked, [[0.7, 2], [2], [2]])
        self.assertIn("others had 40 % of the cores", self.said.getvalue())
        self.assertEqual(self.measured()[2]["goodput_ratio"], 0.5)

    def test_other_problems_are_the_nodes(self):
        wrong = row(2, problem="3 roots have no outcome")
        with mock.patch.object(overload, "bench", side_effect=[[wrong]]):
            found = overload.measure_all([PART], self.folder, effort())
        self.assertEqual(found, [f"{PART.name} at 2: 3 roots have no outcome"])
        self.assertIn(found[0], overload.report([PART], self.folder, of_any=False))

    def test_what_the_benchmark_does_not_know_is_skipped_and_said(self):
        part = Part(Case(mix="unheard-of"), "", (2,))
        with mock.patch.dict(overload_parts.ENOUGH, {"unheard-of": 1}):
            overload.measure_all([part], self.folder, effort(1))
        self.assertIn("spin-1ms-unheard-of-single-raw-default: skipped", self.said.getvalue())
        self.assertIn("not in {constant}", self.said.getvalue())
        self.assertFalse((self.folder / f"{part.name}.jsonl").exists())

    def test_nor_need_the_node_know_all_controllers(self):
        overload.measure_all([Part(PART.case, "new", (2,))], self.folder, effort(1))
        self.assertIn("skipped: spillgate: the node: no controller", self.said.getvalue())

    def test_what_fails_otherwise_is_not_skipped(self):
        with self.assertRaisesRegex(Broken, "exit code 1: spillgate: no node"):
            overload.bench(Part(Case(mix="exponential"), "", (2,)), [2], 1)

    def test_the_benchmark_is_asked_for_the_part(self):
        (self.folder / "tuned.json").write_text('{"bound": {"settings": ["limits.in_flight=3"]}}')
        case = Case("100us", "lognormal", "fan", "cooperative", "50us")
        with mock.patch.object(controllers, "TUNED", self.folder / "tuned.json"):
            self.assertEqual(len(overload.bench(Part(case, "bound", (0.7, 2)), [0.7, 2], 1)), 1)
        asked = (self.folder / "spillgate.asked").read_text().strip()
        self.assertEqual(
            asked,
            "bench -o json overload --mix lognormal --shape fan --clients cooperative "
            "--service 100us --turnaround 50us --x 0.7,2 --seconds 1 "
            "--set stage.submission.controller=bound --set limits.in_flight=3",
        )

    def test_another_controller_may_refuse_without_load_but_not_the_default(self):
        refusing = SPILLGATE.replace('"verified":true', '"verified":false,"problem":"refused '
                                     'without load"')  # fmt: skip
        (self.folder / "spillgate").write_text(refusing)
        [own] = overload.bench(PART, [2], 1)
        [other] = overload.bench(Part(PART.case, "bound", (2,)), [2], 1)
        self.assertEqual([row["verified"] for row in (own, other)], [False, True])
        self.assertEqual(other["note"], "refused without load")

    def test_what_is_kept_says_who_was_at_the_door(self):
        answer = row(2, controller="bound")  # as the node of the profile names it
        part = Part(PART.case, controllers.CLASSIC, (2,))
        with mock.patch.object(overload, "bench", side_effect=[[answer]]):
            overload.measure_all([part], self.folder, effort())
        [kept] = overload.lines(self.folder / f"{part.name}.jsonl")
        self.assertEqual((kept["controller"], kept["default"]), (controllers.CLASSIC, False))
        self.assertEqual(kept["case"], "spin-1ms-constant-single-raw")


class Comparison(Programs):
    def test_the_simulator_is_asked_for_each_limit(self):
        asked = []
        heavy = row(2, mix="heavy", slots=3, n=10**7, capacity_per_s=3000)
        overload.compare([heavy], lambda words: asked.append(words) or {"upper": 1})
        self.assertEqual(set(asked), {"--slots 3 --mix heavy --limit 31.19,31.19,31.19 --x 2"})
        with self.assertRaisesRegex(AssertionError, "exit code 2: frontier: three limits"):
            overload.compare([heavy])

    def test_more_than_can_be_is_a_failure(self):
        found = overload.compare([row(0.9, 0.97), row(0.9, 0.98)])
        self.assertEqual(len(found), 1)  # 1.05 * (0.9 + 3 / sqrt(10000)) is between the two
        self.assertIn("goodput 0.980 is more than can be: at most 0.900", found[0])

    def test_the_simulator_is_asked_once_and_again_when_it_is_another(self):
        memory = overload.Memory(self.folder / "memory.json")
        overload.compare([row(0.9), row(0.9, clients="cooperative")], memory.ask)
        self.assertEqual(len(memory.known), 1)
        overload.compare([row(0.9, mix="bimodal", functions=[{"deadline_us": short},
                                                             {"deadline_us": 500_000}])
                          for short in (10_000, 11_000)], memory.ask)  # fmt: skip
        self.assertEqual(len(memory.known), 3, "each of its own limits")
        memory.save()
        (self.folder / "frontier").unlink()  # nothing can be asked
        (self.folder / "frontier").write_text(FRONTIER)
        overload.compare([row(0.9)], overload.Memory(self.folder / "memory.json").ask)
        (self.folder / "frontier").write_text(FRONTIER.replace("0.9", "0.7"))
        (self.folder / "frontier").chmod(0o755)
        other = row(0.9)
        overload.compare([other], overload.Memory(self.folder / "memory.json").ask)
        self.assertEqual(other["frontier"]["upper"], 0.7)

    def test_short_tasks_may_save_what_it_takes_to_wake_the_loop(self):
        def found(service: str) -> int:
            short = row(0.9, 1.04, service_us=overload.micros(service))
            return len(overload.compare([short]))

        self.assertEqual([found(each) for each in ("1ms", "100us")], [1, 0])

    def test_what_is_void_proves_nothing(self):
        self.assertEqual(overload.compare([row(0.9, 1.2, problem="void: late")]), [])

    def test_few_roots_may_be_lucky_but_never_above_the_capacity(self):
        def most(x: float, n: int, upper: float) -> float:
            told = row(x, n=n, offered_per_s=n / 1000)
            return overload_report.most(told, {"upper": upper})

        after = 0.0105 / 1000  # a deadline's worth of a thousand seconds
        self.assertAlmostEqual(most(0.5, 100, 0.9), 1.05 * 1.2)
        self.assertAlmostEqual(most(0.5, 9, 0.9), 1.05 * 1.9)
        self.assertAlmostEqual(most(0.5, 1, 0.9), 1.05 * 2 * (1 + after))
        self.assertAlmostEqual(most(2, 1, 1.0), 1.05 * (1 + after))
        waking = {"service_us": 1200.0, "n": 10**9}  # in a closed loop: 12 us, or 132
        known = {"upper": 0.9}
        usual = overload_report.most(row(0.5, **waking), known)
        classic = overload_report.most(row(0.5, controller="classic-seda", **waking), known)
        self.assertAlmostEqual(classic / usual, (1.05 + 0.11) / (1.05 + 0.01), 4)
        short = row(2, n=1000, offered_per_s=20_000, deadline_us=10_000)
        lucky = 1.05 * (1 + 3 / 1000**0.5)
        self.assertAlmostEqual(overload_report.most(short, {"upper": 1.0}), lucky)
        long = row(2, mix="bimodal", n=10**9, offered_per_s=10**7, deadline_us=10_000)
        self.assertAlmostEqual(overload_report.most(long, {"upper": 2}), 1.05 * 1.0101)

    def test_who_leaves_the_short_ones_undone_does_more_work(self):
        told = {"mix": "bimodal", "capacity_ratio": 0.9, "n": 10**9, "offered_per_s": 1000}
        known = {"upper": 2}
        self.assertAlmostEqual(overload_report.most(row(2, **told), known), 1.05 * 50.5 / 45.55, 4)
        self.assertAlmostEqual(overload_report.most(row(1, **told), known), 1.05, 4)
        told["mix"] = "exponential"
        self.assertAlmostEqual(overload_report.most(row(2, **told), known), 1.05, 4)

    def test_one_slot_runs_the_tasks_of_a_root_one_after_the_other(self):
        asked = []
        for shape in ("chain", "nested"):
            overload.compare([row(2, shape=shape)], lambda words: asked.append(words) or
                             {"upper": 1.0, "best": 0.9, "blind": 0.8})  # fmt: skip
        told = "--slots 1 --mix constant --limit 9.97 --tasks {} --x 2"
        self.assertEqual(set(asked), {told.format(10), told.format(13)})

    def test_of_what_may_overlap_only_the_bound_is_known(self):
        chain = row(2, 0.98, shape="chain", slots=2)
        self.assertEqual(len(overload.compare([chain])), 1)
        self.assertEqual(chain["frontier"], {"upper": 0.9})
        drawn = row(2, 0.72, shape="chain", slots=2, drawn=DRAWN)
        self.assertEqual(overload.compare([drawn], answer), [])
        self.assertEqual(drawn["frontier"]["again"], {"n": 10_000, "came": 1.1, "upper": 0.8})
        self.assertNotIn("regret", drawn)
        self.assertEqual(drawn["possible"], 0.8)

    def test_the_simulator_draws_the_roots_of_a_measurement_again(self):
        asked = []
        drawn = row(0.7, 0.66, drawn=DRAWN)
        overload.compare([drawn], lambda words: asked.append(words) or answer(words))
        told = "--slots 1 --mix constant --limit 9.97 --x 0.7 "
        self.assertEqual(asked, [told + "--again 7,665.0000000001,2.5,1000.0,1,950"])
        self.assertEqual(drawn["possible"], 0.6)
        self.assertAlmostEqual(drawn["regret"], 1 - 0.66 / 0.75)
        self.assertAlmostEqual(overload_tables.share(drawn), 1.1)

    def test_no_luck_explains_what_is_more_than_the_roots_that_came_allow(self):
        self.assertEqual(overload.compare([row(0.7, 0.84, drawn=DRAWN)], answer), [])
        [found] = overload.compare([row(0.7, 0.85, drawn=DRAWN)], answer)
        self.assertIn("goodput 0.850 is more than can be: at most 0.800, and 0.840", found)

    def test_other_roots_than_came_are_noticed(self):
        lost = row(0.7, drawn=DRAWN, n=9_999)
        [found] = overload.compare([lost], answer)
        self.assertIn("9999 roots came, and the simulator drew 10000", found)
        self.assertNotIn("possible", lost)

    def test_where_few_came_the_roots_decide_and_not_the_number(self):
        few = row(2, 0.57, drawn=DRAWN, mix="bimodal", deadline_us=10**6)
        curve = row(2, 0.57, drawn=DRAWN, judged=False)
        overload.compare([few, curve], answer)
        self.assertFalse(few["judged"])
        self.assertAlmostEqual(overload_tables.share(few), 0.95)
        self.assertIsNone(overload_tables.share(curve), "of what is shown alone")
        void = few | {"verified": False}
        beside = few | {"foreign_cpu_pct": 6}
        self.assertEqual([overload_tables.share(each) for each in (void, beside)], [None, None])
        [found] = overload.compare([few | {"judged": True, "goodput_ratio": 0.99}], answer)
        self.assertIn("more than can be", found)

    def test_what_no_frontier_is_known_for_is_shown_alone(self):
        unknown = row(2, 5, mix="unheard-of")
        self.assertEqual(overload.compare([unknown]), [])
        self.assertNotIn("regret", unknown)
        self.assertIn("5.000", overload_tables.table([unknown]))


if __name__ == "__main__":
    unittest.main()
