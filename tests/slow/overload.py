#!/usr/bin/env python3
"""The sweep: what each controller makes of 0.3 to 10 times the work that a node can do, beside what
any node could make of it (tests/sim/frontier). Ends with a table; docs/benchmarks.md says what the
figures are.

overload.py [--quick] [--list] [--report] [--again] [--only PATTERN…] [--seconds S] [--out FOLDER]

A part is a layout, a mix and a controller: a file of the lines that `spillgate bench overload`
printed, in build/overload. What these programs have been measured at is not measured again; what
was disturbed is tried again, three times, and then listed. The folder's all.jsonl has what was
reported last, with the frontier's figures, for docs/benchmarks/plot.py.
"""

import argparse
import fnmatch
import hashlib
import json
import pathlib
import subprocess
import sys
import time
from dataclasses import dataclass

from overload_report import BIN, ROOT, UNKNOWN, compare, rank, summary, table


@dataclass(frozen=True)
class Layout:
    name: str
    slots: int
    arguments: tuple[str, ...] = ()  # of the benchmark
    controllers: tuple[str, ...] = ("",)  # of submission; "": as the node has it by default
    shape: str = "single"  # the frontier knows of roots that are single tasks


OTHERS = ("none", "bound", "deadline", "adaptive_bound", "codel", "seda_aimd", "gradient")
# What is measured. The benchmark says so if it does not know one of these; that is then skipped.
LAYOUTS = (
    Layout("spin-1ms", 1, ("--service", "1ms"), ("", *OTHERS)),
    Layout("sleep-10ms-64", 64, ("--service", "10ms", "--function", "sleep",
                                 "--set", "node.resources.cpu=64")),  # fmt: skip
)
MIXES = ("constant", "exponential", "bimodal", "lognormal")
X = (0.3, 0.5, 0.7, 0.9, 1, 1.2, 1.5, 2, 5, 10)
X_OF_OTHERS = (0.7, 1, 2, 10)  # controllers, that are not the default
MIXES_OF_OTHERS = ("constant", "exponential")
SECONDS = 5.0  # of each measurement
LONGER = {"bimodal": 4.0}  # times: for enough of those that are one in a hundred
ATTEMPTS = 3
QUIET = 0.1  # of the cores in use is quiet enough to begin
PATIENCE = 30.0  # seconds to wait for that
BUDGET = 2400.0  # seconds, after which nothing more is begun: ops/test has a deadline

QUICK_LAYOUTS = (Layout("spin-1ms", 1, ("--service", "1ms"), ("", "bound")),)
QUICK_MIXES = ("constant", "exponential")
QUICK_X = (0.7, 2, 10)
QUICK_X_OF_OTHERS = (2,)
QUICK_SECONDS = 1.2


class Broken(Exception):
    """What is not the machine's fault."""


@dataclass(frozen=True)
class Part:
    layout: Layout
    mix: str
    controller: str
    x: tuple[float, ...]

    @property
    def name(self) -> str:
        return f"{self.layout.name}-{self.mix}-{self.controller or 'default'}"


def parts(quick: bool) -> list[Part]:
    """The default's first: if there is no time for all, it is the others that are left out."""
    layouts, mixes = (QUICK_LAYOUTS, QUICK_MIXES) if quick else (LAYOUTS, MIXES)
    own, others = (QUICK_X, QUICK_X_OF_OTHERS) if quick else (X, X_OF_OTHERS)
    found = [
        Part(layout, mix, controller, others if controller else own)
        for layout in layouts
        for mix in mixes
        for controller in layout.controllers
        if not controller or mix in MIXES_OF_OTHERS
    ]
    return sorted(found, key=lambda part: bool(part.controller))


# ---- measuring


