#!/usr/bin/env python3
"""Shows that the tests notice what they are there for: plants one fault after the other in a copy
of the tree, and each must make every test that it names fail.

    mutations.py [--list] [NUMBER|NAME…]

The faults are in mutations/*.toml, one file a part of the system. A [[mutation]] has

    name    short, with hyphens; for the command line
    breaks  what no longer holds with it, in one line
    file    where it is planted
    old     the text that it replaces; must be there exactly once
    new     what stands there then; must compile, warnings included
    tests   "PROGRAM FILTER", each of which must fail: by a failure, a crash, or by not ending

The checkout is never touched. First the tests that are named must pass in the copy as it is. Prints
a line for each fault, and exits with 1 and a list if one survived, does not fit or does not
compile. Whoever changes the code and finds that a fault no longer fits plants it again in the new
code; a fault that survives asks for a test.
"""

import argparse
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LISTS = Path(__file__).resolve().parent / "mutations"
FIELDS = ("name", "breaks", "file", "old", "new", "tests")
LEFT_OUT = ("build", ".git")  # of the copy, at the top

BUILD_SECONDS = 1500
LEAST_SECONDS = 30  # that a test gets with a fault, or ten times what it took without
MOST_MEMORY = 12 << 30  # of its address space: a fault may well be a loop that allocates
NOT_DONE = 124  # what ops/contain answers after the deadline


class ListError(Exception):
    """The list is wrong, and says where; nothing is known of the tests."""


@dataclass(frozen=True)
class Mutation:
    number: int
    name: str
    breaks: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    listed_in: str

    def __str__(self) -> str:
        return f"mutation {self.number} ({self.name}, {self.listed_in})"

    def programs(self) -> list[str]:
        return sorted({test.split()[0] for test in self.tests})


def load(folder: Path) -> list[Mutation]:
    """All of the lists, in the order of their names."""
    mutations: list[Mutation] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutation", [])
        except tomllib.TOMLDecodeError as error:
            raise ListError(f"{path.name}: {error}") from error
        for entry in entries:
            number = len(mutations) + 1
            where = f"mutation {number} ({entry.get('name', 'without a name')}, {path.name})"
            if sorted(entry) != sorted(FIELDS):
                raise ListError(f"{where}: it has to have {', '.join(FIELDS)} and nothing else")
            mutation = Mutation(
                number=number,
                listed_in=path.name,
                **(entry | {"tests": tuple(entry["tests"])}),
            )
            if mutation.old == mutation.new:
                raise ListError(f"{where}: old and new are the same")
            if not mutation.tests or any(len(test.split()) != 2 for test in mutation.tests):
                raise ListError(f"{where}: tests are a list of 'PROGRAM FILTER'")
            if any(mutation.name == other.name for other in mutations):
                raise ListError(f"{where}: there is another one of that name")
            mutations.append(mutation)
    return mutations


def planted(root: Path, mutation: Mutation) -> str:
    """The text of its file with the fault in it."""
    path = root / mutation.file
    text = path.read_text(encoding="utf-8") if path.is_file() else None
    times = text.count(mutation.old) if text is not None else 0
    if text is None or times != 1:
        found = "there is no such file" if text is None else f"its text is there {times} times"
        raise ListError(f"{mutation} no longer fits: in {mutation.file} {found}, not once")
    return text.replace(mutation.old, mutation.new)


def misfits(root: Path, mutations: list[Mutation]) -> list[str]:
    """Why some of them cannot be planted there."""
    found = []
    for mutation in mutations:
        try:
            planted(root, mutation)
        except ListError as error:
            found.append(str(error))
    return found


def chosen(mutations: list[Mutation], words: list[str]) -> list[Mutation]:
    """Those of these numbers or names; all if there are none."""
    wanted = []
    for word in words:
        found = [m for m in mutations if word in (str(m.number), m.name)]
        if not found:
            raise ListError(f"there is no mutation {word!r}; --list shows all {len(mutations)}")
        wanted += found
    return sorted(wanted, key=lambda m: m.number) if words else mutations


