#!/usr/bin/env python3
"""The search that each controller is tuned by, the same for all of them, on one mix; after that
they are left alone (tests/slow/controllers.py). Writes tests/slow/tuned.json: what was chosen for
each, and what every setting that was tried came to.

tune.py [--again] [--seconds S] [--minutes M] [--attempts N] [CONTROLLER…]

A controller's knobs are those that its rule reads, and the score of a setting is the mean E at 0.7,
2 and 10 times the capacity: of roots with exponential costs, of the same arrivals each time. It
goes on where it was interrupted, unless the programs are others; what was disturbed is tried
again. The default keeps its default unless that is more than 3 % worse than the best.
"""

import argparse
import hashlib
import json
import pathlib
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from controllers import CLASSIC, DEFAULT, OTHERS, TUNED, here, own_settings_of
from overload import as_it_is, is_disturbed, lines, wait_for_quiet
from overload_parts import Case, estimate
from overload_report import BIN, ROOT, rank

CASE = Case(mix="exponential")
X = (0.7, 2, 10)
SECONDS = 1.0  # of each measurement
MINUTES = 25.0
ATTEMPTS = 3
PATIENCE = 5.0  # seconds to wait for a quiet machine
MUCH_WORSE = 0.03

TARGETS = ("500us", "1ms", "2ms", "3ms", "5ms", "10ms")
LATER = ("20ms", "40ms")  # of a controller that was best at the end of those
# In flight; for the one tenant that there is too, which otherwise has half of them.
PLACES = tuple((f"limits.in_flight={n}", f"tenant.uid-{{uid}}.in_flight={n}")
               for n in (4, 8, 12, 16, 32, 128))  # fmt: skip
# The values of the one knob of each; () is none, and a controller that is not here has none.
GRID: dict[str, list[tuple[str, ...]]] = {
    DEFAULT: [(), *((f"class.normal.target_delay={t}",) for t in
                    ("1ms", "2ms", "5ms", "50ms", "200ms"))],
    "bound": [*PLACES],
    "gradient": [(), *PLACES[1:]],
    CLASSIC: [*PLACES],
    **{name: [(f"stage.submission.target_delay={t}",) for t in TARGETS]
       for name in ("adaptive_bound", "codel")},
    "seda_aimd": [(f"stage.submission.target_delay={t}",) for t in (*TARGETS[2:], *LATER)],
}  # fmt: skip


@dataclass(frozen=True)
class Try:
    controller: str
    settings: tuple[str, ...]

    def is_of(self, row: dict) -> bool:
        return row["controller"] == self.controller and row["settings"] == list(self.settings)

    def __str__(self) -> str:
        return " ".join((self.controller, *self.settings))


def tries_of(controller: str) -> list[Try]:
    return [Try(controller, settings) for settings in GRID.get(controller, [()])]


def all_tries() -> list[Try]:
    return [each for name in (DEFAULT, *OTHERS, CLASSIC) for each in tries_of(name)]


def programs() -> str:
    both = (BIN / "spillgate").read_bytes() + (BIN / "spillgated").read_bytes()
    return hashlib.sha256(both).hexdigest()[:12]


# ---- measuring


