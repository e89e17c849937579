#!/usr/bin/env python3
"""The sweep: what the node, and each controller that it could have, makes of 0.3 to 10 times the
work that a node can do, beside what any node could make of it (tests/sim/frontier). Ends with a
report; docs/benchmarks.md says what the figures are.

overload.py [--quick] [--list] [--report] [--again] [--group NAME…] [--only PATTERN…]
            [--seconds S] [--minutes M] [--attempts N] [--out FOLDER]

What is measured, and in which order, is in overload_parts.py. A part is a file of the lines that
`spillgate bench overload` printed, in build/overload. What these programs have been measured at,
with the same settings, is not measured again; what was disturbed is tried again at the end of its
group, and then listed. Nothing is begun after --minutes: the next call goes on there, and
--minutes 240 is for all of it.
The folder's report.md is what was reported last, and all.jsonl its rows with the frontier's
figures, for docs/benchmarks/plot.py.
"""

import argparse
import fnmatch
import hashlib
import json
import pathlib
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass

from controllers import settings_of
from overload_parts import QUICK_SECONDS, SECONDS, Part, estimate, groups, micros, seconds_of
from overload_report import BIN, MOST_FOREIGN, ROOT, UNKNOWN, Memory, compare, rank
from overload_tables import report_of

ATTEMPTS = 2
QUIET = 0.1  # of the cores in use is quiet enough to begin
PATIENCE = 10.0  # seconds to wait for that
MINUTES = 25.0  # after which nothing more is begun


class Broken(Exception):
    """What is not the machine's fault."""


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
        time.sleep(0.5)
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


def measured_with(controller: str) -> str:
    """The programs and their settings: rows of others say nothing about these."""
    both = (BIN / "spillgate").read_bytes() + (BIN / "spillgated").read_bytes()
    return hashlib.sha256(both + "\n".join(settings_of(controller)).encode()).hexdigest()[:12]


def measured(path: pathlib.Path, build: str = "") -> dict[float, dict]:
    """The last of the best rows of each multiple; of these programs, or ("") of any."""
    rows: dict[float, dict] = {}
    for row in lines(path):
        if build not in ("", row.get("programs")):
            continue
        if row["x"] not in rows or rank(row) >= rank(rows[row["x"]]):
            rows[row["x"]] = row
    return rows


IDLE = "refused without load"


def refuses_idle(row: dict) -> bool:
    """By chance, or the node's own doing: it is tried again, and fails in the end."""
    return not row["verified"] and "void" not in row and row.get("problem") == IDLE


def is_disturbed(row: dict) -> bool:
    """A machine that is busy with other things may well make the node refuse without load. (Where
    the host takes the CPU away the run is void.)"""
    if refuses_idle(row):
        return row.get("foreign_cpu_pct", 0) > MOST_FOREIGN
    return not row["verified"] and "void" in row


def as_it_is(row: dict) -> dict:
    """Of a controller that is compared: that it refuses without load is its own doing, and what it
    makes of load can still be compared. Beside other programs it counts for nothing anyway."""
    if row.get("problem") != IDLE or "void" in row:
        return row
    return row | {"verified": True, "problem": "", "note": row["problem"]}


def bench(part: Part, x: list[float], least: float) -> list[dict]:
    """Runs the benchmark; [] if it does not know what it is asked for."""
    seconds = seconds_of(part.case, least)
    command = [str(BIN / "spillgate"), "bench", "-o", "json", *part.case.arguments]
    command += ["--x", ",".join(f"{each:g}" for each in x), "--seconds", f"{seconds:g}"]
    for setting in settings_of(part.controller):
        command += ["--set", setting]
    at_most = 60 + 2 * estimate(part.case, len(x), least) + 10 * len(x)
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
    return [as_it_is(row) for row in rows] if part.controller else rows


def keep(part: Part, path: pathlib.Path, rows: list[dict], build: str) -> None:
    case = part.case
    about = {
        "layout": case.layout,
        "slots": case.slots,
        "service_us": micros(case.service),
        "case": case.name,
        "judged": case.judged,
        "default": not part.controller,
        "part": part.name,
        "programs": build,
    }
    if part.controller:
        about["controller"] = part.controller  # a profile's name is not that of its controller
    with path.open("a") as file:
        file.write("".join(json.dumps(row | about) + "\n" for row in rows))
    for row in rows:
        if is_disturbed(row) or refuses_idle(row):
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


def tries(path: pathlib.Path, build: str) -> Counter:
    """How often each multiple was measured."""
    return Counter(row["x"] for row in lines(path) if row.get("programs") == build)


