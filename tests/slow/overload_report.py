"""The rows of the sweep beside what any node could do (tests/sim/frontier), and which of them can
be believed. For overload.py."""

import hashlib
import json
import math
import os
import pathlib
import subprocess
from collections.abc import Callable

from controllers import CLASSIC
from overload_parts import DEADLINES, TASKS

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SPILLGATE_BIN", ROOT / "build" / "release" / "bin"))
UNKNOWN = (2, 78)  # exit codes of `spillgate` for what it, or its node, does not know

# Of each function of a mix, what a root costs, in means of the mix: the median. The benchmark names
# the shortest of the heavy ones, and each of them has a third of the work.
HEAVY = tuple(times * (1 + 0.01 + 0.0001) / 3 for times in (1, 100, 10_000))
MEDIANS = {"constant": (1.0,), "exponential": (math.log(2),), "lognormal": (math.exp(-0.125),),
           "bimodal": (0.5, 50.5), "heavy": HEAVY}  # fmt: skip
# The square of the coefficient of variation.
VARIATION = {"constant": 0.0, "exponential": 1.0, "bimodal": 24.75, "lognormal": 0.284,
             "heavy": 1132.7}  # fmt: skip

LIMIT = 10.0  # deadlines are so many medians of what roots take alone

# A verified measurement may be so much above the bound before one of the two is wrong. Goodput is
# relative to the capacity, which closed loops find with an error of their own: the benchmark takes
# two that differ by up to 5 % for the same, and the queue of an open loop can keep the node a few
# percent busier than the windows of a closed one.
TOLERANCE = 0.05
# Between one short task and the next, a loop without other work sleeps and has to be woken; a full
# node's does not. So much of each task is in the capacity, and need not be in the measurement.
WAKE_US = 12.0
# Where each stage has a thread of its own they have to be woken as well before the next task runs:
# from the end of a run to execution, to scheduling and back. Between two that sleep a hop takes so
# long.
HOPS, HOP_US = 3, 40.0
LUCK = 3  # standard deviations of the work that came, where its roots are not known
MOST_FOREIGN = 5.0  # percent of the cores, used by others, for a row to be left at that


def rank(row: dict) -> int:
    """0: void, or worse; 1: verified; 2: and the cores were ours."""
    return int(row["verified"]) * (1 + (row.get("foreign_cpu_pct", 0) <= MOST_FOREIGN))


# ---- comparing


def deadlines_us(row: dict) -> list[float]:
    """Of each function of the mix. Where a row tells of the first alone, the others' are as much
    longer as their roots."""
    own = [each["deadline_us"] for each in row.get("functions", ()) if "deadline_us" in each]
    medians = MEDIANS.get(row["mix"], (1.0,))
    return own or [row["deadline_us"] * each / medians[0] for each in medians]


def takes(row: dict, cost: float) -> float:
    """Of a slot's time, for a root of that cost, where one of the mean cost takes 1. What a slot
    does beside the tasks themselves is as much for each root: a short one takes more than its part
    of the work, and a long one less."""
    own = min(1.0, row.get("capacity_ratio", 1.0))  # of the 1: what is the tasks' own
    return own * cost + 1 - own


