#!/usr/bin/env python3
"""Goodput against the load that is offered, a line for each controller: an SVG from the lines that
tests/slow/overload.py or `spillgate bench overload -o json` wrote.

plot.py FILE… -o PICTURE.svg [--title TEXT] [--void]

A panel for each layout, mix, shape and kind of clients. What no node can exceed and what the best
rule reaches are drawn where the lines tell (all.jsonl of the sweep). Rows that are not verified are left out, unless
--void asks for them. Standard library only.
"""

import argparse
import json
import math
import pathlib
import sys
from collections import defaultdict
from xml.sax.saxutils import escape

# Colours that the colour-blind can tell apart (Okabe and Ito), each with a mark of its own.
LOOKS = (
    ("#0072b2", "circle"),
    ("#d55e00", "square"),
    ("#009e73", "diamond"),
    ("#cc79a7", "triangle"),
    ("#e69f00", "cross"),
    ("#56b4e9", "ring"),
    ("#000000", "plus"),
    ("#8b5a2b", "wedge"),
    ("#7f7f00", "bar"),
)
FIRST = "work_bound"  # the default has the first look in every picture
GREY = "#777777"

WIDTH, HEIGHT = 460, 300  # of a panel's axes
LEFT, RIGHT, BOTTOM, GAP = 62, 24, 56, 72
TITLE, LEGEND, ABOVE = 54, 22, 46  # to the legend's first line, its lines, from its last to axes
TEXT = 'font-family="Helvetica, Arial, sans-serif"'

Series = dict[str, list[tuple[float, float]]]


class Panel:
    """What a node was asked for: goodput by controller, and what is possible."""

    def __init__(self, title: str):
        self.title = title
        self.controllers: Series = defaultdict(list)
        self.possible: Series = defaultdict(list)

    def add(self, row: dict) -> None:
        self.controllers[row["controller"]].append((row["x"], row["goodput_ratio"]))
        known = row.get("frontier", {})
        known = known.get("again", known)  # with the roots that came
        # By default only: it has all the multiples, and a frontier of its own for each deadline.
        if known and row.get("default"):
            self.possible["upper bound"].append((row["x"], known["upper"]))
            if "best" not in known:
                return
            self.possible["best rule"].append((row["x"], known["best"]))
            if known["best"] - known["blind"] > 0.002:
                self.possible["best rule, costs unknown"].append((row["x"], known["blind"]))

    def x(self) -> list[float]:
        return sorted({x for points in self.controllers.values() for x, _ in points})

    def most(self) -> float:
        return max(y for points in self.controllers.values() for _, y in points)


def title_of(row: dict) -> str:
    """What is as it is without options goes without saying."""
    said = [row.get("layout") or row.get("function", ""), f"{row['mix']} costs"]
    if row.get("shape", "single") != "single":
        said.append(row["shape"])
    if row.get("clients", "raw") != "raw":
        slow = f", {row['turnaround_us']:g} us" if row.get("turnaround_us") else ""
        said.append(row["clients"] + slow)
    return ", ".join(filter(None, said))


def read(paths: list[pathlib.Path], void: bool) -> list[Panel]:
    panels: dict[str, Panel] = {}
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row.get("bench") != "overload" or row.get("critical_ok_ratio") is not None:
                continue
            if not (row["verified"] or void):
                continue
            title = title_of(row)
            panels.setdefault(title, Panel(title)).add(row)
    return list(panels.values())


# ---- drawing


class Axes:
    """From figures to places: the load on a logarithmic axis, goodput on a linear one from 0."""

    def __init__(self, left: float, top: float, x: list[float], most: float):
        self.left, self.top = left, top
        self.low, self.high = math.log(x[0]), math.log(max(x[-1], x[0] * 1.01))
        self.most = math.ceil(max(most, 1.0) * 10 + 0.5) / 10

    def x(self, value: float) -> float:
        return self.left + (math.log(value) - self.low) / (self.high - self.low) * WIDTH

    def y(self, value: float) -> float:
        return self.top + HEIGHT - value / self.most * HEIGHT


def text(x: float, y: float, what: str, size: int = 12, anchor: str = "middle", **more: str) -> str:
    rest = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{rest}>'
            f"{escape(what)}</text>")  # fmt: skip


def line(
    x1: float, y1: float, x2: float, y2: float, color: str, width: float = 1, dashes: str = ""
) -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" '
            f'stroke-width="{width:g}"{dashed}/>')  # fmt: skip


def mark(kind: str, x: float, y: float, color: str) -> str:
    r = 3.6
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" fill="{color}"/>'
    if kind == "ring":
        return (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" fill="#ffffff" stroke="{color}" '
                'stroke-width="1.6"/>')  # fmt: skip
    if kind == "cross":
        falling = line(x - r, y - r, x + r, y + r, color, 2)
        return falling + line(x - r, y + r, x + r, y - r, color, 2)
    if kind == "bar":
        return line(x, y - 1.4 * r, x, y + 1.4 * r, color, 3)
    if kind == "plus":
        level = line(x - 1.3 * r, y, x + 1.3 * r, y, color, 2)
        return level + line(x, y - 1.3 * r, x, y + 1.3 * r, color, 2)
    corners = {
        "square": ((-r, -r), (r, -r), (r, r), (-r, r)),
        "diamond": ((0, -1.4 * r), (1.4 * r, 0), (0, 1.4 * r), (-1.4 * r, 0)),
        "triangle": ((0, -1.3 * r), (1.2 * r, r), (-1.2 * r, r)),
        "wedge": ((0, 1.3 * r), (1.2 * r, -r), (-1.2 * r, -r)),
    }[kind]
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon points="{points}" fill="{color}"/>'