def measure(part: Part, path: pathlib.Path, effort: Effort, attempt: int) -> None:
    """What was tried less often and has no good row: at first all at once, then in smaller pieces,
    for which the machine is more likely to be quiet."""
    build = measured_with(part.controller)
    rows, tried = measured(path, build), tries(path, build)
    missing = [x for x in part.x
               if tried[x] <= attempt and (x not in rows or rank(rows[x]) < 2)]  # fmt: skip
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


def measure_all(chosen: list[Part], out: pathlib.Path, effort: Effort) -> list[str]:
    """A group. Whose fault is the node's is not tried again."""
    broken: dict[Part, str] = {}
    for attempt in range(effort.attempts):
        for part in chosen:
            if part in broken:
                continue
            try:
                measure(part, out / f"{part.name}.jsonl", effort, attempt)
            except Broken as problem:
                broken[part] = str(problem)
    return list(broken.values())


def report(chosen: list[Part], out: pathlib.Path, of_any: bool) -> list[str]:
    rows, missing = [], []
    for part in chosen:
        build = "" if of_any else measured_with(part.controller)
        found = measured(out / f"{part.name}.jsonl", build)
        rows += [found[x] for x in sorted(found)]
        missing += [f"{part.name} at {x:g}" for x in part.x if x not in found]
    problems = [f"{row['part']} at {row['x']:g}: {row['problem']}"
                for row in rows if rank(row) == 0 and not is_disturbed(row)]  # fmt: skip
    memory = Memory(out / "frontier.json")
    problems += compare(rows, memory.ask)
    memory.save()
    (out / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if not any(row["verified"] for row in rows):
        problems.append("nothing was measured that is verified")
    told = report_of(rows, missing, problems)
    (out / "report.md").write_text(told)
    print(f"\n{told}", flush=True)
    return problems


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="a minute; in build/overload-quick")
    parser.add_argument("--list", action="store_true",
                        help="the parts, and the minutes to the end of each")  # fmt: skip
    parser.add_argument("--report", action="store_true",
                        help="of what there is, of any build; measure nothing")  # fmt: skip
    parser.add_argument("--again", action="store_true", help="forget what has been measured")
    parser.add_argument("--group", nargs="+", metavar="NAME", help="of parts, as in --list")
    parser.add_argument("--only", nargs="+", metavar="PATTERN", help="parts, as *-constant-*")
    parser.add_argument("--seconds", type=float,
                        help=f"of each measurement, at least [{SECONDS:g}]")  # fmt: skip
    parser.add_argument("--minutes", type=float, default=MINUTES,
                        help=f"after which nothing more is begun [{MINUTES:g}]")  # fmt: skip
    parser.add_argument("--attempts", type=int, default=0, help=f"of what is void [{ATTEMPTS}]")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the results [build/overload]")
    return parser.parse_args()


def choose(asked: argparse.Namespace) -> dict[str, list[Part]]:
    found = {}
    for name, whole in groups(asked.quick).items():
        if asked.group and name not in asked.group:
            continue
        found[name] = [part for part in whole if not asked.only or
                       any(fnmatch.fnmatch(part.name, each) for each in asked.only)]  # fmt: skip
    return found


def show(chosen: dict[str, list[Part]], least: float) -> None:
    """For a quiet machine: what is disturbed takes longer."""
    passed = 0.0
    for name, whole in chosen.items():
        for part in whole:
            passed += estimate(part.case, len(part.x), least) / 60
            print(f"{passed:6.1f}  {name:24}{part.name}")


def main() -> int:
    asked = options()
    chosen = choose(asked)
    least = asked.seconds or (QUICK_SECONDS if asked.quick else SECONDS)
    if asked.list or not any(chosen.values()):
        show(chosen if asked.list else groups(asked.quick), least)
        return 0 if asked.list else 2
    out = asked.out or ROOT / "build" / ("overload-quick" if asked.quick else "overload")
    out.mkdir(parents=True, exist_ok=True)
    attempts = asked.attempts or (1 if asked.quick else ATTEMPTS)
    until = time.monotonic() + 60 * asked.minutes
    effort = Effort(least, attempts, 0 if asked.quick else PATIENCE, until)
    whole = [part for group in chosen.values() for part in group]
    if asked.again:
        for part in whole:
            (out / f"{part.name}.jsonl").unlink(missing_ok=True)
    problems = []
    for group in () if asked.report else chosen.values():
        problems += measure_all(group, out, effort)
    problems += report(whole, out, asked.report)
    for problem in dict.fromkeys(problems):
        print(f"FAILED: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    if missing := [name for name in ("spillgate", "spillgated", "frontier")
                   if not (BIN / name).exists()]:  # fmt: skip
        sys.exit(f"{BIN}/{missing[0]}: build it first (ops/build release all)")
    sys.exit(main())
