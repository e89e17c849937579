#!/usr/bin/env python3
"""What the sweep measured becomes tables, a headline and a picture."""

import json
import sys
import unittest
import xml.etree.ElementTree

import overload
import overload_report
import overload_tables
from overload_test import DRAWN, PART, Programs, answer, row

sys.path.insert(0, str(overload.ROOT / "docs" / "benchmarks"))
import plot


class Report(Programs):
    def test_the_table_has_the_regret_and_says_what_is_void(self):
        rows = [row(0.9, 0.6, offered_work_ratio=0.8, capacity_ratio=0.873, drawn=DRAWN),
                row(2, 0.7, problem="void: late")]  # fmt: skip
        overload.compare(rows, answer)
        lines = overload_tables.table(rows).splitlines()
        self.assertEqual(len({len(line) for line in lines}), 1)
        self.assertIn("| 0.800 | 0.750 | 0.200  | 0.600 ", lines[2], "with the roots that came")
        self.assertIn("| capacity/slots | x ", lines[0])
        self.assertIn("| 0.87           | 0.9 ", lines[2])
        self.assertIn("| 0.600 | 0.800 | 0.750 ", lines[2])
        self.assertIn("void: late", lines[3])
        told = "\n".join(overload_tables.headline(rows))
        self.assertIn("by default at least 1.000** (spin-1ms-constant-single-raw at 0.9); 1 of 1",
                      told)  # fmt: skip
        self.assertIn("At least 0.800 of what the best of all rules has", told)
        self.assertIn("Nothing that was verified", overload_tables.headline(rows[1:])[0])

    def test_what_ends_long_before_its_deadlines_is_shown_and_not_judged(self):
        rows = [row(2, 1.6, mix="bimodal", deadline_us=46_000, n=75), row(2, 0.9, n=10_000)]
        self.assertEqual(overload_report.compare(rows, lambda _: {"upper": 1.0}), [])
        self.assertEqual([each["judged"] for each in rows], [False, True])
        self.assertIn("not judged", rows[0]["note"])

    def test_what_no_frontier_is_known_for_can_be_too_short_as_well(self):
        each = [{"function": f"f{i}", "offered": 1, "good": 1, "deadline_us": us}
                for i, us in enumerate((1e3, 1e5, 1e7))]  # fmt: skip
        heavy = row(2, 1.5, mix="heavy", n=900, deadline_us=1_000, functions=each)
        long = heavy | {"n": 1001, "part": "long"}
        self.assertEqual(overload_report.compare([heavy, long], lambda _: {}), [])
        self.assertEqual((heavy["judged"], long["judged"]), (False, True))
        self.assertIn("not judged", overload_tables.table([heavy]))
        other = heavy | {"default": False, "controller": "bound"}
        self.assertIn("(1.500)    | (1.500) |", overload_tables.controllers([heavy, other]))

    def test_the_headline_says_what_part_of_the_roots_was_good(self):
        rows = [row(2, 1.0, goodput_ratio_count=0.05), row(10, 0.9, goodput_ratio_count=0.9)]
        self.assertIn("at least 0.050", overload_tables.headline(rows)[1])

    def test_the_headline_is_of_raw_clients_of_a_full_node_by_default(self):
        rows = [row(2, 0.97), row(10, 0.95), row(1, 0.5), row(2, 0.4, clients="cooperative"),
                row(2, 0.3, default=False, controller="none"), row(2, 0.2, judged=False),
                row(2, 0.1, problem="void: late")]  # fmt: skip
        told = overload_tables.headline(rows)[0]
        self.assertIn("in 2 measurements: at least E = 0.950**", told)
        self.assertIn("(spin-1ms-constant-single-raw at 10)", told)

    def test_classes_tenants_and_bursts_are_told_apart(self):
        spike = {"bench": "spike", "x": 10, "converge_ms": 0.5, "verified": True, "default": True,
                 "case": "a-spike", "part": "a-spike-default", "judged": True}  # fmt: skip
        rows = [row(2, 0.9), row(2, 0.1, critical_ok_ratio=0.99), spike]
        self.assertEqual(overload.compare([spike]), [])
        self.assertIn("at least E = 0.900", overload_tables.headline(rows)[0])
        told = overload_tables.report_of(rows, [], [])
        self.assertIn("critical_ok_ratio 0.99", told)
        self.assertIn("converge_ms 0.5", told)

    def test_what_is_in_every_row_is_told_where_it_says_something(self):
        fair = row(15, 0.9, bench="fair", jain=0.75, least_of_tenant=0.5)
        two = [{"function": name, "offered": 2, "good": 1} for name in ("spin", "spin_long")]
        rows = [row(2, 0.9, min_function_success=1), fair,
                row(2, 0.95, functions=two, min_function_success=0.625)]  # fmt: skip
        self.assertEqual([overload_tables.is_special(each) for each in rows], [False, True, False])
        told = overload_tables.report_of(rows, [], [])
        self.assertIn("jain 0.75, least_of_tenant 0.5", told)
        self.assertNotIn("critical_ok_ratio", told)
        self.assertNotIn("jain 1", told)
        self.assertIn("The worst of the functions had 0.625", told)

    def test_controllers_are_compared_where_all_were_measured(self):
        def by(name: str, x: float, goodput: float, **more) -> dict:
            return row(x, goodput, controller=name, default=False, **more)

        rows = [row(0.5, 0.1), row(0.7, 0.9), row(2, 0.8), row(10, 0.2),
                by("none", 0.7, 0.95), by("none", 2, 0.6), by("none", 10, 0.9, problem="void: x"),
                by("codel", 0.7, 0.8), by("codel", 2, 0.7), by("codel", 10, 0.5)]  # fmt: skip
        lines = [[cell.strip() for cell in line.split("|")[2:-1]]
                 for line in overload_tables.controllers(rows).splitlines()]  # fmt: skip
        self.assertEqual(lines[0], ["x", "work_bound", "none", "codel", "best"])
        self.assertEqual(lines[2:], [
            ["0.7", "0.900", "0.950", "0.800", "none"],
            ["2", "0.800", "0.600", "0.700", "work_bound"],
            ["10", "0.200", "(0.900)", "0.500", "codel"],
            ["", "0.800", "0.600", "0.700", "work_bound"],
            ["", "0.850", "0.775", "0.750", "work_bound"],
            ["", "0.200 of 3", "0.600 of 2", "0.500 of 3", ""],
        ])  # fmt: skip

    def test_says_what_is_void_or_missing_or_failed_and_is_written_down(self):
        void = row(2, problem="void: late", programs=overload.measured_with(""),
                   functions=[{"function": "spin_long", "offered": 4, "good": 3}])  # fmt: skip
        self.file.write_text(json.dumps(void) + "\n")
        problems = overload.report([PART], self.folder, of_any=False)
        self.assertEqual(problems, ["nothing was measured that is verified"])
        told = (self.folder / "report.md").read_text()
        for each in (f"## Void\n\n- {PART.name} at 2: void: late",
                     f"## Not measured\n\n- {PART.name} at 0.7",
                     "## Failed\n\n- nothing was measured that is verified",
                     "| spin_long | 4       | 0.750 "):  # fmt: skip
            self.assertIn(each, told)

    def test_says_of_which_builds_the_rows_are(self):
        rows = [row(1, programs="a"), row(2, programs="a"), row(10, programs="b"),
                row(2, programs="c", controller="bound", default=False)]  # fmt: skip
        told = overload_tables.builds(rows)
        self.assertIn("`work_bound` a (2), b (1); `bound` c (1).", told)
        self.assertIn("Of several builds, or settings: `work_bound`.", told)
        self.assertIn(told, overload_tables.report_of(rows, [], []))
        self.assertNotIn("several", overload_tables.builds([*rows[:2], rows[3]]))

    def test_a_case_in_short_and_where_it_is_furthest_from_what_is_possible(self):
        rows = [
            row(0.7, 0.63, possible=0.7),
            row(2, 0.6, possible=0.75, wasted_ratio=0.125),
            row(10, 0.3, "void: the host took CPU away", possible=1.0, p99_us=6000),
        ]
        self.assertAlmostEqual(overload_tables.share(rows[0]), 0.9)
        line = [cell.strip() for cell in overload_tables.short(rows).splitlines()[2].split("|")]
        self.assertEqual(
            line[2:-1], ["0.63", "0.60", "(0.30)", "0.80 at 2", "0.125", "3.0"]
        )  # fmt: skip
        self.assertEqual(overload_tables.short([]), "")


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