def path(axes, points: list[tuple[float, float]], color: str, dashes: str = "") -> str:
    places = " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="1.8"{dashed} '
            'stroke-linejoin="round"/>')  # fmt: skip


Ticks = list[tuple[float, str]]  # where, and what is said there


def frame(axes, ticks: Ticks, levels: Ticks, below: str, beside: str) -> list[str]:
    """Both axes with what they say, and a line across at each level."""
    bottom, right = axes.top + HEIGHT, axes.left + WIDTH
    drawn = []
    for level, label in levels:
        y = axes.y(level)
        drawn.append(line(axes.left, y, right, y, "#e4e4e4"))
        drawn.append(text(axes.left - 8, y + 4, label, anchor="end"))
    for tick, label in ticks:
        x = axes.x(tick)
        drawn.append(line(x, bottom, x, bottom + 5, "#333333"))
        drawn.append(text(x, bottom + 19, label))
    drawn.append(line(axes.left, bottom, right, bottom, "#333333"))
    drawn.append(line(axes.left, axes.top, axes.left, bottom, "#333333"))
    middle = axes.top + HEIGHT / 2
    drawn.append(text(axes.left + WIDTH / 2, bottom + 40, below))
    drawn.append(text(axes.left - 44, middle, beside,
                      transform=f"rotate(-90 {axes.left - 44:.1f} {middle:.1f})"))  # fmt: skip
    return drawn


def document(width: float, height: float, title: str, drawn: list[str]) -> str:
    size = f'width="{width}" height="{height}"'
    body = "\n".join([text(width / 2, 28, title, 17, font_weight="bold"), *drawn])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}" {TEXT} '
        f'fill="#222222">\n<rect {size} fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def labelled(axes: Axes, x: list[float]) -> set[float]:
    """Of these those whose labels do not run into each other; whole numbers first."""
    chosen: set[float] = set()
    for value in sorted(x, key=lambda value: (value != round(value), value)):
        if all(abs(axes.x(value) - axes.x(other)) >= 20 for other in chosen):
            chosen.add(value)
    return chosen


def grid(axes: Axes, x: list[float]) -> list[str]:
    levels = [(tenth / 10, f"{tenth / 10:.1f}") for tenth in range(0, round(axes.most * 10) + 1, 2)]
    labels = labelled(axes, x)
    ticks = [(value, f"{value:g}" if value in labels else "") for value in x]
    return frame(axes, ticks, levels, "offered load, times the capacity",
                 "goodput, to the capacity or to what comes")  # fmt: skip


DASHES = {"upper bound": "2 3", "best rule": "7 4", "best rule, costs unknown": "1 4"}


def draw_panel(panel: Panel, left: float, top: float, looks: dict) -> list[str]:
    axes = Axes(left, top, panel.x(), panel.most())
    drawn = [text(left + WIDTH / 2, top - 10, panel.title, 14, font_weight="bold")]
    drawn += grid(axes, panel.x())
    for name, points in panel.possible.items():
        drawn.append(path(axes, sorted(points), GREY, DASHES[name]))
    for controller, points in sorted(panel.controllers.items(), key=lambda pair: pair[0] == FIRST):
        color, kind = looks[controller]
        drawn.append(path(axes, sorted(points), color))
        drawn += [mark(kind, axes.x(x), axes.y(y), color) for x, y in points]
    return drawn


def legend(panels: list[Panel], looks: dict, width: float) -> tuple[list[str], int]:
    """In as many lines as it takes; and how many these are."""
    possible = [name for name in DASHES if any(name in panel.possible for panel in panels)]
    drawn, x, lines = [], float(LEFT), 1
    for name in (*looks, *possible):
        wide = 54 + 7 * len(name)
        if x + wide > width and x > LEFT:
            x, lines = float(LEFT), lines + 1
        y = TITLE + (lines - 1) * LEGEND
        if name in looks:
            color, kind = looks[name]
            drawn += [line(x, y, x + 24, y, color, 1.8), mark(kind, x + 12, y, color)]
        else:
            drawn.append(line(x, y, x + 24, y, GREY, 1.8, DASHES[name]))
        drawn.append(text(x + 30, y + 4, name, anchor="start"))
        x += wide
    return drawn, lines


def draw(panels: list[Panel], title: str) -> str:
    names = sorted({name for panel in panels for name in panel.controllers},
                   key=lambda name: (name != FIRST, name))  # fmt: skip
    if len(names) > len(LOOKS):
        raise SystemExit(f"plot.py: {len(names)} controllers; a picture takes {len(LOOKS)}")
    looks = dict(zip(names, LOOKS))
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    width = LEFT + columns * WIDTH + (columns - 1) * GAP + RIGHT
    names_drawn, lines = legend(panels, looks, width)
    begin = TITLE + (lines - 1) * LEGEND + ABOVE
    height = begin + rows * (HEIGHT + BOTTOM) + (rows - 1) * 30
    drawn = names_drawn
    for i, panel in enumerate(panels):
        left = LEFT + (i % columns) * (WIDTH + GAP)
        top = begin + (i // columns) * (HEIGHT + BOTTOM + 30)
        drawn += draw_panel(panel, left, top, looks)
    return document(width, height, title, drawn)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE")
    parser.add_argument("-o", "--output", required=True, type=pathlib.Path)
    parser.add_argument("--title", default="Goodput under overload")
    parser.add_argument("--void", action="store_true", help="also what is not verified")
    asked = parser.parse_args()
    panels = read(asked.files, asked.void)
    if not panels:
        sys.exit("plot.py: nothing to draw: no verified row of the overload benchmark")
    asked.output.write_text(draw(panels, asked.title), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
