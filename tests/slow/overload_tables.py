"""What the rows of the sweep say, as Markdown. For overload.py."""

import statistics
from collections import Counter

from controllers import CLASSIC, DEFAULT, OTHERS
from overload_report import rank

FULL = 2  # times the capacity, from which on the headline counts
GOAL = 0.97  # of what is possible


def markdown(columns: tuple[str, ...], lines: list[list[str]]) -> str:
    """With columns as wide as what is in them."""
    whole = [list(columns), *lines]
    widths = [max(len(line[i]) for line in whole) for i in range(len(columns))]

    def text(line: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"

    return "\n".join([text(whole[0]), "|" + "|".join("-" * (width + 2) for width in widths) + "|",
                      *map(text, whole[1:])])  # fmt: skip


def figure(number: float | None, digits: int = 3) -> str:
    return "" if number is None else f"{number:.{digits}f}"


def is_endless(row: dict, key: str) -> bool:
    """More of what was accepted than that never ended."""
    return key in row and row[key] is None


def millis(row: dict, key: str) -> str:
    if is_endless(row, key):
        return "never"
    return figure(row[key] / 1000, 2) if row.get(key) else ""


def over_unloaded(row: dict, key: str) -> str:
    if is_endless(row, key):
        return "never"
    unloaded = row.get("unloaded_p99_us")
    return figure(row[key] / unloaded, 1) if unloaded and row.get(key) else ""


def said(row: dict) -> str:
    if row.get("problem"):
        return row["problem"]
    if rank(row) < 2:
        return f"others had {row['foreign_cpu_pct']:.0f} % of the cores"
    return row.get("note", "")


# ---- the default

COLUMNS = ("case", "capacity/slots", "x", "E", "came", "E of that", "upper", "best", "regret",
           "possible", "p50", "p99", "p99.9", "p99, ms", "refusal p99, ms", "wasted", "refused",
           "held", "least function", "problem")  # fmt: skip


def cells(row: dict) -> list[str]:
    known, came = row.get("frontier", {}), row.get("offered_work_ratio")
    known = known.get("again", known)  # what was possible with the roots that came
    return [
        row["case"],
        figure(row.get("capacity_ratio"), 2),
        f"{row['x']:g}",
        figure(row["goodput_ratio"]),
        figure(came),
        figure(row["goodput_ratio"] / came if came and row["x"] <= 1 else None),
        figure(known.get("upper")),
        figure(known.get("best")),
        figure(row.get("regret")),
        figure(known.get("blind")),
        *(over_unloaded(row, key) for key in ("p50_us", "p99_us", "p999_us")),
        millis(row, "p99_us"),
        millis(row, "refusal_p99_us"),
        figure(row["wasted_ratio"]),
        figure(row["refused_ratio"]),
        figure(row.get("held", 0) / max(1, row["n"])),
        figure(row.get("min_function_success") if row.get("functions") else None),
        said(row),
    ]


SPECIAL = ("critical_ok_ratio", "critical_n", "critical_p99_us", "jain", "least_of_tenant",
           "mice_p99_us", "converge_ms", "converge_ms_worst", "converge_ms_baseline", "recover_ms",
           "recover_ms_worst", "recover_ms_baseline")  # fmt: skip


def told(number: float | None) -> str:
    return "never" if number is None else f"{number:g}"


def is_of(row: dict, key: str) -> bool:
    """Some are in every row, and say nothing of one tenant, or where no root was critical."""
    if key == "jain":
        return "least_of_tenant" in row
    return key in row and (key != "critical_ok_ratio" or row[key] is not None)


def is_special(row: dict) -> bool:
    return any(is_of(row, key) for key in SPECIAL)


def special(rows: list[dict]) -> str:
    """Classes, tenants and bursts: as the benchmark names them."""
    lines = [[row["case"], f"{row['x']:g}",
              ", ".join(f"{key} {told(row[key])}" for key in SPECIAL if is_of(row, key)), said(row)]
             for row in rows]  # fmt: skip
    return markdown(("case", "x", "figures", "problem"), lines) if lines else ""


def table(rows: list[dict]) -> str:
    return markdown(COLUMNS, [cells(row) for row in rows])


def share(row: dict) -> float | None:
    """Of what was possible with the roots that came: also where those are too few to judge E, as
    what chance does it does to both."""
    if not row.get("possible") or rank(row) < 2:
        return None
    return row["goodput_ratio"] / row["possible"]


def short(rows: list[dict]) -> str:
    """A line for each case: E by the load, as in `controllers`, and where it is furthest from what
    is possible."""
    cases: dict[str, dict[float, dict]] = {}
    for row in rows:
        cases.setdefault(row["case"], {})[row["x"]] = row
    loads = sorted({row["x"] for row in rows})
    lines = []
    for case, found in cases.items():
        shown = [figure(found[x]["goodput_ratio"], 2) if x in found else "" for x in loads]
        shown = [text if x not in found or is_fit(found[x]) else f"({text})"
                 for x, text in zip(loads, shown)]  # fmt: skip
        parts = {x: part for x in loads if x in found and (part := share(found[x])) is not None}
        least = min(parts, key=lambda x: parts[x]) if parts else None
        lines.append([case, *shown,
                      "" if least is None else f"{parts[least]:.2f} at {least:g}",
                      figure(max(row["wasted_ratio"] for row in found.values())),
                      over_unloaded(found.get(loads[-1], {}), "p99_us")])  # fmt: skip
    columns = ("case", *(f"{x:g}" for x in loads), "least of what was possible", "wasted, at most",
               "p99 over unloaded, at the last")  # fmt: skip
    return markdown(columns, lines) if lines else ""


def functions(rows: list[dict]) -> str:
    """Of the mixes that have several."""
    columns = ("case", "x", "function", "offered", "success", "p50, ms", "p99, ms", "p99.9, ms",
               "p99 over unloaded")  # fmt: skip
    lines = []
    for row in rows:
        for each in row.get("functions", ()):
            lines.append([
                row["case"], f"{row['x']:g}", each["function"], str(each["offered"]),
                figure(each["good"] / max(1, each["offered"])),
                *(millis(each, key) for key in ("p50_us", "p99_us", "p999_us")),
                over_unloaded(each, "p99_us"),
            ])  # fmt: skip
    return markdown(columns, lines) if lines else ""


def classes(rows: list[dict]) -> str:
    """Of the runs in which roots came in several."""
    columns = ("case", "x", "class", "offered", "success", "p50, ms", "p99, ms", "p99.9, ms")
    lines = []
    for row in rows:
        for each in row.get("classes", ()):
            lines.append([
                row["case"], f"{row['x']:g}", each["class"], str(each["offered"]),
                figure(each.get("ok_ratio")),
                *(millis(each, key) for key in ("p50_us", "p99_us", "p999_us")),
            ])  # fmt: skip
    return markdown(columns, lines) if lines else ""


def at(row: dict) -> str:
    return f"{row['case']} at {row['x']:g}"


def shares(rows: list[dict]) -> list[str]:
    """How close it came to what was possible."""
    found = {at(row): part for row in rows if (part := share(row)) is not None}
    if not found:
        return []
    least = min(found, key=lambda each: found[each])
    close = sum(part >= GOAL for part in found.values())
    told = [f"**Of what was possible with the roots that came, for a rule that does not know what "
            f"they cost, by default at least {found[least]:.3f}** ({least}); {close} of "
            f"{len(found)} measurements have {GOAL:g} and more."]  # fmt: skip
    known = [row for row in rows if "regret" in row and rank(row) > 1]
    if known:
        worst = max(known, key=lambda row: row["regret"])
        told.append(f"At least {1 - worst['regret']:.3f} of what the best of all rules has, some "
                    f"of which know that ({at(worst)}).")  # fmt: skip
    return told


def headline(rows: list[dict]) -> list[str]:
    """What is promised, of what can be judged."""
    judged = [row for row in rows if rank(row) > 1 and row["default"] and row["judged"]
              and not is_special(row)]  # fmt: skip
    told = []
    full = [row for row in judged if row["clients"] == "raw" and row["x"] >= FULL]
    if full:
        least = min(full, key=lambda row: row["goodput_ratio"])
        told.append(f"**By default, of raw clients at twice the capacity and above, in "
                    f"{len(full)} measurements: at least E = {least['goodput_ratio']:.3f}** "
                    f"({at(least)}).")  # fmt: skip
        counted = [row for row in full if "goodput_ratio_count" in row]
        if counted:
            least = min(counted, key=lambda row: row["goodput_ratio_count"])
            told.append(f"By the number of roots: at least {least['goodput_ratio_count']:.3f} "
                        f"({at(least)}).")  # fmt: skip
    told += shares([row for row in rows if row["default"] and not is_special(row)])
    several = [row for row in judged if row.get("functions") and "min_function_success" in row]
    if several:
        least = min(several, key=lambda row: row["min_function_success"])
        told.append(f"The worst of the functions had {least['min_function_success']:.3f} of the "
                    f"success of all ({at(least)}).")  # fmt: skip
    return told or ["Nothing that was verified can be judged."]


# ---- the controllers


def by_place(rows: list[dict]) -> dict[tuple[str, float], dict[str, dict]]:
    """By case and multiple, those of each controller; only where there are others."""
    places: dict[tuple[str, float], dict[str, dict]] = {}
    for row in rows:
        name = DEFAULT if row["default"] else row["controller"]
        places.setdefault((row["case"], row["x"]), {})[name] = row
    return {place: found for place, found in places.items() if set(found) - {DEFAULT}}


def is_fit(row: dict | None) -> bool:
    return row is not None and rank(row) > 1 and row["judged"]


def controllers(rows: list[dict]) -> str:
    """E of each by case and multiple, and who is best there. What is not verified, was measured
    beside others, or cannot be judged, is in brackets and counts for nothing. The least and the
    mean are over the places where all of those that are there were measured, or they would not be
    of the same."""
    places = by_place(rows)
    names = [name for name in (DEFAULT, *OTHERS, CLASSIC)
             if any(name in found for found in places.values())]  # fmt: skip
    if not names:
        return ""
    lines = []
    for (case, x), found in places.items():
        fit = {name: found[name]["goodput_ratio"] for name in names if is_fit(found.get(name))}
        shown = [figure(fit[name]) if name in fit
                 else f"({figure(found[name]['goodput_ratio'])})" if name in found else ""
                 for name in names]  # fmt: skip
        best = max(fit, key=lambda name: fit[name]) if fit else ""
        lines.append([case, f"{x:g}", *shown, best])
    common = [found for found in places.values() if all(is_fit(found.get(n)) for n in names)]
    for what, of in (("least", min), ("mean", statistics.fmean)) if common else ():
        each = {n: of([found[n]["goodput_ratio"] for found in common]) for n in names}
        best = max(each, key=lambda name: each[name])
        lines.append([f"{what} of the {len(common)} where all were measured", "",
                      *(figure(each[n]) for n in names), best])  # fmt: skip
    least = []
    for name in names:
        own = [found[name]["goodput_ratio"] for found in places.values() if is_fit(found.get(name))]
        least.append(f"{min(own):.3f} of {len(own)}" if own else "")
    lines.append(["least of all that each has", "", *least, ""])
    return markdown(("case", "x", *names, "best"), lines)


def builds(rows: list[dict]) -> str:
    """Which programs, with which settings, made the rows, and how many. Those of one controller are
    not to be of several."""
    found: dict[str, Counter[str]] = {}
    for row in rows:
        name = DEFAULT if row["default"] else row["controller"]
        found.setdefault(name, Counter())[row.get("programs", "unknown")] += 1
    told = [f"`{name}` " + ", ".join(f"{each} ({n})" for each, n in counts.most_common())
            for name, counts in found.items()]  # fmt: skip
    several = [f"`{name}`" for name, counts in found.items() if len(counts) > 1]
    warning = f" **Of several builds, or settings: {', '.join(several)}.**" if several else ""
    return f"Builds with their settings, and rows of each: {'; '.join(told) or 'none'}.{warning}"


def report_of(rows: list[dict], missing: list[str], problems: list[str]) -> str:
    own = [row for row in rows if row["default"] and not is_special(row)]
    told = ["# Overload, beside what is possible", "", *headline(rows), "", builds(rows), "",
            "## In short", "", short(own), "", "## By default", "",
            "p50, p99 and p99.9 are over the p99 without load, of the mix's first function; "
            "came: the work that came, by chance, to what was asked for; upper, best (of which "
            "regret is) and possible, by a rule that does not know costs: with the roots that "
            "came; capacity/slots: the work of the capacity to the time of all slots.", "",
            table(own)]  # fmt: skip
    if found := functions(own):
        told += ["", "## By function", "", found]
    if found := special([row for row in rows if is_special(row)]):
        told += ["", "## Classes, tenants, bursts", "", found]
    if found := classes([row for row in rows if row["default"]]):
        told += ["", "## By class", "", found]
    if found := controllers(rows):
        told += ["", "## Controllers", "", "E; in brackets what is void, or not judged.", "", found]
    void = [f"- {row['part']} at {row['x']:g}: {said(row)}" for row in rows if rank(row) < 2]
    for title, lines in (("Void", void), ("Not measured", [f"- {each}" for each in missing]),
                         ("Failed", [f"- {each}" for each in problems])):  # fmt: skip
        if lines:
            told += ["", f"## {title}", "", *lines]
    return "\n".join(told) + "\n"
