#!/usr/bin/env python3
"""What tells controllers apart: loads that each of them was made for, or forgot. Every scenario has
one figure in 0..1 for each controller; docs/benchmarks.md says what it is.

contrasts.py [--list] [--only PATTERN…] [--seconds S] [--again] [--report] [--out FOLDER]

An object a line, also in build/contrasts, a file for each controller; ends with a table of all,
which is written there as table.md. What these programs have been measured at, with these settings,
is not measured again; what was disturbed is tried again, and then marked.
"""

import argparse
import contextlib
import fnmatch
import hashlib
import json
import pathlib
import subprocess
import sys
import time
from dataclasses import dataclass

import controllers
from contrasts_report import mean, table
from cores import disturbed
from node import BIN, ROOT
from scenarios import finish
from scenes import Plan, Scene

PROGRAMS = ("spillgate", "spillgated", "libtest_outside.so")
MS = 1000  # in microseconds
ATTEMPTS = 2
MOST_LATE_MS = 5.0  # at the p99, of a sender whose roots have deadlines of 15 ms and more
SECONDS = 8.0  # of each scenario, about


@dataclass(frozen=True)
class Setup:
    """How the node is configured that is to be measured."""

    settings: tuple[str, ...] = ()
    config: str = ""  # a file

    @staticmethod
    def with_controller(name: str) -> "Setup":
        """A profile is a file of settings, and the command has no setting that names one."""
        given = () if name == controllers.DEFAULT else controllers.settings_of(name)
        profiles = [each.partition("=")[2] for each in given if each.startswith("profile=")]
        config = str(ROOT / "config" / "profiles" / f"{profiles[0]}.toml") if profiles else ""
        return Setup(tuple(each for each in given if not each.startswith("profile=")), config)

    def scene(self, *settings: str) -> Scene:
        """What the scenario needs comes last: a profile may say otherwise."""
        return Scene(*self.settings, *settings, config=self.config)

    def words(self) -> list[str]:
        """For a command that starts such a node."""
        sets = [word for each in self.settings for word in ("--set", each)]
        return sets + (["-c", self.config] if self.config else [])


# ---- by the benchmark


