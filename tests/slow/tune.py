#!/usr/bin/env python3
"""The search that each controller is tuned by, the same for all of them, on one mix; after that
they are left alone (tests/slow/controllers.py). Writes tests/slow/tuned.json: what was chosen for
each, and what every setting that was tried came to.

tune.py [--again] [--seconds S] [--minutes M] [--attempts N] [CONTROLLER…]

A controller's knobs are those that its rule reads, and the score of a setting is the mean E at 0.7,
2 and 10 times the capacity: of roots with exponential costs, of the same arrivals each time. Where
the best value is the least or the largest, half of it or twice of it is tried too, at most two
times. The two best are then measured three times more, and the means of those decide. It goes on
where it was interrupted, unless the programs are others; what was disturbed is tried again. The
default keeps its default unless that is more than 3 % worse than the best.
"""

import argparse
import hashlib
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
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
BEYOND = 2  # values beyond an end of the grid, at most
RUNS = 3  # more of each of the two best: the best of several single runs was lucky as well

TARGETS = ("500us", "1ms", "2ms", "3ms", "5ms", "10ms")
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
       for name in ("adaptive_bound", "codel", "seda_aimd")},
}  # fmt: skip


@dataclass(frozen=True)
class Try:
    controller: str
    settings: tuple[str, ...]
    run: int = 0  # 0: the search's; from 1: of those that decide

    def is_of(self, row: dict) -> bool:
        own = row["controller"] == self.controller and row["settings"] == list(self.settings)
        return own and row.get("run", 0) == self.run

    def __str__(self) -> str:
        return " ".join((self.controller, *self.settings)) + (f" #{self.run}" if self.run else "")


VALUE = re.compile(r"=(\d+)(us|ms|)$")


def size_of(settings: tuple[str, ...]) -> int:
    """In microseconds, or places."""
    found = VALUE.search(settings[0])
    if not found:
        raise ValueError(f"{settings[0]}: neither a time nor a number")
    return int(found[1]) * (1000 if found[2] == "ms" else 1)


