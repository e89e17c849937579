"""The rows of the sweep beside what any node could do (tests/sim/frontier), and which of them can
be believed. For overload.py."""

import hashlib
import json
import math
import os
import pathlib
import subprocess
from collections.abc import Callable

from overload_parts import DEADLINES

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SPILLGATE_BIN", ROOT / "build" / "release" / "bin"))
UNKNOWN = (2, 78)  # exit codes of the command for what it, or its node, does not know

# In means; and the square of the coefficient of variation. The deadline is the same for all roots
# of these mixes, and the limit can be told from it; other mixes have a deadline for each function.
MEDIAN = {"constant": 1.0, "exponential": math.log(2), "lognormal": math.exp(-0.125)}
VARIATION = {"constant": 0.0, "exponential": 1.0, "bimodal": 24.75, "lognormal": 0.284}
LIMIT = 10.0  # medians
LONGEST = {"bimodal": 101.0}  # deadline, of the one that rows tell, which is the short mode's

# A verified measurement may be so much above the bound before one of the two is wrong. Goodput is
# relative to the capacity, which closed loops find with an error of their own: the benchmark takes
# two that differ by up to 5 % for the same, and the queue of an open loop can keep the node a few
# percent busier than the windows of a closed one.
TOLERANCE = 0.05
# Between one short task and the next, a loop without other work sleeps and has to be woken; a full
# node's does not. So much of each task is in the capacity, and need not be in the measurement.
WAKE_US = 12.0
LUCK = 3  # standard deviations of the work that came, which is a sample of the load asked for
MOST_FOREIGN = 15.0  # percent of the cores, used by others, for a row to be left at that


def rank(row: dict) -> int:
    """0: void, or worse; 1: verified; 2: and the cores were ours."""
    return int(row["verified"]) * (1 + (row.get("foreign_cpu_pct", 0) <= MOST_FOREIGN))


# ---- comparing


def limit_of(row: dict) -> float:
    """The deadline in medians of a root whose mean cost is what a slot does one in: of what the
    capacity is one of, with all that the node does beside the task itself."""
    median = MEDIAN.get(row["mix"])
    if median is None:
        return LIMIT
    return round(row["deadline_us"] * row["capacity_per_s"] / 1e6 / row["slots"] / median, 2)


class Memory:
    """What the simulator said before, in a file: half a second for each row adds up."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.build = hashlib.sha256((BIN / "frontier").read_bytes()).hexdigest()[:12]
        kept = json.loads(path.read_text()) if path.exists() else {}
        self.known = kept.get("known", {}) if kept.get("build") == self.build else {}

    def ask(self, arguments: str) -> dict:
        if arguments not in self.known:
            self.known[arguments] = ask_frontier(arguments)
        return self.known[arguments]

    def save(self) -> None:
        self.path.write_text(json.dumps({"build": self.build, "known": self.known}))


def ask_frontier(arguments: str) -> dict:
    done = subprocess.run(
        [str(BIN / "frontier"), *arguments.split()], check=False, capture_output=True, text=True
    )
    if done.returncode in UNKNOWN:
        return {}
    done.check_returncode()
    return json.loads(done.stdout)


def frontier(row: dict, ask: Callable[[str], dict] = ask_frontier) -> dict:
    """What is possible for the slots, mix and limit of a row; {} if nobody knows. To the bound a
    root of many tasks is one whose cost is all of theirs, for it may be interrupted and divided;
    the rules that it is compared with know only roots that are single tasks."""
    arguments = ["--slots", row["slots"], "--mix", row["mix"], "--limit", limit_of(row)]
    known = ask(" ".join(map(str, [*arguments, "--x", f"{row['x']:g}"])))
    if known and row["shape"] != "single":
        known = {"upper": known["upper"]}
    return known


def longest_s(row: dict) -> float:
    """The deadline of the roots that have the furthest."""
    own = [each["deadline_us"] for each in row.get("functions", ()) if "deadline_us" in each]
    return max(own, default=row["deadline_us"] * LONGEST.get(row["mix"], 1)) / 1e6


def is_too_short(row: dict) -> bool:
    """Work counts that is done by its deadline, also after the end of the measurement: where that
    is long after it, goodput says more of the backlog at the end than of the node."""
    window_s = row["n"] / max(1, row["offered_per_s"])
    return longest_s(row) > window_s / DEADLINES


def most(row: dict, upper: float) -> float:
    """What a verified measurement may show. By chance more work may come than was asked for, but
    whatever comes, no node does more than its capacity; except that what comes before the end of
    the measurement and is done after it, by its deadline, counts as well."""
    luck = LUCK * math.sqrt((1 + VARIATION.get(row["mix"], 0)) / max(1, row["n"]))
    after_the_end = longest_s(row) * row["offered_per_s"] / max(1, row["n"])
    tolerance = TOLERANCE + WAKE_US / row.get("service_us", math.inf)
    return (1 + tolerance) * min(upper + luck, (1 + after_the_end) / min(row["x"], 1))


def compare(rows: list[dict], ask: Callable[[str], dict] = ask_frontier) -> list[str]:
    """Adds what is possible to each row, and tells of those that are better than that."""
    problems = []
    for row in rows:
        if row["bench"] != "overload":
            continue
        short = is_too_short(row)
        if short:
            row["judged"] = False
            row["note"] = f"shown, not judged: shorter than {DEADLINES} of its longest deadlines"
        known = frontier(row, ask)
        if known:
            row["frontier"] = known
        if short or not known:
            continue
        if "best" in known:
            row["regret"] = 1 - row["goodput_ratio"] / known["best"]
        allowed = most(row, known["upper"])
        if row["verified"] and row["goodput_ratio"] > allowed:
            problems.append(
                f"{row['part']} at {row['x']:g}: goodput {row['goodput_ratio']:.3f} is more than "
                f"can be: at most {known['upper']:.3f}, and {allowed:.3f} with the tolerance"
            )
    return problems
