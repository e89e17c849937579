#!/usr/bin/env python3
"""The tables of docs/benchmarks.md that are of the sweep, from build/overload/all.jsonl as
`tests/slow/overload.sh --report` leaves it: Markdown on stdout.

tables.py FILE [--programs HASH]

Of several runs of one load the last that is verified counts; else the last, in brackets. Of several
builds of the default in the file the one with most lines counts, unless it is named. Standard library
only.
"""

import argparse
import collections
import json
import pathlib
import re
import sys

FULL_SWEEP = (0.3, 0.5, 0.7, 0.9, 1, 1.2, 1.5, 2, 5, 10)
FOUR = (0.7, 1, 2, 10)
ORDER = ("work_bound", "none", "bound", "deadline", "adaptive_bound", "codel", "seda_aimd",
         "gradient", "classic-seda")  # fmt: skip
DEFAULT = ORDER[0]
NEAR = 0.02  # of the best is as good
USUAL_CLIENTS = ("raw", "cooperative")


def controller(row: dict) -> str:
    return "classic-seda" if row.get("profile") == "classic-seda" else row["controller"]


def is_good(row: dict) -> bool:
    return bool(row["verified"] and row.get("judged", True))


def name(part: str) -> str:
    """'spin-1ms-bimodal-single-raw-default' is '1ms, bimodal, single'."""
    words = re.sub(r"-[a-z_]+$|-classic-seda$", "", part).split("-")
    words = [word for word in words if word not in ("spin", "raw")]
    return ", ".join(words)


def shown(row: dict | None, key: str = "goodput_ratio", digits: int = 2) -> str:
    if row is None or row.get(key) is None:
        return "–"
    text = f"{row[key]:.{digits}f}"
    return text if is_good(row) else f"({text})"


def share(row: dict) -> float | None:
    """Of what the best rule reaches that does not know costs, or of what nobody exceeds; below the
    capacity and at it, of the work that came."""
    bound = row.get("frontier", {})
    possible = bound.get("blind", bound.get("upper"))
    if not possible or not is_good(row):
        return None
    came = row["offered_work_ratio"] if row["x"] <= 1 else 1
    return row["goodput_ratio"] / came / possible


def least_share(rows: dict[float, dict]) -> str:
    known = {x: value for x, row in rows.items() if (value := share(row)) is not None}
    if not known:
        return "–"
    x = min(known, key=known.get)
    return f"{known[x]:.2f} at {x:g}"


