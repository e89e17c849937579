#!/usr/bin/env python3
"""Holds what a task costs the node, in instructions, under a bound. For a noisy machine: the count
is the same whatever else runs.

    instructions_test.py STEP_COUNT [FUNCTIONS]

Runs STEP_COUNT (tests/bench/step_count.cc) under callgrind with two numbers of tasks; the
difference of the counts, over that of the tasks, is free of what the start costs. Prints it and
where it goes: by part, and the FUNCTIONS that take most (15). Exits 77, which ctest takes as
skipped, where there is no valgrind.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# Instructions a task, by tasks a frame: what was measured, and 15 % for a compiler's moods. Who
# makes it cheaper lowers them; who has to raise one says in the commit what was bought for it.
BOUNDS = {64: 3920, 1: 12700}
FEW, MANY = 200, 1200  # frames
SECONDS = 300
SKIPPED = 77


def callgrind(program: str, batch: int, frames: int, folder: Path) -> tuple[int, Path]:
    """Instructions that the node took for so many frames, and the profile."""
    profile = folder / f"{batch}-{frames}.callgrind"
    command = [
        "valgrind",
        "--tool=callgrind",
        "--collect-atstart=no",
        f"--callgrind-out-file={profile}",
        program,
        str(batch),
        str(batch * frames),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode != 0 or int(done.stdout or 0) != batch * frames:
        sys.exit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr}")
    totals = re.search(r"^(?:summary|totals): (\d+)", profile.read_text(), re.MULTILINE)
    if not totals:
        sys.exit(f"{profile}: no totals; is this callgrind's output?")
    return int(totals[1]), profile


# What belongs together, by the beginning of a function's name; the first that fits.
PARTS = (
    ("submission", r"Submission|Admission|WorkAtDoor|WorkBound|FindNamed|BuildTask|"
                   r"bench::SteppedNode|Buffer::"),
    ("resolution", r"Resolution|Park|Arguments"),
    ("scheduling", r"Scheduling|ReadySet|CostModel|Resources"),
    ("execution", r"Execution|ThreadExecutor|RunContext|functions::|sdk::|Hosts|sg_|EntryOf"),
    ("publication", r"Publication|Answers"),
    ("tables", r"TaskTable|Slab|RootPtr|Record|Session|Tenants|Registry|SeenWindow|ChildId|tsl::"),
    ("events (variants, vectors)", r"decltype\(auto\) std::__do_visit|std::vector|std::__detail"),
    ("stage runtime", r"flow::|ThreadIndex"),
    ("codec", r"wire::"),
    ("memory", r"malloc|free|_int_|operator (?:new|delete)|mem|__mem|unlink_chunk|calloc|realloc"),
)


def flat(profile: Path, tasks: int) -> list[tuple[float, str]]:
    """Instructions a task in each function itself, most first."""
    text = subprocess.run(
        ["callgrind_annotate", "--threshold=100", "--auto=no", str(profile)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    ).stdout
    functions = []
    for line in text.splitlines():
        found = re.match(r"\s*([\d,]+)(?: \(\s*[\d.]+%\))?\s+\S+?:(\S.*?)(?: \[[^\]]*\])?$", line)
        if found:
            name = re.sub(r"spillgate::|\(anonymous namespace\)::", "", found[2])
            functions.append((int(found[1].replace(",", "")) / tasks, name))
    return functions


def readable(name: str) -> str:
    """Without its arguments, and of a variant only the first kind."""
    depth = 0
    for at, letter in enumerate(name):
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0 and at > 0 and not name.startswith("decltype"):
            name = name[:at]
            break
    return re.sub(r"std::variant<(\w+)[^>]*>?", r"\1 …", name)[:90]


def parts(functions: list[tuple[float, str]]) -> dict[str, float]:
    shares = dict.fromkeys([label for label, _ in PARTS] + ["the rest"], 0.0)
    for each, name in functions:
        label = next((l for l, pattern in PARTS if re.match(pattern, name)), "the rest")
        shares[label] += each
    return shares


def main() -> int:
    program = sys.argv[1]
    functions = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    if not shutil.which("valgrind"):
        print("skipped: no valgrind here; ops/deps test installs it")
        return SKIPPED
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for batch, bound in BOUNDS.items():
            few, _ = callgrind(program, batch, FEW, folder)
            many, profile = callgrind(program, batch, MANY, folder)
            tasks = batch * (MANY - FEW)
            each = (many - few) / tasks
            verdict = "ok" if each <= bound else f"more than {bound}: what has become dearer?"
            print(f"{batch} a frame: {each:.1f} instructions a task, {verdict}")
            costs = flat(profile, batch * MANY)
            for label, cost in parts(costs).items():
                print(f"{cost:9.1f}  {label}")
            print("  in these functions themselves:")
            for cost, function in costs[:functions]:
                print(f"{cost:9.1f}  {readable(function)}")
            sys.stdout.flush()
            failed |= each > bound
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