def bench(this: Try, seconds: float) -> dict:
    """One run of all multiples: E of each, and what was wrong with it, if anything."""
    command = [str(BIN / "spillgate"), "bench", "-o", "json", *CASE.arguments]
    command += ["--x", ",".join(f"{x:g}" for x in X), "--seconds", f"{seconds:g}"]
    for setting in (*own_settings_of(this.controller), *here(this.settings)):
        command += ["--set", setting]
    at_most = 60 + 2 * estimate(CASE, len(X), seconds)
    done = subprocess.run(
        [str(ROOT / "ops" / "contain"), f"{at_most:.0f}", *command],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    rows = [as_it_is(json.loads(line)) for line in done.stdout.splitlines()]
    if len(rows) != len(X):
        raise SystemExit(f"tune.py: {this}: exit code {done.returncode}: {done.stderr.strip()}")
    for row in rows:
        if not row["verified"] and not is_disturbed(row):
            raise SystemExit(f"tune.py: {this} at {row['x']:g}: {row['problem']}")
    problems = [row["problem"] for row in rows if not row["verified"]]
    return {
        "controller": this.controller,
        "settings": list(this.settings),
        "seconds": seconds,
        "programs": programs(),
        "e": {f"{row['x']:g}": row["goodput_ratio"] for row in rows},
        "score": round(statistics.fmean(row["goodput_ratio"] for row in rows), 3),
        "foreign_cpu_pct": max(row["foreign_cpu_pct"] for row in rows),
        "verified": not problems,
    } | ({"problem": problems[0]} if problems else {})


def best_of(rows: list[dict]) -> dict | None:
    """The one to be believed most; of those, the last."""
    return max(reversed(rows), key=rank, default=None)


def search(chosen: list[str], path: pathlib.Path, asked: argparse.Namespace) -> None:
    """A round over all that has no good row, and further ones over what was disturbed."""
    until = time.monotonic() + 60 * asked.minutes
    now = programs()
    for attempt in range(asked.attempts):
        for this in all_tries():
            found = [row for row in lines(path) if row["programs"] == now and this.is_of(row)]
            if this.controller not in chosen or len(found) > attempt:
                continue
            if any(rank(row) == 2 for row in found):
                continue
            if time.monotonic() > until:
                print(f"{this}: no time left", flush=True)
                return
            wait_for_quiet(PATIENCE)
            row = bench(this, asked.seconds)
            print(f"{this}: {row['score']:.3f} {row.get('problem', '')}", flush=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


# ---- choosing


def choose(controller: str, rows: list[dict]) -> dict:
    """`rows`: the best of each setting. Of equals the first in the grid; never one that is void or
    had to share the cores, for beside others everything is worse."""
    fit = [row for row in rows if rank(row) == 2]
    best = max(fit, key=lambda row: row["score"], default={"settings": [], "score": 0.0})
    chosen = best
    if controller == DEFAULT:
        by_default = next((row for row in fit if not row["settings"]), None)
        if by_default and by_default["score"] >= (1 - MUCH_WORSE) * best["score"]:
            chosen = by_default
    kept = ("settings", "score", "e", "foreign_cpu_pct", "problem")
    return {
        "settings": chosen["settings"],
        "score": chosen["score"],
        "of": len(fit),
        "tried": [{key: row[key] for key in kept if key in row} for row in rows],
    }


def tuned(path: pathlib.Path) -> dict:
    """The contents of tuned.json. What was not measured with these programs stays as it was."""
    before = json.loads(TUNED.read_text()) if TUNED.exists() else {}
    now = programs()
    known = [row for row in lines(path) if row["programs"] == now]
    seconds = max((row["seconds"] for row in known), default=SECONDS)
    found: dict = {
        "search": {
            "case": CASE.name,
            "x": list(X),
            "seconds": seconds,
            "score": "the mean of E",
            "default": f"kept unless it is more than {MUCH_WORSE:.0%} worse than the best",
            "slots": CASE.slots,
        }
    }
    for name in (DEFAULT, *OTHERS, CLASSIC):
        rows = [best_of([row for row in known if this.is_of(row)]) for this in tries_of(name)]
        if measured := [row for row in rows if row]:
            found[name] = choose(name, measured)
        elif name in before:
            found[name] = before[name]
    return found


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("controllers", nargs="*", metavar="CONTROLLER", help="[all]")
    parser.add_argument("--again", action="store_true", help="forget what has been measured")
    parser.add_argument("--seconds", type=float, default=SECONDS,
                        help=f"of each measurement [{SECONDS:g}]")  # fmt: skip
    parser.add_argument("--minutes", type=float, default=MINUTES,
                        help=f"after which nothing more is begun [{MINUTES:g}]")  # fmt: skip
    parser.add_argument("--attempts", type=int, default=ATTEMPTS,
                        help=f"of what is void [{ATTEMPTS}]")  # fmt: skip
    return parser.parse_args()


def main() -> int:
    asked = options()
    path = ROOT / "build" / "overload" / "tuning.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    if asked.again:
        path.unlink(missing_ok=True)
    search(asked.controllers or [DEFAULT, *OTHERS, CLASSIC], path, asked)
    found = tuned(path)
    TUNED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name in (DEFAULT, *OTHERS, CLASSIC):
        if name in found:
            what = " ".join(found[name]["settings"]) or "as it is"
            of = f"{found[name]['of']} of {len(tries_of(name))}"
            print(f"{name:16} {found[name]['score']:.3f}  {what} (of {of} settings)")
    if found.get(DEFAULT, {}).get("settings"):
        print(f"{DEFAULT}: as it is, it is more than {MUCH_WORSE:.0%} worse: change the default")
    return 0


if __name__ == "__main__":
    sys.exit(main())
