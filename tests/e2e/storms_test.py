#!/usr/bin/env python3
"""Clients that do not listen, and a root that grows without end, on a real node. What they cost the
others is bounded loosely, and only where nobody else had the cores; docs/benchmarks.md has figures.
"""

import unittest

from bench_case import BenchCase, until_next_ms

HANDFUL = 10  # of retries, beside the budget


class Storms(BenchCase):
    def storm(self, *words: str) -> dict:
        [row] = self.run_bench("storm", "--spikes", "1", "--service", "300us", *words)
        self.assertNotIn("no outcome", row.get("problem", ""))
        # One that outlives its trigger is told as all of the time to the next one.
        if row["judged"]:
            self.assertLess(row["recover_ms_worst"], 0.98 * until_next_ms(row), row)
        return row

    def test_a_storm_of_retries_ends_after_its_trigger(self):
        self.assertGreater(self.storm()["again"], 0)

    def test_a_budget_holds_a_storm(self):
        row = self.storm("--retry-budget", "0.1")
        sent = row["n"] + row["again"]
        self.assertLessEqual(row["again"], 0.1 * sent + HANDFUL)

    def test_a_spike_is_over_soon_after_it(self):
        [row] = self.run_bench("spike", "--spikes", "1", "--x", "10")
        if row["judged"]:
            self.assertLess(row["recover_ms"], 0.5 * until_next_ms(row), row)

    def test_all_children_of_a_bomb_end_beside_small_roots(self):
        rows = self.run_bench("bomb", "--children", "4000", "--service", "100us")
        self.assertEqual([row["tenant"] for row in rows], ["same", "other"])
        for row in rows:
            self.assertEqual(row["children"], 4_000)
            self.assertTrue(0 <= row["success"] <= 1, row)
            self.assertGreaterEqual(row["share"], 0)
            # Behind all of the children, hardly one would be in time.
            if row["judged"]:
                self.assertGreater(row["share"], 0)
                self.assertGreater(row["success"], 0.5, row)


if __name__ == "__main__":
    unittest.main()