def bench(setup: Setup, seconds: float, *words: str) -> list[dict]:
    command = [str(BIN / "spillgate"), "bench", "overload", "-o", "json"]
    command += ["--seconds", f"{seconds:g}", *words, *setup.words()]
    done = subprocess.run(
        [str(ROOT / "ops" / "contain"), f"{60 + 20 * seconds:.0f}", *command],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    if not rows:
        raise AssertionError(f"exit code {done.returncode}: {' '.join(command)}: {done.stderr}")
    return rows


KEPT = ("x", "step", "function", "service_us", "n", "good", "late", "expired", "refused", "held",
        "silent", "offered_work_ratio", "goodput_ratio", "p50_us", "p99_us", "unloaded_p99_us",
        "deadline_us", "capacity_per_s", "wasted_ratio", "refusal_p99_us", "lateness_p99_us",
        "foreign_cpu_pct", "steal_pct")  # fmt: skip


def of_rows(rows: list[dict], figure: float, second: float | None = None) -> dict:
    wrong = [row["problem"] for row in rows if row.get("problem")]
    void = [f"void: {row['void']}" for row in rows if "void" in row]
    problems = [each for each in wrong if not each.startswith("void")]
    foreign = max(row["foreign_cpu_pct"] for row in rows)
    if foreign > 15:
        void.append(f"others used {foreign:.0f} % of the cores")
    return {
        "figure": figure,
        "second": second,
        "void": "; ".join(dict.fromkeys(void)),
        "problems": list(dict.fromkeys(problems)),
        "details": [{name: row[name] for name in KEPT if name in row} for row in rows],
    }


def goodput(row: dict) -> float:
    return min(1.0, row["goodput_ratio"])


def shift(setup: Setup, seconds: float) -> dict:
    """Twice the capacity in roots of 100 us, then of 10 ms and another function, and once more:
    the mean goodput of the four parts, and the least."""
    part = seconds / 4
    steps = f"2:{part:g},2:{part:g}:10ms,2:{part:g},2:{part:g}:10ms"
    rows = bench(setup, min(1.0, part), "--service", "100us", "--steps", steps)
    each = [goodput(row) for row in rows]
    return of_rows(rows, mean(each), min(each))


FIRST_S = 0.1  # of a step


def idle_then_ten(setup: Setup, seconds: float) -> dict:
    """Ten times the capacity after a second of nothing, three times, and after a long time: the
    mean goodput of the first 100 ms of each, and that after the long time."""
    pause, burst = seconds / 16, max(0.1, seconds / 20)
    step = f"10:{FIRST_S:g},10:{burst:g}"
    steps = ",".join([f"0:{pause:g},{step}"] * 3 + [f"0:{seconds / 2:g},{step}"])
    rows = bench(setup, min(1.0, seconds / 8), "--steps", steps)
    firsts = [goodput(row) for row in rows[1::3]]
    return of_rows(rows, mean(firsts), firsts[-1])


def turnaround(setup: Setup, seconds: float) -> dict:
    """Clients that keep to their credits and take 100 us to heed one, as long as a root takes: the
    goodput at twice the capacity, and at 0.7 of it."""
    rows = bench(setup, seconds / 4, "--x", "0.7,2", "--service", "100us", "--clients",
                 "cooperative", "--turnaround", "100us")  # fmt: skip
    return of_rows(rows, goodput(rows[1]), goodput(rows[0]))


# ---- by several loads at the same time


def success(told: dict, load: str) -> float:
    found = told["loads"][load]
    return found["good"] / found["offered"] if found["offered"] else 0.0


def of_scene(told: dict, figure: float, second: float | None = None) -> dict:
    late = max(load["lateness_p99_ms"] for load in told["loads"].values())
    void = disturbed(told)
    if not void and late > MOST_LATE_MS:
        void = f"the sender was {late} ms late"
    problems = told.pop("problems")
    return {"figure": min(1.0, figure), "second": second, "void": void, "problems": problems,
            "details": told}  # fmt: skip


def two_resources(setup: Setup, seconds: float, deadline_us: int = 15 * MS) -> dict:
    """One CPU slot at half of what it can do, and two seats at ten times of that: what is good of
    the roots that need the CPU, and of what the seats can do."""
    plan = Plan(seconds, 0.5, 920.0, deadline_us)
    seats, sleep_us = 2, 10 * MS
    can = seats * 1e6 / sleep_us
    loads = {
        "cpu": plan.load(),
        "seats": plan.load(function="sleep_long", argument_us=sleep_us, rate=10 * can,
                           deadline_us=10 * sleep_us + deadline_us - 15 * MS),
    }  # fmt: skip
    settings = ("node.resources.cpu=1", f"node.resources.seat={seats}", "pool.exec.threads=4",
                "function.sleep_long.cpu=0", "function.sleep_long.custom.seat=1")  # fmt: skip
    with setup.scene(*settings) as scene:
        told = finish(scene, scene.play(plan, loads))
    done = told["loads"]["seats"]["good"] / (can * loads["seats"].seconds)
    return of_scene(told, success(told, "cpu"), min(1.0, done))


# Seconds at which the two longest roots are due: the second while the first runs.
LONGEST_AT = (2.0, 5.0)


def heavy_tail(
    setup: Setup, seconds: float, deadline_us: int = 15 * MS, shorter: float = 1
) -> dict:
    """Roots of 1 ms, 100 ms and 10 s at 0.7 of two slots, each a third of the work: what is good of
    the short ones, and of those of 100 ms. It is three times as long as the others, since two of
    the longest have to run."""
    seconds = max(3 * seconds, 24.0) / shorter
    longest_us = round(10_000 * MS / shorter)
    third = 0.7 * 2 / 3
    plan = Plan(seconds, 0.7, 2e6 / MS, deadline_us)
    at = tuple(each / shorter for each in LONGEST_AT)
    loads = {
        "short": plan.load(function="sleep", argument_us=MS, rate=third * 1e3),
        "long": plan.load(function="sleep_long", argument_us=100 * MS, rate=third * 10,
                          deadline_us=1_000 * MS + deadline_us),
        "longest": plan.load(function="sleep_longest", argument_us=longest_us, rate=third / 10,
                             deadline_us=10 * longest_us, at=at),
    }  # fmt: skip
    with setup.scene("node.resources.cpu=2") as scene:
        told = finish(scene, scene.play(plan, loads))
    return of_scene(told, success(told, "short"), success(told, "long"))


def outside(setup: Setup, seconds: float, deadline_us: int = 40 * MS) -> dict:
    """Sixteen slots, and a function that asks something outside which serves four at a time, at
    twice what that can do, beside roots that need two slots: what is good of those, and of what the
    outside can do."""
    plan = Plan(seconds, 2.0, 200.0, deadline_us)
    servers, ask_us = 4, 10 * MS
    can = servers * 1e6 / ask_us
    loads = {
        "local": plan.load(function="sleep", argument_us=5 * MS),
        "outside": plan.load(function="ask", argument_us=ask_us, rate=2 * can,
                             deadline_us=10 * ask_us + deadline_us - 40 * MS),
    }  # fmt: skip
    settings = ("node.resources.cpu=16", "library.outside.host=in_process",
                f"library.outside.path={BIN / 'libtest_outside.so'}")  # fmt: skip
    with setup.scene(*settings) as scene:
        told = finish(scene, scene.play(plan, loads))
    done = told["loads"]["outside"]["good"] / (can * loads["outside"].seconds)
    return of_scene(told, success(told, "local"), min(1.0, done))


# ---- all of them

SCENARIOS = {
    "shift": shift,
    "two_resources": two_resources,
    "idle_then_ten": idle_then_ten,
    "heavy_tail": heavy_tail,
    "outside": outside,
    "turnaround": turnaround,
}
CONTROLLERS = (controllers.DEFAULT, *controllers.OTHERS, controllers.CLASSIC)


def lines(path: pathlib.Path) -> list[dict]:
    """Whole lines of JSON; the last may have been cut off."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


def key_of(setup: Setup, seconds: float) -> str:
    """Of what the figures depend on: those of another build, or of other settings, are others."""
    config = pathlib.Path(setup.config).read_text() if setup.config else ""
    programs = [hashlib.sha256((BIN / name).read_bytes()).hexdigest() for name in PROGRAMS]
    what = [programs, list(setup.settings), config, seconds]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]


def measured(out: pathlib.Path, controller: str, key: str = "") -> dict[str, dict]:
    """The last row of each scenario, but what was not disturbed before what was; with that key, or
    any."""
    found: dict[str, dict] = {}
    for row in lines(out / f"{controller}.jsonl"):
        if key not in ("", row["key"]):
            continue
        last = found.get(row["scenario"])
        if last is None or not row["void"] or last["void"]:
            found[row["scenario"]] = row
    return found


def measure(out: pathlib.Path, controller: str, scenario: str, seconds: float) -> None:
    setup = Setup.with_controller(controller)
    key = key_of(setup, seconds)
    for _ in range(ATTEMPTS):
        last = measured(out, controller, key).get(scenario)
        if last and not last["void"]:
            return
        began = time.monotonic()
        row = {"scenario": scenario, "controller": controller}
        try:
            row |= SCENARIOS[scenario](setup, seconds)
        except AssertionError as problem:
            row |= {"figure": None, "second": None, "void": "", "problems": [str(problem)],
                    "details": None}  # fmt: skip
        row |= {"key": key, "settings": list(setup.settings),
                "took_s": round(time.monotonic() - began, 1)}  # fmt: skip
        with (out / f"{controller}.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)


def report(out: pathlib.Path, seconds: float, any_key: bool) -> list[str]:
    found = {}
    for name in CONTROLLERS:
        key = "" if any_key else key_of(Setup.with_controller(name), seconds)
        found[name] = measured(out, name, key)
    text = table(found, tuple(SCENARIOS))
    (out / "table.md").write_text(text + "\n")
    print(f"\n{text}", flush=True)
    return [f"{name}, {scenario}: {problem}" for name, rows in found.items()
            for scenario, row in rows.items() for problem in row["problems"]]  # fmt: skip


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--list", action="store_true", help="the names of all parts, and end")
    parser.add_argument("--only", nargs="+", metavar="PATTERN",
                        help="parts, SCENARIO-CONTROLLER, as heavy_tail-*")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=SECONDS,
                        help=f"of each, about; of heavy_tail three times that [{SECONDS:g}]")
    parser.add_argument("--again", action="store_true", help="forget what has been measured")
    parser.add_argument("--report", action="store_true", help="of what there is, of any build")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "contrasts")
    return parser.parse_args()


def main() -> int:
    asked = options()
    parts = [(scenario, name) for name in CONTROLLERS for scenario in SCENARIOS
             if not asked.only or any(fnmatch.fnmatch(f"{scenario}-{name}", pattern)
                                      for pattern in asked.only)]  # fmt: skip
    if asked.list or not parts:
        print("\n".join(f"{scenario}-{name}" for scenario, name in parts))
        return 0 if parts else 2
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.again:
        for name in {name for _, name in parts}:
            (asked.out / f"{name}.jsonl").unlink(missing_ok=True)
    for scenario, name in () if asked.report else parts:
        measure(asked.out, name, scenario, asked.seconds)
    problems = report(asked.out, asked.seconds, asked.report)
    for problem in problems:
        print(f"FAILED: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    for needed in PROGRAMS:
        if not (BIN / needed).exists():
            sys.exit(f"{BIN}/{needed}: build it first (ops/build release all)")
    sys.exit(main())