def twice(settings: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(VALUE.sub(lambda v: f"={2 * int(v[1])}{v[2]}", each) for each in settings)


def half(settings: tuple[str, ...]) -> tuple[str, ...]:
    """() of one place, which is the least."""

    def of(value: re.Match) -> str:
        number, unit = int(value[1]), value[2]
        if unit == "ms" and number % 2:
            number, unit = 1000 * number, "us"
        return f"={number // 2}{unit}"

    return tuple(VALUE.sub(of, each) for each in settings) if size_of(settings) > 1 else ()


def tries_of(controller: str, rows: Sequence[dict] = ()) -> list[Try]:
    """The grid, and what lies beyond its ends, by what is known."""
    tries = [Try(controller, settings) for settings in GRID.get(controller, [()])]
    for _ in range(BEYOND):
        if settings := beyond(tries, rows):
            tries.append(Try(controller, settings))
    return tries


def beyond(tries: list[Try], rows: Sequence[dict]) -> tuple[str, ...]:
    """What to try if the best of all is at an end; () if it is not, or not all were measured."""
    found = [best_of([row for row in rows if this.is_of(row)]) for this in tries]
    measured = [row for row in found if row]
    sized = sorted((this.settings for this in tries if this.settings), key=size_of)
    if len(measured) < len(tries) or len(sized) < 2:
        return ()
    scores = {tuple(row["settings"]): row["score"] for row in measured if rank(row) == 2}
    for end, further in ((sized[0], half), (sized[-1], twice)):
        others = [score for settings, score in scores.items() if settings != end]
        if end in scores and scores[end] > max(others, default=0):
            return further(end)
    return ()


def finals_of(controller: str, rows: Sequence[dict]) -> list[Try]:
    """Further runs of the two best; of the default, it is one of them."""
    best = [best_of([row for row in rows if this.is_of(row)])
            for this in tries_of(controller, rows)]  # fmt: skip
    fit = sorted((row for row in best if row and rank(row) == 2),
                 key=lambda row: (controller == DEFAULT and not row["settings"], row["score"]),
                 reverse=True)  # fmt: skip
    return [Try(controller, tuple(row["settings"]), run)
            for run in range(1, RUNS + 1) for row in fit[:2] if len(fit) > 1]  # fmt: skip


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
        "run": this.run,
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


def known(path: pathlib.Path) -> list[dict]:
    """Of these programs."""
    now = programs()
    return [row for row in lines(path) if row["programs"] == now]


def measure(wanted: list[Try], path: pathlib.Path, asked: argparse.Namespace, until: float) -> None:
    """A round over all that has no good row, and further ones over what was disturbed."""
    for attempt in range(asked.attempts):
        for this in wanted:
            found = [row for row in known(path) if this.is_of(row)]
            if len(found) > attempt or any(rank(row) == 2 for row in found):
                continue
            if time.monotonic() > until:
                print(f"{this}: no time left", flush=True)
                return
            wait_for_quiet(PATIENCE)
            row = bench(this, asked.seconds)
            print(f"{this}: {row['score']:.3f} {row.get('problem', '')}", flush=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def search(chosen: list[str], path: pathlib.Path, asked: argparse.Namespace) -> None:
    """The grid, what lies beyond it, and the two best again."""
    until = time.monotonic() + 60 * asked.minutes
    names = [name for name in (DEFAULT, *OTHERS, CLASSIC) if name in chosen]
    for tries in (*[tries_of] * (1 + BEYOND), finals_of):
        rows = known(path)
        measure([this for name in names for this in tries(name, rows)], path, asked, until)


# ---- choosing


def again(finals: list[dict]) -> list[dict]:
    """What the further runs of each setting came to, the best first; [] if some are missing."""
    runs: dict[tuple[str, ...], list[float]] = {}
    for row in finals:
        runs.setdefault(tuple(row["settings"]), []).append(row["score"])
    if len(runs) != 2 or any(len(scores) < RUNS for scores in runs.values()):
        return []
    found = [{"settings": list(settings), "score": round(statistics.fmean(scores), 3),
              "spread": round(max(scores) - min(scores), 3), "scores": scores}
             for settings, scores in runs.items()]  # fmt: skip
    return sorted(found, key=lambda each: each["score"], reverse=True)


def choose(controller: str, rows: list[dict], finals: Sequence[dict] = ()) -> dict:
    """`rows`: the best of each setting; `finals`: of the further runs. Of equals the first in the
    grid; never one that is void or had to share the cores: beside others everything is worse."""
    fit = [row for row in rows if rank(row) == 2]
    twos = again([row for row in finals if rank(row) == 2])
    candidates = twos or fit
    best = max(candidates, key=lambda row: row["score"], default={"settings": [], "score": 0.0})
    chosen = best
    if controller == DEFAULT:
        by_default = next((row for row in candidates if not row["settings"]), None)
        if by_default and by_default["score"] >= (1 - MUCH_WORSE) * best["score"]:
            chosen = by_default
    kept = ("settings", "score", "e", "foreign_cpu_pct", "problem")
    found = {"settings": chosen["settings"], "score": chosen["score"], "of": len(fit)}
    if twos:
        spread = max(each["spread"] for each in twos)
        tie = abs(twos[0]["score"] - twos[1]["score"]) <= spread
        found |= {"spread": spread, "tie": tie, "again": twos}
    return found | {"tried": [{key: row[key] for key in kept if key in row} for row in rows]}


def tuned(path: pathlib.Path) -> dict:
    """The contents of tuned.json. What was not measured with these programs, or only beside others,
    stays as it was."""
    before = json.loads(TUNED.read_text()) if TUNED.exists() else {}
    all_rows = known(path)
    seconds = max((row["seconds"] for row in all_rows), default=SECONDS)
    found: dict = {
        "search": {
            "case": CASE.name,
            "x": list(X),
            "seconds": seconds,
            "score": "the mean of E",
            "spread": f"of {RUNS} runs: two that differ by no more are a tie",
            "default": f"kept unless it is more than {MUCH_WORSE:.0%} worse than the best",
            "slots": CASE.slots,
        }
    }
    for name in (DEFAULT, *OTHERS, CLASSIC):
        rows, finals = (
            [best_of([row for row in all_rows if this.is_of(row)]) for this in tries]
            for tries in (tries_of(name, all_rows), finals_of(name, all_rows))
        )
        measured = [row for row in rows if row]
        if any(rank(row) == 2 for row in measured) or (measured and name not in before):
            found[name] = choose(name, measured, [row for row in finals if row])
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
            of = f"{found[name]['of']} of {len(found[name]['tried'])}"
            tie = ", a tie of two" if found[name].get("tie") else ""
            print(f"{name:16} {found[name]['score']:.3f}  {what} (of {of} settings{tie})")
    if found.get(DEFAULT, {}).get("settings"):
        print(f"{DEFAULT}: as it is, it is more than {MUCH_WORSE:.0%} worse: change the default")
    return 0


if __name__ == "__main__":
    for needed in ("spillgate", "spillgated"):
        if not (BIN / needed).exists():
            sys.exit(f"{BIN}/{needed}: build it first (ops/build)")
    sys.exit(main())
