#!/usr/bin/env python3
"""Whether CPU slots that follow what runs do better than any fixed number, on a real node and a
load that shifts: tasks that compute, then tasks that mostly wait, and so on, more of either than
the node can do. A row for each number of slots and one for those that follow; a figure for each
phase.

slots.py [--seconds S] [--phases N]

The node has one core, with its loop and all that runs, and the sender the other. An object a line;
docs/benchmarks.md says what the figures are. Fails if a root is lost, and, where nothing disturbed
it, if what follows is not better than all that is fixed.
"""

import argparse
import json
import os
import random
import sys
from dataclasses import replace

from cores import disturbed
from open_loop import Load
from scenarios import finish
from scenes import Plan, Scene

FIXED = (1, 2, 4, 8, 16, 32)
MOST = max(FIXED)
COMPUTES = Load(rate=2 * 200, seconds=0, function="spin", argument_us=5_000, deadline_us=50_000)
WAITS = Load(rate=1_600, seconds=0, function="sleep", argument_us=20_000, deadline_us=200_000)
MOST_LATE_MS = 5.0


def due(load: Load, phases: list[tuple[float, float]]) -> Load:
    """Its roots come at random, in these times alone."""
    chance = random.Random(load.seed)
    at: list[float] = []
    for begin, end in phases:
        now = begin + chance.expovariate(load.rate)
        while now < end:
            at.append(now)
            now += chance.expovariate(load.rate)
    return replace(load, seconds=phases[-1][1], at=tuple(at))


def run(settings: tuple[str, ...], seconds: float, phases: int) -> dict:
    spans = [(i * seconds, (i + 1) * seconds) for i in range(phases)]
    plan = Plan(phases * seconds)
    loads = {"computes": due(COMPUTES, spans[::2]), "waits": due(WAITS, spans[1::2])}
    cores = os.sched_getaffinity(0)
    for_node, for_sender = sorted(cores)[:2]
    try:
        os.sched_setaffinity(0, {for_node})
        with Scene(*settings) as scene:
            os.sched_setaffinity(0, {for_sender})
            told = finish(scene, scene.play(plan, loads))
            computes, waits = scene.reports["computes"], scene.reports["waits"]
    finally:
        os.sched_setaffinity(0, cores)
    good = [(waits if i % 2 else computes).count("good", *span) / seconds
            for i, span in enumerate(spans)]  # fmt: skip
    late = max(load["lateness_p99_ms"] for load in told["loads"].values())
    void = disturbed(told) or (f"the sender was {late} ms late" if late > MOST_LATE_MS else "")
    return {"good_per_s": [round(each, 1) for each in good], "void": void,
            "problems": told["problems"], "details": told}  # fmt: skip


def scored(rows: dict[str, dict]) -> None:
    """The mean over the phases, in parts of what the best fixed number brings in each."""
    fixed = [rows[str(each)]["good_per_s"] for each in FIXED]
    best = [max(1.0, *column) for column in zip(*fixed)]
    for row in rows.values():
        parts = [good / most for good, most in zip(row["good_per_s"], best)]
        row["score"] = round(sum(parts) / len(parts), 3)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="of a phase [5]")
    parser.add_argument("--phases", type=int, default=4, help="at least two [4]")
    asked = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2 or asked.phases < 2:
        sys.exit("slots.py needs two cores, and two phases or more")
    setups = {str(each): (f"node.resources.cpu={each}", f"pool.exec.threads={each}")
              for each in FIXED}  # fmt: skip
    setups["follows"] = ("node.resources.cpu=1", f"pool.exec.threads={MOST}")
    rows = {}
    for name, settings in setups.items():
        rows[name] = run(settings, asked.seconds, asked.phases)
        if rows[name]["void"]:
            rows[name] = run(settings, asked.seconds, asked.phases)
    scored(rows)
    for name, row in rows.items():
        print(json.dumps({"slots": name} | row), flush=True)
    problems = [each for row in rows.values() for each in row["problems"]]
    best = max(rows[str(each)]["score"] for each in FIXED)
    print(f"follows {rows['follows']['score']}, the best fixed number {best}", file=sys.stderr)
    if rows["follows"]["score"] <= best and not any(row["void"] for row in rows.values()):
        problems.append("what follows is no better than a fixed number")
    for problem in problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
