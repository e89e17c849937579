#!/usr/bin/env python3
"""The sweep resumes, tells the machine's faults from the node's, and notices what cannot be; its
lines become a picture."""

import contextlib
import io
import json
import math
import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from unittest import mock

import overload
import overload_report
from overload import Broken, Layout, Part

sys.path.insert(0, str(overload.ROOT / "docs" / "benchmarks"))
import plot

PART = Part(Layout("spin-1ms", 1, ("--service", "1ms")), "constant", "", (0.7, 2))
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
case "$*" in *unheard-of*) exit 2 ;; esac
echo '{"upper":0.9,"best":0.8,"blind":0.75}'
"""


def row(x: float, goodput: float = 0.8, problem: str = "", **more) -> dict:
    return {
        "bench": "overload", "x": x, "goodput_ratio": goodput, "verified": not problem,
        "problem": problem, "mix": "constant", "controller": "work_bound", "n": 10_000,
        "offered_per_s": 10, "deadline_us": 10_500, "capacity_per_s": 950, "p99_us": 5000,
        "unloaded_p99_us": 2000, "wasted_ratio": 0, "refused_ratio": 0.5, "part": PART.name,
        "layout": "spin-1ms", "slots": 1, "root": "single", "default": True,
    } | more  # fmt: skip


def effort(attempts: int = 3, until: float = math.inf) -> overload.Effort:
    return overload.Effort(seconds=1, attempts=attempts, patience=0, until=until)


class Programs(unittest.TestCase):
    """Stand-ins for the programs that the sweep runs."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.file = self.folder / "part.jsonl"
        self.said = io.StringIO()
        self.enterContext(contextlib.redirect_stdout(self.said))
        for module in (overload, overload_report):
            self.enterContext(mock.patch.object(module, "BIN", self.folder))
        for name, script in {"spillgate": SPILLGATE, "frontier": FRONTIER}.items():
            (self.folder / name).write_text(script)
            (self.folder / name).chmod(0o755)
        (self.folder / "spillgated").touch()


class Sweep(Programs):
    def measure(self, *answers: list[dict], attempts: int = 3) -> list[list[float]]:
        """What each run was asked for."""
        with mock.patch.object(overload, "bench", side_effect=answers) as bench:
            overload.measure(PART, self.file, effort(attempts))
        return [call.args[1] for call in bench.call_args_list]

    def test_what_is_complete_is_not_run_again(self):
        self.assertEqual(self.measure([row(0.7), row(2)]), [[0.7, 2]])
        self.assertEqual(self.measure(), [])

    def test_another_build_is_measured_anew(self):
        self.measure([row(0.7), row(2)])
        (self.folder / "spillgated").write_text("rebuilt")
        self.assertEqual(overload.measured(self.file, overload.programs()), {})
        self.assertEqual(self.measure([row(0.7, 0.9), row(2, 0.9)]), [[0.7, 2]])
        self.assertEqual(self.measure(), [])
        self.assertEqual(overload.measured(self.file)[2]["goodput_ratio"], 0.9)

    def test_nothing_is_begun_when_the_time_is_over(self):
        overload.measure(PART, self.file, effort(until=0))
        self.assertIn("no time left for [0.7, 2]", self.said.getvalue())
        self.assertFalse(self.file.exists())

    def test_only_what_was_disturbed_is_run_again_and_not_for_ever(self):
        void = row(2, problem="void: the host took CPU away")
        self.assertEqual(self.measure([row(0.7), void], [void], [void]), [[0.7, 2], [2], [2]])
        self.assertIn("void: the host", self.said.getvalue())
        self.assertEqual(self.measure([row(2)]), [[2]])

    def test_after_the_first_time_in_smaller_pieces(self):
        part = Part(PART.layout, "constant", "", (0.5, 1, 2, 5))
        voids = [row(x, problem="void: late") for x in part.x]
        with mock.patch.object(overload, "bench", side_effect=[voids, voids[:2], voids[2:]]) as b:
            overload.measure(part, self.file, effort(2))
        asked = [call.args[1] for call in b.call_args_list]
        self.assertEqual(asked, [[0.5, 1, 2, 5], [0.5, 1], [2, 5]])

    def test_what_was_cut_off_is_measured_again(self):
        self.file.write_text(json.dumps(row(0.7)) + "\n" + json.dumps(row(2))[:40])
        self.assertEqual(list(overload.measured(self.file)), [0.7])

    def test_a_verified_row_is_not_replaced_by_one_that_is_not(self):
        rows = [row(2, goodput=0.5), row(2, problem="void: x"), row(2, goodput=0.6)]
        self.file.write_text("".join(json.dumps(each) + "\n" for each in rows[:2]))
        self.assertEqual(overload.measured(self.file)[2]["goodput_ratio"], 0.5)
        self.file.write_text("".join(json.dumps(each) + "\n" for each in rows))
        self.assertEqual(overload.measured(self.file)[2]["goodput_ratio"], 0.6)

    def test_a_row_beside_others_is_tried_again_but_better_than_nothing(self):
        shared = row(2, foreign_cpu_pct=40, goodput=0.5)
        asked = self.measure([row(0.7), shared], [shared], [row(2, problem="void: late")])
        self.assertEqual(asked, [[0.7, 2], [2], [2]])
        self.assertIn("others had 40 % of the cores", self.said.getvalue())
        self.assertEqual(overload.measured(self.file)[2]["goodput_ratio"], 0.5)
        self.assertEqual(self.measure([row(2)]), [[2]])

    def test_other_problems_are_the_nodes(self):
        with self.assertRaisesRegex(Broken, "2: 3 roots have no outcome"):
            self.measure([row(2, problem="3 roots have no outcome")])

    def test_what_the_benchmark_does_not_know_is_skipped_and_said(self):
        part = Part(PART.layout, "unheard-of", "", (2,))
        overload.measure(part, self.file, effort())
        self.assertIn("spin-1ms-unheard-of-default: skipped", self.said.getvalue())
        self.assertIn("not in {constant}", self.said.getvalue())
        self.assertFalse(self.file.exists())

    def test_nor_need_the_node_know_all_controllers(self):
        overload.measure(Part(PART.layout, "constant", "new", (2,)), self.file, effort())
        self.assertIn("skipped: spillgate: the node: no controller", self.said.getvalue())

    def test_what_fails_otherwise_is_not_skipped(self):
        with self.assertRaisesRegex(Broken, "exit code 1: spillgate: no node"):
            overload.bench(Part(PART.layout, "exponential", "", (2,)), [2], 1)

    def test_the_benchmark_is_asked_for_the_part(self):
        part = Part(PART.layout, "constant", "bound", (0.7, 2))
        self.assertEqual(len(overload.bench(part, [0.7, 2], 1)), 1)
        asked = (self.folder / "spillgate.asked").read_text().strip()
        self.assertEqual(
            asked,
            "bench overload -o json --mix constant --x 0.7,2 --seconds 1 --service 1ms "
            "--set stage.submission.controller=bound",
        )

    def test_names_are_of_one_part_each(self):
        for quick in (False, True):
            names = [part.name for part in overload.parts(quick)]
            self.assertEqual(len(names), len(set(names)))


