#!/usr/bin/env python3
"""Checks the tree against its own rules: sizes, include directions, bans, flat schemas, format.

Prints "file:line: what, and what to do" for each problem, and exits 1 if there is one. Arguments
limit the check to these files or folders; --fix formats them first. Needs nothing but Python;
format is checked only where clang-format-19 is installed.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import rules
from rules import Source

FOLDERS = ("core", "schema", "config", "stages", "server", "client", "tests")
FORMATTER = "clang-format-19"
SEEN = "build/tidy-format.json"  # what was found well formatted, by hash


def sources(root: str, suffixes: tuple[str, ...], only: list[str]) -> list[Source]:
    found = []
    for top in FOLDERS:
        for folder, below, names in os.walk(os.path.join(root, top)):
            below[:] = sorted(name for name in below if name not in ("node_modules", "__pycache__"))
            for name in sorted(names):
                path = os.path.relpath(os.path.join(folder, name), root)
                if name.endswith(suffixes) and (
                    not only or any(path == o or path.startswith(o + "/") for o in only)
                ):
                    with open(os.path.join(root, path), encoding="utf-8", newline="") as file:
                        found.append(Source(root, path, file.read()))
    return found


def known(root: str, salt: bytes, files: list[Source]) -> tuple[dict[str, str], set[str]]:
    """The hash of each file, and the hashes that are known to be well formatted."""
    try:
        with open(os.path.join(root, SEEN), encoding="utf-8") as file:
            seen = set(json.load(file))
    except (OSError, ValueError):
        seen = set()
    return {
        file.path: hashlib.sha256(salt + file.text.encode()).hexdigest() for file in files
    }, seen


def badly_formatted(root: str, files: list[Source]) -> list[tuple[str, int, str]]:
    if not shutil.which(FORMATTER):
        return []
    with open(os.path.join(root, ".clang-format"), "rb") as style:
        hashes, seen = known(root, style.read(), files)
    fresh = [file.path for file in files if hashes[file.path] not in seen]

    def check(paths: list[str]) -> str:
        return subprocess.run(
            [FORMATTER, "--dry-run", "--ferror-limit=1", *paths],
            cwd=root,
            check=False,
            capture_output=True,
            text=True,
        ).stderr

    jobs = os.cpu_count() or 1
    with ThreadPoolExecutor(jobs) as pool:
        output = "".join(pool.map(check, [part for i in range(jobs) if (part := fresh[i::jobs])]))
    bad = {}
    for line in output.splitlines():
        path, number, *_ = line.split(":") + [""]
        if "clang-format-violations" in line and number.isdigit():
            bad.setdefault(path, int(number))
    os.makedirs(os.path.join(root, "build"), exist_ok=True)
    with open(os.path.join(root, SEEN), "w", encoding="utf-8") as file:
        json.dump([hashes[source.path] for source in files if source.path not in bad], file)
    return [
        (path, line, "not as .clang-format says: run tests/tidy/tidy.py --fix")
        for path, line in bad.items()
    ]


def check_tree(root: str, only: list[str]) -> list[tuple[str, int, str]]:
    code = sources(root, (".h", ".cc"), only)
    problems = badly_formatted(root, code)
    unformatted = {path for path, _, _ in problems}
    for source in code:
        for rule in rules.CPP_RULES:
            if not (
                rule is rules.columns and source.path in unformatted
            ):  # formatting may well cure these
                problems += ((source.path, line, what) for line, what in rule(source))
    for source in sources(root, (".fbs", ".py", ".sh"), only):
        problems += ((source.path, line, what) for line, what in rules.columns(source))
    problems += rules.flat_schemas(sources(root, (".fbs",), only))
    return sorted(problems)


def main() -> int:
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    only = [os.path.relpath(argument, root) for argument in sys.argv[1:] if argument != "--fix"]
    if "--fix" in sys.argv[1:]:
        subprocess.run(
            [FORMATTER, "-i", *(source.path for source in sources(root, (".h", ".cc"), only))],
            cwd=root,
            check=True,
        )
    problems = check_tree(root, only)
    for path, line, what in problems:
        print(f"{path}:{line}: {what}")
    print(f"tidy: {len(problems)} problem{'s'[:len(problems) != 1]}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
