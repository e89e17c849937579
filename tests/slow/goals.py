#!/usr/bin/env python3
"""Whether single runs of the benchmark are as they have to be: storms that end with their trigger,
spikes that are over soon, small roots that hardly notice a bomb.

goals.py [FOLDER]    of the files that docs/benchmarks/figures.sh has put there [build/figures]

A line for each goal: met, not met, or why it cannot be judged. The exit code is 1 if a run that is
valid has not met one.
"""

import argparse
import json
import pathlib
import sys
from collections.abc import Callable
from dataclasses import dataclass

from overload import lines
from overload_report import MOST_FOREIGN, ROOT

# How long the trigger of a storm lasts: what is left of a storm is over before as much time has
# passed as it took to start it. One that outlives its trigger has not ended by the next.
TRIGGER_MS = 100.0
CONVERGE_MS, RECOVER_MS, P99S = 50.0, 100.0, 5  # and so many times the p99 without load
MOST_RATIO = 1.5  # of small roots' p99 beside a bomb of tasks that are as long, to that without


@dataclass(frozen=True)
class Goal:
    run: str  # the name of its file
    figure: str
    most: Callable[[dict], float]


def storm(_: dict) -> float:
    return TRIGGER_MS


def converge(_: dict) -> float:
    return CONVERGE_MS


def recover(row: dict) -> float:
    return RECOVER_MS + P99S * row["unloaded_p99_us"] / 1e3


def beside_a_bomb(_: dict) -> float:
    return MOST_RATIO


# Children of 10 ms cannot be taken back for small roots of 100 us: that run has no goal.
GOALS = (
    Goal("spike", "converge_ms", converge),
    Goal("spike", "recover_ms", recover),
    Goal("storm", "recover_ms", storm),
    Goal("storm-budget", "recover_ms", storm),
    Goal("bomb-100us", "ratio", beside_a_bomb),
)


def why_not(row: dict) -> str:
    """Why a row says nothing of the node; "" if it does."""
    if "void" in row:
        return f"void: {row['void']}"
    if row.get("foreign_cpu_pct", 0) > MOST_FOREIGN:
        return f"others had {row['foreign_cpu_pct']:.0f} % of the cores"
    return ""


def judge(goal: Goal, row: dict) -> tuple[bool, str]:
    """Whether it is good enough to go on, and what to say of it."""
    name = goal.run + (f", {row['tenant']} tenant" if "tenant" in row else "")
    if why := why_not(row):
        return True, f"not judged  {name}: {why}"
    if not row["verified"]:
        return False, f"not met     {name}: {row['problem']}"
    found, most = row.get(goal.figure), goal.most(row)
    is_met = found is not None and found <= most
    shown = "never" if found is None else f"{round(found, 2):g}"
    said = f"{name}: {goal.figure} {shown}, wanted {round(most, 1):g} at most"
    return is_met, f"{'met' if is_met else 'not met':12}{said}"


def judge_all(folder: pathlib.Path) -> tuple[bool, list[str]]:
    all_met, told = True, []
    for goal in GOALS:
        rows = lines(folder / f"{goal.run}.jsonl")
        if not rows:
            told.append(f"not judged  {goal.run}: not measured")
        for row in rows:
            is_met, said = judge(goal, row)
            all_met = all_met and is_met
            told.append(said)
    return all_met, told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=ROOT / "build" / "figures",
                        help="of the files [build/figures]")  # fmt: skip
    all_met, told = judge_all(parser.parse_args().folder)
    print("\n".join(told), flush=True)
    return 0 if all_met else 1


if __name__ == "__main__":
    sys.exit(main())