def limits_of(row: dict) -> list[float]:
    """The deadline of each function of the mix, in medians of its roots as the simulator has them.

    Its unit of time is what a slot takes for a root of the mean cost, with all of its tasks and
    what is done beside them: slots / capacity. A deadline in that unit is as long as the measured
    one, and for a mix of one function that is all. Of several, the simulator takes as long for a
    root as there is work in it, 50.5 units for one of 50.5 means. But what the node does beside a
    root is as much for a short one as for a long one, so it has done with that after 47 (takes);
    and where it overlaps the parts of a root, after what it takes alone, of which the deadline is a
    multiple. The long root would have less time to wait in the simulator than it really has. So
    deadlines are counted in the least of the three, and nobody is less patient there."""
    units_per_us = row["capacity_per_s"] / row["slots"] / 1e6
    deadlines = [each * units_per_us for each in deadlines_us(row)]
    least = MEDIANS[row["mix"]]
    if len(least) > 1:
        least = [min(median, takes(row, median), deadline / LIMIT)
                 for median, deadline in zip(least, deadlines, strict=True)]  # fmt: skip
    return [round(each / cost, 2) for each, cost in zip(deadlines, least, strict=True)]


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
    if done.returncode != 0:
        raise AssertionError(f"frontier {arguments}: exit code {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def frontier(row: dict, ask: Callable[[str], dict] = ask_frontier) -> dict:
    """What is possible for the load, slots, mix, shape and limits of a row, and ("again") with the
    very roots that came, if the row says what they were drawn from; {} if nobody knows. One slot
    runs the tasks of a root one after the other, whatever the shape. On several they may overlap,
    which the rules know nothing of; but to the bound a root of many tasks is one whose cost is all
    of theirs, for it may be interrupted and divided."""
    if row["mix"] not in MEDIANS:
        return {}
    limits = ",".join(map(str, limits_of(row)))
    told, tasks = f"--slots {row['slots']} --mix {row['mix']} --limit {limits}", TASKS[row["shape"]]
    if tasks > 1 and row["slots"] == 1:
        told += f" --tasks {tasks}"
    known = ask(f"{told} --x {row['x']:g}{again(row)}")
    if tasks > 1 and row["slots"] > 1:
        bound = {"upper": known["upper"]}
        if "again" in known:
            bound["again"] = {each: known["again"][each] for each in ("n", "came", "upper")}
        return bound
    return known


def again(row: dict) -> str:
    """Its roots, for the simulator to draw them once more."""
    if "drawn" not in row:
        return ""
    drawn = row["drawn"]
    told = [drawn["seed"], drawn["per_s"], drawn["seconds"], drawn["service_us"], drawn["burst"],
            row["capacity_per_s"]]  # fmt: skip
    return " --again " + ",".join(map(repr, told))


def longest_s(row: dict) -> float:
    """The deadline of the roots that have the furthest."""
    return max(deadlines_us(row)) / 1e6


def is_too_short(row: dict) -> bool:
    """Work counts that is done by its deadline, also after the end of the measurement: where that
    is long after it, goodput says more of the backlog at the end than of the node."""
    window_s = row["n"] / max(1, row["offered_per_s"])
    return longest_s(row) > window_s / DEADLINES


def by_choice(row: dict) -> float:
    """How many times the capacity in work a node can do that has too much to do, by leaving the
    short roots undone: for their work, the longest take the least of a slot."""
    longest = MEDIANS.get(row["mix"], (1.0,))[-1]
    return max(1.0, longest / takes(row, longest)) if row["x"] > 1 else 1.0


def wakes_us(row: dict) -> float:
    """Of a task's time in a closed loop, what a full node does not need."""
    return WAKE_US + (HOPS * HOP_US if row.get("controller") == CLASSIC else 0)


def most(row: dict, known: dict) -> float:
    """What a verified measurement may show. Where it is not known which roots came, by chance more
    work may have come than was asked for, but whatever comes, no node does more than its capacity;
    except that what comes before the end of the measurement and is done after it, by its deadline,
    counts as well."""
    if "again" in known:
        reached = known["again"]["upper"]
    else:
        luck = LUCK * math.sqrt((1 + VARIATION.get(row["mix"], 0)) / max(1, row["n"]))
        after_the_end = longest_s(row) * row["offered_per_s"] / max(1, row["n"])
        reached = min(known["upper"] + luck, (1 + after_the_end) / min(row["x"], 1))
    error = TOLERANCE + wakes_us(row) / row.get("service_us", math.inf)
    return (1 + error) * by_choice(row) * reached


def compare(rows: list[dict], ask: Callable[[str], dict] = ask_frontier) -> list[str]:
    """Adds what is possible to each row, and tells of those that are better than that."""
    problems = []
    for row in rows:
        if row["bench"] == "overload":
            problems += compare_one(row, ask)
    return problems


def compare_one(row: dict, ask: Callable[[str], dict]) -> list[str]:
    known = row["frontier"] = frontier(row, ask)
    came = known.get("again", {})
    if came and came["n"] != row["n"]:
        return [f"{at(row)}: {row['n']} roots came, and the simulator drew {came['n']}"]
    if came and row["judged"]:
        row["possible"] = came.get("blind", came["upper"])
    if "best" in came:
        row["regret"] = 1 - row["goodput_ratio"] / came["best"]
    if is_too_short(row):
        row["judged"] = False
        row["note"] = f"E is not judged: shorter than {DEADLINES} of its longest deadlines"
    if not known or (not came and not row["judged"]):
        return []
    allowed = most(row, known)
    if not row["verified"] or row["goodput_ratio"] <= allowed:
        return []
    bound = (came or known)["upper"]
    return [f"{at(row)}: goodput {row['goodput_ratio']:.3f} is more than can be: at most "
            f"{bound:.3f}, and {allowed:.3f} with the tolerance"]  # fmt: skip


def at(row: dict) -> str:
    return f"{row['part']} at {row['x']:g}"
