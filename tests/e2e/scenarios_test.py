#!/usr/bin/env python3
"""What holds at twice the load that a node can take, or ten times, when something else goes wrong
as well: short versions of tests/slow/scenarios.py and crowd.py, without their times.

In all of them every root has one verdict, every accepted one ends once, with its own value if it
has one; no connection is lost, no stage holds more than it may, and nothing is left afterwards.
"""

import dataclasses
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "slow"))
import crowd  # noqa: E402  pylint: disable=wrong-import-position
import scenarios  # noqa: E402  pylint: disable=wrong-import-position
from cores import disturbed  # noqa: E402  pylint: disable=wrong-import-position
from open_loop import Load  # noqa: E402  pylint: disable=wrong-import-position
from polite import Manners  # noqa: E402  pylint: disable=wrong-import-position
from scenes import Plan, Scene  # noqa: E402  pylint: disable=wrong-import-position

# With a deadline that any machine meets: half of a second of work is let in.
SHORT = Plan(seconds=3.0, deadline_us=1_000_000)


class Scenarios(unittest.TestCase):
    def check(self, told: dict) -> None:
        self.assertEqual(told["problems"], [], told)
        for load in told["loads"].values():
            self.assertEqual(
                load["accepted"] + load["refused"] + load["unsent"], load["offered"], told
            )
        self.assertGreater(sum(each["refused"] for each in told["loads"].values()), 0, told)
        self.assertGreater(told["looks"], 0)

    def check_some_are_good(self, told: dict, load: str, when: str) -> None:
        """Where others had half of the cores meanwhile, that none was says nothing of the node."""
        self.assertGreater(told["loads"][load]["good"], 0, told)
        if told["foreign_cores"] > 1 or told["steal_pct"] > 5:
            print(f"not judged, as {disturbed(told)}: {load} {when}", file=sys.stderr)
        else:
            self.assertGreater(told["loads"][load][f"good_{when}_per_s"], 0, told)

    def test_a_client_that_does_not_read(self):
        longer = dataclasses.replace(SHORT, seconds=4.5)
        told = scenarios.slow_consumer(longer, size=16 << 10, egress="64KiB")
        self.check(told)
        self.assertGreater(told["loads"]["slow"]["unsent"], 0, "who does not read is not read")
        self.check_some_are_good(told, "others", "during")
        self.assertEqual(told["loads"]["others"]["unsent"], 0, told)

    def test_workers_that_stand_still(self):
        # The deadline of what runs passes long before the workers go on.
        plan = dataclasses.replace(SHORT, seconds=4.5, deadline_us=300_000)
        told = scenarios.stalled_workers(plan, "workers.kill_grace=50ms")
        self.check(told)
        self.assertGreater(told["node"]["worker_deaths_total"], 0, "they are replaced")
        self.check_some_are_good(told, "in_node", "during")
        self.check_some_are_good(told, "in_workers", "after")

    def test_a_disk_that_stops(self):
        told = scenarios.stopped_journal(SHORT)
        self.check(told)
        self.assertGreater(told["buffered_kib"], 0, "the disk did stop")
        self.check_some_are_good(told, "level_none", "during")
        self.check_some_are_good(told, "level_async", "after")
        self.assertIsNone(told["ended_with_a_stopped_disk"])
        self.assertEqual((told["exit_code"], told["task_after"]), (0, "unfinished"))

    def test_a_config_that_changes(self):
        told = scenarios.reload_in_the_middle(SHORT)
        self.check(told)
        taken = len(scenarios.CHANGES) - 2
        self.assertEqual(told["node"]["config_generation_total"], taken)
        self.check_some_are_good(told, "all", "after")

    def test_a_crowd(self):
        crowd.raise_file_limit(1000)
        load = Load(10_000, 4.0, 1_000_000, connections=180, tenant="crowd")
        manners = Manners(20, every_s=0.5, deadline_us=1_000_000, tenant="polite")
        with Scene(*crowd.settings(200)) as scene:
            told = crowd.play(scene, load, manners)
        self.assertEqual(crowd.problems(told, load), [], told.node)
        self.assertGreater(told.crowd.count("refused"), told.crowd.count("accepted"))

    def test_a_crowd_of_the_same_tenant(self):
        load = Load(3000, 4.0, 1_000_000, connections=90, tenant="crowd")
        manners = Manners(10, every_s=0.5, deadline_us=1_000_000, tenant="crowd")
        with Scene(*crowd.settings(100)) as scene:
            told = crowd.play(scene, load, manners)
        self.assertEqual(crowd.problems(told, load), [], told.node)
        asked, answered = (told.polite.counts[each] for each in ("asked", "answered"))
        self.assertGreater(answered / asked, told.crowd.count("good") / told.crowd.count("offered"))


if __name__ == "__main__":
    unittest.main()
