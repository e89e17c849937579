#!/usr/bin/env python3
"""What ten minutes in a crowd are judged by."""

import contextlib
import io
import types
import unittest
from collections import Counter

import crowd
import open_loop
from open_loop import Load
from watcher import Looks

QUIET = {"node_cores": 0.9, "foreign_cores": 0.0, "steal_pct": 0.0}
FAST = 0.01


def looks(asked: float = FAST, stages: float = FAST, metrics: float = FAST) -> Looks:
    """A hundred times fast, and once as long as that."""
    each = [[FAST] * 100 + [once] for once in (stages, asked, metrics)]
    return Looks(*each)


def told(seen: Looks, **cores) -> crowd.Told:
    report = open_loop.Report({name: [0] for name in open_loop.COUNTS})
    polite = types.SimpleNamespace(counts=Counter(answered=1))
    return crowd.Told(report, polite, seen, [], 0.0, {}, QUIET | cores)


class Crowd(unittest.TestCase):
    def judged(self, seen: Looks, **cores) -> list[str]:
        with contextlib.redirect_stderr(io.StringIO()) as self.said:
            return crowd.judged(told(seen, **cores), Load(rate=1, seconds=10))

    def test_what_needs_no_process_is_answered_in_time_always(self):
        self.assertEqual(self.judged(looks()), [])
        [found] = self.judged(looks(asked=0.06))
        self.assertEqual(found, "stages over an open connection: once it took 60.0 ms")
        self.assertEqual(self.judged(looks(metrics=0.051)), ["metrics: once it took 51.0 ms"])

    def test_the_command_may_take_longer_once_in_a_hundred_times(self):
        self.assertEqual(self.judged(looks(stages=0.4)), [])
        slow = looks()
        slow.stages_s[:3] = [0.4] * 3
        [found] = self.judged(slow)
        self.assertEqual(found, "the command stages: one of a hundred took 400.0 ms or more")

    def test_beside_others_times_are_not_judged_but_told(self):
        self.assertEqual(self.judged(looks(asked=0.06), foreign_cores=0.9), [])
        self.assertIn("others used 0.9 cores: stages over an open", self.said.getvalue())


if __name__ == "__main__":
    unittest.main()