def limit_resources() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Copy:
    """A copy of the tree, its build, and how long each test takes there without a fault."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.root = folder / "tree"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        shutil.copytree(
            source,
            self.root,
            ignore=lambda folder, _: LEFT_OUT if Path(folder) == source else ("__pycache__",),
            symlinks=True,
        )
        self.environment = os.environ | {
            "TMPDIR": str(self.temporary),
            "XDG_RUNTIME_DIR": str(self.temporary),
            "XDG_STATE_HOME": str(self.temporary / "state"),
            "GTEST_FAIL_FAST": "1",
        }
        self.seconds: dict[str, float] = {}

    def build(self, programs: list[str]) -> str:
        """Empty if it compiles, else what the compiler said."""
        done = subprocess.run(
            ["ops/contain", str(BUILD_SECONDS), "ops/build", "release", *programs],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        self.environment["SPILLGATE_SKIP_DEPS"] = "1"  # the first build has installed them
        return "" if done.returncode == 0 else done.stdout or f"exit {done.returncode}"

    def run(self, test: str, seconds: float) -> tuple[int, str]:
        """The exit code and the output of a test under a deadline."""
        program, pattern = test.split()
        with tempfile.TemporaryFile(dir=self.temporary) as output:
            code = subprocess.run(
                [
                    "ops/contain",
                    f"{seconds:.0f}",
                    f"build/release/bin/{program}",
                    f"--gtest_filter={pattern}",
                ],
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=limit_resources,
                check=False,
            ).returncode
            output.seek(max(0, output.seek(0, os.SEEK_END) - (1 << 16)))
            return code, output.read().decode(errors="replace")

    def measure(self, tests: list[str]) -> None:
        """Runs them without a fault: they have to be there and to pass."""
        for test in tests:
            begin = time.monotonic()
            code, output = self.run(test, BUILD_SECONDS)
            self.seconds[test] = time.monotonic() - begin
            ran = re.findall(r"^\[==========\] (\d+) tests? from .* ran\.", output, re.MULTILINE)
            if code != 0:
                raise ListError(f"{test} fails without any fault:\n{tail(output)}")
            if not ran or int(ran[-1]) == 0:
                raise ListError(f"{test} names no test; see tests in the list")

    def survives(self, mutation: Mutation) -> list[str]:
        """The tests that did not notice it."""
        unmoved = []
        for test in mutation.tests:
            code, output = self.run(test, max(LEAST_SECONDS, 10 * self.seconds[test]))
            if code == 0:
                unmoved.append(test)
            elif code in (126, 127):
                raise ListError(f"{mutation}: {test} could not be run:\n{tail(output)}")
        return unmoved

    def judge(self, mutation: Mutation) -> tuple[str, str]:
        """The verdict in a word, and what to say of it."""
        path = self.root / mutation.file
        before = path.read_bytes()
        path.write_text(planted(self.root, mutation), encoding="utf-8")
        try:
            said = self.build(mutation.programs())
            if said:
                return "NO BUILD", tail(said)
            unmoved = self.survives(mutation)
        finally:
            path.write_bytes(before)  # with a new time, so that the next build takes it
        return ("SURVIVED", "in " + ", ".join(unmoved)) if unmoved else ("killed", "")


def tail(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if "[  SKIPPED ]" not in line]
    return "\n".join("    " + line for line in lines[-25:])


def run(source: Path, mutations: list[Mutation]) -> list[str]:
    """Plants each of them; the answer says which ones were not noticed."""
    if wrong := misfits(source, mutations):
        raise ListError("\n".join(wrong))
    bad = []
    with tempfile.TemporaryDirectory(prefix="mutations.") as folder:
        copy = Copy(source, Path(folder))
        begin = time.monotonic()
        if said := copy.build(sorted({p for m in mutations for p in m.programs()})):
            raise ListError(f"the tree does not build as it is:\n{tail(said)}")
        print(f"built as it is in {time.monotonic() - begin:.0f} s", flush=True)
        copy.measure(sorted({test for m in mutations for test in m.tests}))
        for mutation in mutations:
            begin = time.monotonic()
            verdict, more = copy.judge(mutation)
            seconds = time.monotonic() - begin
            line = f"{mutation.number:3d}  {verdict:8s} {seconds:6.1f} s  {mutation.name}: "
            print(line + mutation.breaks + (f"\n{more}" if more else ""), flush=True)
            if verdict != "killed":
                bad.append(f"{mutation}: {verdict} {more}")
    return bad


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--list", action="store_true", help="show them and run nothing")
    parser.add_argument("which", nargs="*", metavar="NUMBER|NAME", help="only these")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and the copy is removed
    begin = time.monotonic()
    try:
        mutations = chosen(load(LISTS), options.which)
        if options.list:
            for mutation in mutations:
                print(f"{mutation.number:3d}  {mutation.name}: {mutation.breaks}")
                print(f"       {mutation.file}; noticed by {', '.join(mutation.tests)}")
            return 0
        bad = run(ROOT, mutations)
    except ListError as error:
        print(f"mutations: {error}", file=sys.stderr)
        return 2
    minutes = (time.monotonic() - begin) / 60
    print(f"{len(mutations) - len(bad)} of {len(mutations)} killed, {minutes:.1f} minutes")
    for each in bad:
        print(each, file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