def busy() -> tuple[int, int]:
    """Of all cores since the machine's start: ticks in use, and all ticks."""
    with open("/proc/stat", encoding="utf-8") as file:
        ticks = [int(each) for each in file.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def wait_for_quiet(at_most: float) -> None:
    """Until other programs leave the cores alone: beside them hardly a measurement is valid."""
    until = time.monotonic() + at_most
    while time.monotonic() < until:
        before = busy()
        time.sleep(2)
        after = busy()
        if after[0] - before[0] < QUIET * (after[1] - before[1]):
            return


def lines(path: pathlib.Path) -> list[dict]:
    """Whole lines of JSON; the last may have been cut off."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def programs() -> str:
    """What is measured: rows of another build say nothing about this one."""
    both = (BIN / "spillgate").read_bytes() + (BIN / "spillgated").read_bytes()
    return hashlib.sha256(both).hexdigest()[:12]


def measured(path: pathlib.Path, build: str = "") -> dict[float, dict]:
    """The last of the best rows of each multiple; of a build, or of any."""
    rows: dict[float, dict] = {}
    for row in lines(path):
        if build not in ("", row.get("programs")):
            continue
        if row["x"] not in rows or rank(row) >= rank(rows[row["x"]]):
            rows[row["x"]] = row
    return rows


def is_disturbed(row: dict) -> bool:
    return not row["verified"] and row.get("problem", "").startswith("void")


def bench(part: Part, x: list[float], seconds: float) -> list[dict]:
    """Runs the benchmark; [] if it does not know what it is asked for."""
    seconds *= LONGER.get(part.mix, 1)
    command = [str(BIN / "spillgate"), "bench", "overload", "-o", "json", "--mix", part.mix]
    command += ["--x", ",".join(f"{each:g}" for each in x), "--seconds", f"{seconds:g}"]
    command += part.layout.arguments
    if part.controller:
        command += ["--set", f"stage.submission.controller={part.controller}"]
    # Capacity twice, without load, and each multiple; all with the time that silence takes.
    at_most = 30 + (len(x) + 5) * seconds * 2 + len(x) * 10
    done = subprocess.run(
        [str(ROOT / "ops" / "contain"), f"{at_most:.0f}", *command],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode in UNKNOWN:
        print(f"{part.name}: skipped: {done.stderr.strip()}", flush=True)
        return []
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    if not rows:
        raise Broken(f"{part.name}: exit code {done.returncode}: {done.stderr.strip()}")
    return rows


def keep(part: Part, path: pathlib.Path, rows: list[dict], build: str) -> None:
    about = {"layout": part.layout.name, "slots": part.layout.slots, "root": part.layout.shape,
             "default": not part.controller, "part": part.name, "programs": build}  # fmt: skip
    with path.open("a") as file:
        file.write("".join(json.dumps(row | about) + "\n" for row in rows))
    for row in rows:
        if is_disturbed(row):
            print(f"  {row['x']:g}: {row['problem']}", flush=True)
        elif rank(row) == 1:
            print(f"  {row['x']:g}: others had {row['foreign_cpu_pct']:.0f} % of the cores")
        elif rank(row) == 0:
            raise Broken(f"{part.name} at {row['x']:g}: {row['problem']}")


@dataclass
class Effort:
    """How much is made of it."""

    seconds: float
    attempts: int
    patience: float  # to wait for a quiet machine, in seconds, before each run
    until: float  # by the monotonic clock: no run begins after it


def measure(part: Part, path: pathlib.Path, effort: Effort) -> None:
    """Only what has no good row of this build is run: at first all at once, then in smaller
    pieces, for which the machine is more likely to be quiet."""
    build = programs()
    for attempt in range(effort.attempts):
        rows = measured(path, build)
        missing = [x for x in part.x if x not in rows or rank(rows[x]) < 2]
        size = max(2, len(part.x) >> attempt)
        for piece in (missing[i : i + size] for i in range(0, len(missing), size)):
            if time.monotonic() > effort.until:
                print(f"{part.name}: no time left for {piece}", flush=True)
                return
            wait_for_quiet(effort.patience)
            print(f"{part.name}: {', '.join(f'{x:g}' for x in piece)}", flush=True)
            found = bench(part, piece, effort.seconds)
            if not found:
                return
            keep(part, path, found, build)


def report(chosen: list[Part], out: pathlib.Path, build: str) -> list[str]:
    rows = []
    for part in chosen:
        found = measured(out / f"{part.name}.jsonl", build)
        rows += [found[x] for x in sorted(found)]
    problems = compare(rows)
    (out / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if not any(row["verified"] for row in rows):
        problems.append("nothing was measured that is verified")
    print(f"\n{table(rows)}\n\n{summary(rows)}", flush=True)
    return problems


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="a minute; in build/overload-quick")
    parser.add_argument("--list", action="store_true", help="the parts' names, and end")
    parser.add_argument("--report", action="store_true",
                        help="of what there is, of any build; measure nothing")  # fmt: skip
    parser.add_argument("--again", action="store_true", help="forget what has been measured")
    parser.add_argument("--only", nargs="+", metavar="PATTERN", help="parts, as *-constant-*")
    parser.add_argument("--seconds", type=float, help=f"of each measurement [{SECONDS:g}]")
    parser.add_argument("--attempts", type=int, default=0, help=f"of what is void [{ATTEMPTS}]")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the results [build/overload]")
    return parser.parse_args()


def main() -> int:
    asked = options()
    chosen = parts(asked.quick)
    if asked.only:
        chosen = [p for p in chosen if any(fnmatch.fnmatch(p.name, each) for each in asked.only)]
    if asked.list or not chosen:
        print("\n".join(part.name for part in chosen or parts(asked.quick)))
        return 0 if chosen else 2
    out = asked.out or ROOT / "build" / ("overload-quick" if asked.quick else "overload")
    out.mkdir(parents=True, exist_ok=True)
    effort = Effort(asked.seconds or SECONDS, asked.attempts or ATTEMPTS, PATIENCE, 0)
    if asked.quick:
        effort = Effort(asked.seconds or QUICK_SECONDS, asked.attempts or 1, 0, 0)
    effort.until = time.monotonic() + BUDGET
    problems = []
    for part in () if asked.report else chosen:
        path = out / f"{part.name}.jsonl"
        if asked.again:
            path.unlink(missing_ok=True)
        try:
            measure(part, path, effort)
        except Broken as problem:
            problems.append(str(problem))
    problems += report(chosen, out, "" if asked.report else programs())
    for problem in problems:
        print(f"FAILED: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    if missing := [name for name in ("spillgate", "spillgated", "frontier")
                   if not (BIN / name).exists()]:  # fmt: skip
        sys.exit(f"{BIN}/{missing[0]}: build it first (ops/build)")
    sys.exit(main())
