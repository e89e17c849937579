#!/usr/bin/env python3
"""A thousand connections at ten times what a node can do, most of which ignore whatever it says.

crowd.py [--minutes N] [--connections N] [--x X] [--one-tenant]

One object at the end. It fails when memory grows by a megabyte a minute after the second minute,
when a client that keeps to the rules loses its connection, or when it takes longer than 50 ms to
answer who asks how the node is: ever, over an open connection or for the page of metrics; one of a
hundred times, by the command, whose process has to start.
"""

import argparse
import json
import resource
import sys
import time
from dataclasses import dataclass

from attackers import Crew
from cores import Cores, disturbed
from node import BIN
from open_loop import Load, Report, Start, open_loop
from polite import Manners, polite
from scenes import SPIN_US, Plan, Scene, changes, without
from watcher import Looks, figures, milliseconds, p99, watch
from wire import Process

MIB = 1 << 20
WARM_S = 120.0  # memory is judged after that
MOST_SLOPE = 1.0  # MiB a minute
MOST_LOOK_S = 0.05
POLITE = 20


@dataclass
class Told:
    crowd: Report
    polite: object
    looks: Looks
    sizes: list[tuple[float, int]]  # seconds since the beginning; bytes
    received: float  # roots, by the node's own count
    node: dict
    cores: dict  # who had them


def slope(points: list[tuple[float, float]]) -> float:
    """By least squares; 0 of fewer than two."""
    if len(points) < 2:
        return 0.0
    mean_x, mean_y = (sum(column) / len(points) for column in zip(*points))
    over = sum((x - mean_x) * (y - mean_y) for x, y in points)
    return over / sum((x - mean_x) ** 2 for x, _ in points)


def growth(sizes: list[tuple[float, int]], since_s: float) -> float:
    """MiB a minute."""
    return slope([(at / 60, size / MIB) for at, size in sizes if at >= since_s])


def settings(connections: int) -> tuple[str, ...]:
    most = connections + 64
    return ("node.resources.cpu=1", "auth.tenants_by_name=true", f"limits.connections={most}",
            f"limits.connections_per_uid={most - 8}")  # fmt: skip


ARRIVED = 'spillgate_stage_events_arrived_total{stage="submission"}'


def play(scene: Scene, load: Load, manners: Manners, every_s: float = 1.0) -> Told:
    node, sizes = scene.node, []
    process = Process(node.process.pid)
    before, cores = figures(scene.admin), Cores(node.process.pid)
    with Crew() as crew:
        start = Start()
        crew.add(open_loop, node.socket, load, start)
        crew.add(polite, node.socket, manners, start)
        crew.add(watch, node.address, scene.admin, every_s)
        begin = start.give(2)

        def look() -> None:
            now = time.monotonic() - begin
            if now >= len(sizes) * every_s:
                sizes.append((now, process.resident()))

        crew.wait(begin + load.seconds - time.monotonic(), look)
        told = crew.reports(within_s=load.patience + 60)
    after = figures(scene.admin)
    return Told(told["open_loop"][0], told["polite"][0], told["watch"][0], sizes,
                after[ARRIVED] - before[ARRIVED], changes(before, after),
                cores.told())  # fmt: skip