class Comparison(Programs):
    def test_the_limit_is_in_medians_of_what_a_slot_really_takes(self):
        self.assertAlmostEqual(overload_report.limit_of(row(1)), 9.97, places=2)
        self.assertAlmostEqual(overload_report.limit_of(row(1, slots=2)), 4.99, places=2)
        self.assertAlmostEqual(overload_report.limit_of(row(1, mix="exponential")), 14.39, places=2)
        self.assertEqual(overload_report.limit_of(row(1, mix="bimodal")), 10)

    def test_more_than_can_be_is_a_failure(self):
        found = overload.compare([row(0.9, 0.97), row(0.9, 0.98)])
        self.assertEqual(len(found), 1)  # 1.05 * (0.9 + 3 / sqrt(10000)) is between the two
        self.assertIn("goodput 0.980 is more than can be: at most 0.900", found[0])

    def test_what_is_void_proves_nothing(self):
        self.assertEqual(overload.compare([row(0.9, 1.2, problem="void: late")]), [])

    def test_few_roots_may_be_lucky_but_never_above_the_capacity(self):
        def most(x: float, n: int, upper: float) -> float:
            return overload_report.most(row(x, n=n, offered_per_s=n / 1000), upper)

        after = 0.0105 / 1000  # a deadline's worth of a thousand seconds
        self.assertAlmostEqual(most(0.5, 100, 0.9), 1.05 * 1.2)
        self.assertAlmostEqual(most(0.5, 9, 0.9), 1.05 * 1.9)
        self.assertAlmostEqual(most(0.5, 1, 0.9), 1.05 * 2 * (1 + after))
        self.assertAlmostEqual(most(2, 1, 1.0), 1.05 * (1 + after))
        short = row(2, n=1000, offered_per_s=20_000, deadline_us=10_000)
        self.assertAlmostEqual(overload_report.most(short, 1.0), 1.05 * (1 + 3 / 1000**0.5))
        long = row(2, mix="bimodal", n=10**9, offered_per_s=10**7, deadline_us=10_000)
        self.assertAlmostEqual(overload_report.most(long, 2), 1.05 * 1.0101)

    def test_what_no_frontier_is_known_for_is_shown_alone(self):
        for unknown in (row(2, 5, root="chain"), row(2, 5, mix="unheard-of")):
            self.assertEqual(overload.compare([unknown]), [])
            self.assertNotIn("regret", unknown)
            self.assertIn("5.000", overload.table([unknown]))

    def test_the_table_has_the_regret_and_says_what_is_void(self):
        rows = [row(0.9, 0.6), row(2, 0.7, problem="void: late")]
        overload.compare(rows)
        lines = overload.table(rows).splitlines()
        self.assertEqual(len({len(line) for line in lines}), 1)
        self.assertIn("| 0.250 ", lines[2])
        self.assertIn("void: late", lines[3])
        self.assertIn("at least 0.750 of the best rule's goodput", overload.summary(rows))
        self.assertIn("Nothing that was verified", overload.summary(rows[1:]))


class Picture(Programs):
    def test_has_a_line_for_each_controller_and_for_what_is_possible(self):
        rows = [row(0.7), row(2), row(0.7, controller="none", default=False, goodput=0.1),
                row(10, problem="void: late", controller="bound")]  # fmt: skip
        overload.compare(rows)
        self.file.write_text("".join(json.dumps(each) + "\n" for each in rows))
        svg = plot.draw(plot.read([self.file], void=False), "A & B")
        tree = xml.etree.ElementTree.fromstring(svg)
        name = "{http://www.w3.org/2000/svg}"
        said = [each.text for each in tree.iter(f"{name}text")]
        for each in ("A & B", "work_bound", "none", "upper bound", "best rule", "2", "0.7"):
            self.assertIn(each, said)
        self.assertNotIn("bound", said)
        self.assertEqual(len(list(tree.iter(f"{name}polyline"))), 5)


if __name__ == "__main__":
    unittest.main()
