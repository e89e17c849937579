#!/usr/bin/env python3
"""A run that is valid has to be as it should be; one that is not says nothing."""

import json
import pathlib
import tempfile
import unittest

import goals


def storm(recover_ms: float | None, **more) -> dict:
    good = {"bench": "storm", "verified": True, "foreign_cpu_pct": 1}
    return good | {"recover_ms": recover_ms} | more


def bomb(tenant: str, ratio: float | None, share: float = 1) -> dict:
    return {"bench": "bomb", "verified": True, "tenant": tenant, "ratio": ratio, "share": share}


class Goals(unittest.TestCase):
    def judged(self, **runs: list[dict]) -> tuple[bool, list[str]]:
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, rows in runs.items():
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / f"{name.replace('_', '-')}.jsonl").write_text(text)
        all_met, told = goals.judge_all(folder)
        return all_met, [line for line in told if not line.endswith(": not measured")]

    def test_a_storm_ends_within_the_time_of_its_trigger(self):
        self.assertEqual(
            self.judged(storm=[storm(7.2)]),
            (True, ["met         storm: recover_ms 7.2, wanted 100 at most"]),
        )
        all_met, told = self.judged(storm=[storm(7.2)], storm_budget=[storm(1000)])
        self.assertFalse(all_met)
        self.assertEqual(told[1], "not met     storm-budget: recover_ms 1000, wanted 100 at most")

    def test_a_spike_has_five_times_the_p99_on_top(self):
        spike = {"verified": True, "converge_ms": 0.1, "recover_ms": 112, "unloaded_p99_us": 2500}
        self.assertEqual(self.judged(spike=[spike])[0], True)
        self.assertEqual(self.judged(spike=[spike | {"recover_ms": 113}])[0], False)
        self.assertEqual(self.judged(spike=[spike | {"converge_ms": 51}])[0], False)

    def test_each_tenant_beside_a_bomb_counts_and_never_is_too_long(self):
        all_met, told = self.judged(bomb_100us=[bomb("same", 1.37), bomb("other", 1.51)])
        self.assertFalse(all_met)
        self.assertIn("met         bomb-100us, same tenant: ratio 1.37", told[0])
        self.assertIn("not met     bomb-100us, other tenant: ratio 1.51", told[1])
        self.assertIn("ratio never", self.judged(bomb_100us=[bomb("same", None)])[1][0])

    def test_a_bomb_has_what_the_small_roots_leave(self):
        all_met, told = self.judged(bomb_100us=[bomb("same", 1, 0.9), bomb("other", 1, 0.89)])
        self.assertFalse(all_met)
        self.assertEqual(told[2:], [
            "met         bomb-100us, same tenant: share 0.9, wanted 0.9 at least",
            "not met     bomb-100us, other tenant: share 0.89, wanted 0.9 at least",
        ])  # fmt: skip

    def test_what_is_void_or_not_measured_is_not_judged_and_what_is_wrong_is_not_met(self):
        void = storm(1000, verified=False, void="the sender was late", problem="void: late")
        self.assertEqual(
            self.judged(storm=[void]), (True, ["not judged  storm: void: the sender was late"])
        )
        self.assertTrue(self.judged(storm=[storm(1000, foreign_cpu_pct=40)])[0])
        self.assertFalse(self.judged(storm=[storm(1, verified=False, problem="silent")])[0])
        self.assertEqual(self.judged(), (True, []))


if __name__ == "__main__":
    unittest.main()