def line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def table(head: list[str], rows: list[list[str]]) -> None:
    if rows:
        print("\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)]) + "\n")


class Sweep:
    def __init__(self, rows: list[dict]):
        self.rows: dict[str, dict[float, dict]] = collections.defaultdict(dict)
        for row in rows:
            if row.get("bench") != "overload":
                continue
            part = self.rows[row["part"]]
            known = part.get(row["x"])
            if known is None or is_good(row) or not is_good(known):
                part[row["x"]] = row

    def parts(self, wanted) -> list[str]:
        return [part for part, rows in self.rows.items() if wanted(part, next(iter(rows.values())))]

    def wide(self) -> None:
        """The default at ten multiples, and what is possible."""
        lines = []
        for part in self.parts(lambda part, row: part.endswith("-default")):
            rows = self.rows[part]
            if not all(x in rows for x in FULL_SWEEP):
                continue
            wasted = max(row["wasted_ratio"] for row in rows.values())
            lines.append([name(part), *(shown(rows[x]) for x in FULL_SWEEP), least_share(rows),
                          f"{wasted:.3f}"])  # fmt: skip
            bounds = [rows[x].get("frontier", {}) for x in FULL_SWEEP]
            if "raw" in part and all(bounds):
                key = "blind" if "blind" in bounds[0] else "upper"
                label = "*possible*" if key == "blind" else "*nobody exceeds*"
                lines.append([label, *(f"*{each[key]:.2f}*" for each in bounds), "", ""])
        table(["", *(f"{x:g}" for x in FULL_SWEEP), "least of what is possible",
               "wasted, at most"], lines)  # fmt: skip

    def narrow(self) -> None:
        """The default's other parts at four."""

        def is_other(part: str, row: dict) -> bool:
            plain = "critical" not in part and "class" not in part and "unloaded" not in part
            return part.endswith("-default") and plain and 0.3 not in self.rows[part]

        lines = []
        for part in sorted(self.parts(is_other)):
            rows = self.rows[part]
            last = rows.get(10, {})
            deadline = last.get("deadline_us")
            tail = (f"{last['p99_us'] / deadline:.2f}" if deadline and last.get("p99_us")
                    else "never" if "p99_us" in last else "–")  # fmt: skip
            refusal = f"{last['refusal_p99_us'] / 1000:.2f} ms" if last.get("refusal_p99_us") else "–"
            wasted = max(row["wasted_ratio"] for row in rows.values())
            lines.append([name(part), *(shown(rows.get(x)) for x in FOUR),
                          least_share(rows), f"{wasted:.3f}", tail, refusal])  # fmt: skip
        table(["", *(f"{x:g}" for x in FOUR), "least of what is possible", "wasted, at most",
               "p99 at 10x, deadlines", "refusal p99 at 10x"], lines)  # fmt: skip

    def controllers(self) -> None:
        cases: dict[tuple[str, float], dict[str, dict]] = collections.defaultdict(dict)
        for part, rows in self.rows.items():
            for x, row in rows.items():
                case = re.sub(r"-(default|classic-seda|[a-z_]+)$", "", part)
                cases[(case, x)][controller(row)] = row
        # Those that all have, so that least and mean are of the same.
        whole = {key: of for key, of in cases.items() if all(each in of for each in ORDER)}
        lines = []
        for (case, x), of in sorted(whole.items()):
            best = max((of[each]["goodput_ratio"] for each in ORDER if is_good(of[each])),
                       default=0)  # fmt: skip
            cells = []
            for each in ORDER:
                near = is_good(of[each]) and of[each]["goodput_ratio"] >= best - NEAR
                cells.append(f"**{shown(of[each])}**" if near else shown(of[each]))
            lines.append([name(case + "-default"), f"{x:g}", *cells])
        judged = [of for of in whole.values() if all(is_good(of[each]) for each in ORDER)]
        if judged:
            values = {each: [min(1, of[each]["goodput_ratio"]) for of in judged] for each in ORDER}
            lines.append([f"least of the {len(judged)} that all have", "",
                          *(f"{min(values[each]):.2f}" for each in ORDER)])  # fmt: skip
            lines.append(["mean of those, each 1 at most", "",
                          *(f"{sum(values[each]) / len(judged):.3f}" for each in ORDER)])  # fmt: skip
        table(["", "x", *(f"`{each}`" for each in ORDER)], lines)

    def tails(self) -> None:
        """p99 over that without load, where many were timed without load."""
        lines = []
        for part in sorted(self.parts(lambda part, row: "unloaded" in part)):
            rows = self.rows[part]
            ratios = []
            for x in FOUR:
                row = rows.get(x, {})
                over = row.get("p99_us") and row["p99_us"] / row["unloaded_p99_us"]
                text = f"{over:.1f}" if over else "never" if row else "–"
                ratios.append(text if row and is_good(row) else f"({text})")
            first = next(iter(rows.values()))
            lines.append([name(part), f"{first['unloaded_n']}",
                          f"{first['unloaded_p99_us'] / 1000:.2f} ms", *ratios])  # fmt: skip
        table(["", "without load", "their p99", *(f"{x:g}" for x in FOUR)], lines)

    def critical(self) -> None:
        lines = []
        for part in sorted(self.parts(lambda part, row: "critical-" in part)):
            for x, row in sorted(self.rows[part].items()):
                ratio = row["critical_ok_ratio"]
                lines.append([name(part), f"{x:g}", f"{row['critical_n']}",
                              f"{ratio:.5f}" if is_good(row) else f"({ratio:.5f})",
                              f"{row['critical_p99_us'] / 1000:.1f} ms" if row.get("critical_p99_us")
                              else "–", shown(row)])  # fmt: skip
        table(["", "x", "critical roots", "of those good", "their p99", "E of all"], lines)

    def headline(self) -> None:
        raw = [row for rows in self.rows.values() for row in rows.values()
               if row.get("default") and row["clients"] == "raw" and row["x"] >= 2 and is_good(row)
               and row["goodput_ratio"] is not None]  # fmt: skip
        if not raw:
            return
        least = min(raw, key=lambda row: row["goodput_ratio"])
        print(f"Least E by default of raw clients at twice the capacity and above: "
              f"{least['goodput_ratio']:.3f} ({least['case']} at {least['x']:g}), "
              f"of {len(raw)} judged measurements.\n")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--programs", help="hash of the build that counts")
    options = parser.parse_args()
    rows = [json.loads(each) for each in options.file.read_text().splitlines()]
    counts = collections.Counter(row["programs"] for row in rows if row.get("default"))
    programs = options.programs or counts.most_common(1)[0][0]
    # The hash is of programs and settings, so each of the other controllers has one of its own.
    rows = [row for row in rows if not row.get("default") or row["programs"] == programs]
    print(f"by default {counts[programs]} lines of {programs}, of others "
          f"{sum(counts.values()) - counts[programs]}", file=sys.stderr)  # fmt: skip
    sweep = Sweep(rows)
    for title, part in (("The default", sweep.wide), ("Other parts", sweep.narrow),
                        ("Controllers", sweep.controllers), ("Tails", sweep.tails),
                        ("Critical", sweep.critical), ("Headline", sweep.headline)):  # fmt: skip
        print(f"<!-- {title} -->\n")
        part()


if __name__ == "__main__":
    main()
