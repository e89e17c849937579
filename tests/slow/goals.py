#!/usr/bin/env python3
"""Whether single runs of the benchmark are as they have to be: storms that end with their trigger,
spikes that are over soon, small roots that hardly notice a bomb, which has what they leave.

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
# Beside a bomb of tasks that are as long as the small roots: their p99 to that without it; and the
# slot time that it has, of what they leave.
MOST_RATIO, LEAST_SHARE = 1.5, 0.9


@dataclass(frozen=True)
class Goal:
    run: str  # the name of its file
    figure: str
    limit: Callable[[dict], float]
    is_least: bool = False  # or the most


def storm(_: dict) -> float:
    return TRIGGER_MS


def converge(_: dict) -> float:
    return CONVERGE_MS


def recover(row: dict) -> float:
    return RECOVER_MS + P99S * row["unloaded_p99_us"] / 1e3


def beside_a_bomb(_: dict) -> float:
    return MOST_RATIO


def of_a_bomb(_: dict) -> float:
    return LEAST_SHARE


# Children of 10 ms cannot be taken back for small roots of 100 us: that run has no goal.
GOALS = (
    Goal("spike", "converge_ms", converge),
    Goal("spike", "recover_ms", recover),
    Goal("storm", "recover_ms", storm),
    Goal("storm-budget", "recover_ms", storm),
    Goal("bomb-100us", "ratio", beside_a_bomb),
    Goal("bomb-100us", "share", of_a_bomb, is_least=True),
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
    found, limit = row.get(goal.figure), goal.limit(row)
    is_met = found is not None and (found >= limit if goal.is_least else found <= limit)
    shown = "never" if found is None else f"{round(found, 2):g}"
    end = "least" if goal.is_least else "most"
    said = f"{name}: {goal.figure} {shown}, wanted {round(limit, 1):g} at {end}"
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