def row(told: Told, load: Load, manners: Manners, plan: Plan) -> dict:
    crowd = told.crowd
    every = max(1, len(told.sizes) // 20)
    return {
        "scenario": "crowd",
        "seconds": load.seconds,
        "connections": load.connections + manners.connections,
        "capacity_per_s": round(plan.capacity),
        "offered_per_s": round(crowd.count("offered") / load.seconds),
        "received_per_s": round(told.received / load.seconds),
        "goodput_ratio": round(crowd.count("good") / load.seconds / plan.capacity, 3),
        **{name: crowd.count(name) for name in ("accepted", "good", "late", "unsuccessful")},
        "reasons": dict(crowd.reasons),
        "lost": crowd.lost,
        "silent": crowd.silent,
        "connections_lost": crowd.connections_lost,
        "lateness_p99_ms": milliseconds(p99(crowd.late_s)),
        "refusal_p99_ms": milliseconds(p99(crowd.refusal_s)),
        "sender_cores": round(crowd.cpu_s / load.seconds, 2),
        **told.cores,
        "polite": dict(told.polite.counts),
        "polite_p99_ms": milliseconds(p99(told.polite.took_s)),
        "resident_mib": [round(size / MIB, 1) for _, size in told.sizes[::every]],
        "slope_mib_per_min": round(growth(told.sizes, min(WARM_S, load.seconds / 2)), 3),
        **told.looks.figures(),
        "node": told.node,
    }


def problems(told: Told, load: Load) -> list[str]:
    """What holds however busy the machine is."""
    found, crowd = [], told.crowd
    if crowd.lost or crowd.silent or crowd.connections_lost:
        found.append(f"lost {crowd.lost} accepted, {crowd.silent} without a verdict, "
                     f"{crowd.connections_lost} connections")  # fmt: skip
    ended = sum(crowd.count(each) for each in ("good", "late", "unsuccessful"))
    if crowd.count("accepted") != ended:
        found.append(f"{crowd.count('accepted')} accepted, {ended} ended")
    if told.polite.counts["answered"] == 0:
        found.append("who kept to the rules was never served")
    if len(told.looks.stages_s) < load.seconds / 4:
        found.append(f"looked at {len(told.looks.stages_s)} times in {load.seconds:.0f} s")
    return found


def judged(told: Told, load: Load) -> list[str]:
    found = problems(told, load)
    grows = growth(told.sizes, WARM_S)
    if load.seconds > WARM_S and grows >= MOST_SLOPE:
        found.append(f"memory grows by {grows:.2f} MiB a minute")
    for what in slow_looks(told.looks):
        if why := disturbed(told.cores):
            print(f"not judged, as {why}: {what}", file=sys.stderr)
        else:
            found.append(what)
    return found


def slow_looks(looks: Looks) -> list[str]:
    """Throughout is each time. Only the start of a process is not the node's, and now and then
    takes as long by itself."""
    found = [f"{name}: once it took {milliseconds(max(took))} ms"
             for name, took in (("stages over an open connection", looks.asked_s),
                                ("metrics", looks.metrics_s))
             if max(took, default=0.0) > MOST_LOOK_S]  # fmt: skip
    if p99(looks.stages_s) > MOST_LOOK_S:
        found.append("the command stages: one of a hundred took "
                     f"{milliseconds(p99(looks.stages_s))} ms or more")  # fmt: skip
    return found


def raise_file_limit(files: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, max(files, 4096)), most))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="[10]")
    parser.add_argument("--connections", type=int, default=1000, help="in all [1000]")
    parser.add_argument("--x", type=float, default=10.0, help="times the capacity [10]")
    parser.add_argument("--one-tenant", action="store_true",
                        help="who keeps to the rules is of the same tenant as the others")
    asked = parser.parse_args()
    raise_file_limit(2 * asked.connections)
    plan, _ = without(0)
    load = Load(rate=asked.x * 1e6 / SPIN_US, seconds=asked.minutes * 60, tenant="crowd",
                deadline_us=plan.deadline_us, argument_us=SPIN_US,
                connections=asked.connections - POLITE)  # fmt: skip
    manners = Manners(POLITE, deadline_us=plan.deadline_us,
                      tenant="crowd" if asked.one_tenant else "polite")  # fmt: skip
    with Scene(*settings(asked.connections)) as scene:
        told = play(scene, load, manners)
        found = judged(told, load)
        print(json.dumps(row(told, load, manners, plan) | {"problems": found}), flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    if not (BIN / "spillgated").exists():
        sys.exit(f"{BIN}/spillgated: build it first (ops/build)")
    sys.exit(main())
