#!/usr/bin/env python3
"""What becomes of roots around a spike: an SVG from the lines that `spillgate bench spike -o json`
wrote, a panel for each line.

plot_spike.py FILE… -o PICTURE.svg [--title TEXT] [--void]

Rows that are not verified are left out, unless --void asks for them. Standard library only.
"""

import argparse
import json
import pathlib
import sys

from plot import (GAP, HEIGHT, LEFT, LEGEND, RIGHT, TITLE, WIDTH, document, frame, line, path,
                  text)  # fmt: skip

BETWEEN, BELOW = 34, 56
# Of the capacity, by what became of them; the colours are told apart by the colour-blind.
FATES = (("offered", "#777777", "5 4"), ("good", "#0072b2", ""), ("refused", "#e69f00", ""),
         ("accepted, not in time", "#d55e00", ""))  # fmt: skip
TICKS_MS = 100


class Axes:
    def __init__(self, left: float, top: float, series: list[list[float]], capacity: float):
        self.left, self.top, self.capacity = left, top, capacity
        self.begin = series[0][0]
        self.end = series[-1][0] + (series[1][0] - series[0][0])
        self.most = max(row[1] for row in series) / capacity * 1.05

    def x(self, ms: float) -> float:
        return self.left + (ms - self.begin) / (self.end - self.begin) * WIDTH

    def y(self, rate: float) -> float:
        return self.top + HEIGHT - rate / self.capacity / self.most * HEIGHT


def grid(axes: Axes) -> list[str]:
    step = max(1, round(axes.most / 6))
    levels = [(times * axes.capacity, f"{times}") for times in range(0, int(axes.most) + 1, step)]
    ticks = [(ms, f"{ms}") for ms in range(int(axes.begin), int(axes.end) + 1, TICKS_MS)]
    return frame(axes, ticks, levels, "ms from the beginning of a spike",
                 "roots due, times the capacity")  # fmt: skip


def draw_panel(row: dict, left: float, top: float) -> list[str]:
    axes = Axes(left, top, row["series"], row["capacity_per_s"])
    title = (f"{row['controller']}, {row['mix']} costs, {row['clients']} clients: "
             f"{row['x']:g} times the capacity")  # fmt: skip
    drawn = [text(left + WIDTH / 2, top - 10, title, 14, font_weight="bold"), *grid(axes)]
    for i, (_, color, dashes) in enumerate(FATES):
        points = [(at[0], at[i + 1]) for at in row["series"]]
        drawn.append(path(axes, points, color, dashes))
    return drawn


def draw(rows: list[dict], title: str) -> str:
    columns = min(2, len(rows))
    width = LEFT + columns * WIDTH + (columns - 1) * GAP + RIGHT
    begin = TITLE + LEGEND + BETWEEN
    height = begin + (len(rows) + columns - 1) // columns * (HEIGHT + BELOW + BETWEEN)
    drawn: list[str] = []
    x = float(LEFT)
    for name, color, dashes in FATES:
        drawn += [line(x, TITLE, x + 24, TITLE, color, 1.8, dashes),
                  text(x + 30, TITLE + 4, name, anchor="start")]  # fmt: skip
        x += 54 + 7 * len(name)
    for i, row in enumerate(rows):
        left = LEFT + (i % columns) * (WIDTH + GAP)
        drawn += draw_panel(row, left, begin + (i // columns) * (HEIGHT + BELOW + BETWEEN))
    return document(width, height, title, drawn)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE")
    parser.add_argument("-o", "--output", required=True, type=pathlib.Path)
    parser.add_argument("--title", default="Around a spike")
    parser.add_argument("--void", action="store_true", help="also what is not verified")
    asked = parser.parse_args()
    lines = [json.loads(each) for path in asked.files for each in path.read_text().splitlines()]
    rows = [row for row in lines if row.get("series") and (row["verified"] or asked.void)]
    if not rows:
        sys.exit("plot_spike.py: nothing to draw: no verified row of the spike benchmark")
    asked.output.write_text(draw(rows, asked.title), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
