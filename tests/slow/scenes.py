"""What the scenarios are made of: a node, loads on it, and a fault in the middle third of the time.
What is told of each is in docs/benchmarks.md."""

import contextlib
import json
import socket
import time
from dataclasses import dataclass

from attackers import Crew
from cores import Cores
from node import Node
from open_loop import Load, Report, Start, open_loop
from watcher import figures, milliseconds, p99, watch

SPIN_US = 1000
ONE_SLOT = "node.resources.cpu=1"
LOOK_EACH_S = 0.25


@dataclass(frozen=True)
class Plan:
    seconds: float = 15.0
    x: float = 2.0
    capacity: float = 1e6 / SPIN_US  # spins a second of one slot
    deadline_us: int = 15_000

    @property
    def third(self) -> float:
        return round(self.seconds / 3, 1)

    def load(self, part: float = 1.0, **more) -> Load:
        """That part of the whole load, in spins."""
        own = {"rate": self.x * self.capacity * part, "seconds": 3 * self.third,
               "deadline_us": self.deadline_us, "argument_us": SPIN_US}  # fmt: skip
        return Load(**(own | more))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Scene:
    """A node of its own, with an admin port; `reports`: of the loads that were last played."""

    def __init__(self, *settings: str, **more):
        self.admin = f"127.0.0.1:{free_port()}"
        self.node = Node(f"listen.admin={self.admin}", *settings, **more)
        self.reports: dict[str, Report] = {}

    def __enter__(self) -> "Scene":
        self.node.__enter__()
        return self

    def __exit__(self, *_) -> None:
        self.node.__exit__()

    def play(self, plan: Plan, loads: dict[str, Load], fault=contextlib.nullcontext) -> dict:
        """Runs them with the fault, a context; tells what became of all, and what the node did."""
        with Crew() as crew:
            start = Start()
            for load in loads.values():
                crew.add(open_loop, self.node.socket, load, start)
            crew.add(watch, self.node.address, self.admin, LOOK_EACH_S)
            before = figures(self.admin)
            cores = Cores(self.node.process.pid)
            begin = start.give(len(loads))
            crew.wait(begin + plan.third - time.monotonic())
            with fault():
                crew.wait(begin + 2 * plan.third - time.monotonic())
            crew.wait(begin + 3 * plan.third - time.monotonic())
            told = crew.reports(within_s=plan.seconds + 2 * 60)
        after = figures(self.admin)
        reports = self.reports = dict(zip(loads, told["open_loop"]))
        return {
            "x": plan.x,
            "capacity_per_s": round(plan.capacity),
            **goodput(plan, loads, reports),
            "loads": {name: of_load(reports[name], loads[name], plan) for name in loads},
            "node": changes(before, after),
            **told["watch"][0].figures(),
            **cores.told(),
        }


def thirds(report: Report, plan: Plan) -> list[float]:
    """A second, of the roots that were due in each third of the time, those that were good."""
    ends = [i * plan.third for i in range(4)]
    return [report.count("good", *some) / plan.third for some in zip(ends, ends[1:])]


def goodput(plan: Plan, loads: dict[str, Load], reports: dict[str, Report]) -> dict:
    """Of the slot that spins, as parts of its capacity; nothing if nothing does."""
    spins = [thirds(reports[name], plan) for name in loads if loads[name].function == "spin"]
    if not spins:
        return {}
    before, during, after = (sum(column) / plan.capacity for column in zip(*spins))
    return {
        "goodput_ratio_before": round(before, 3),
        "goodput_ratio_during": round(during, 3),
        "goodput_ratio_after": round(after, 3),
        "recovery": round(after / before, 3) if before else None,
    }


def of_load(report: Report, load: Load, plan: Plan) -> dict:
    before, during, after = thirds(report, plan)
    return {
        "offered_per_s": round(report.count("offered") / load.seconds),
        "good_before_per_s": round(before),
        "good_during_per_s": round(during),
        "good_after_per_s": round(after),
        **{name: report.count(name) for name in
           ("offered", "accepted", "refused", "unsent", "good", "late", "unsuccessful")},
        "reasons": dict(report.reasons),
        "causes": dict(report.causes),
        "lost": report.lost,
        "silent": report.silent,
        "connections_lost": report.connections_lost,
        "lateness_p99_ms": milliseconds(p99(report.late_s)),
    }  # fmt: skip


# What is told of the node: the beginnings of names of counters.
TOLD = (
    "spillgate_stage_events_refused_total",
    "spillgate_tasks_unsuccessful_total",
    "spillgate_deferrals_total",
    "spillgate_connection_rests_total",
    "spillgate_task_runs_total",
    "spillgate_task_runs_died_total",
    "spillgate_tasks_retried_total",
    "spillgate_task_outcomes_late_total",
    "spillgate_worker_starts_total",
    "spillgate_worker_deaths_total",
    "spillgate_journal_syncs_total",
    "spillgate_journal_errors_total",
    "spillgate_config_generation_total",
)


def changes(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Of the counters named above, by how much those grew that grew."""
    return {
        name.removeprefix("spillgate_"): after[name] - before.get(name, 0)
        for name in after
        if name.startswith(TOLD) and after[name] != before.get(name, 0)
    }


def without(seconds: float) -> tuple[Plan, float]:
    """What a node can do, and what it makes of twice as much if nothing goes wrong."""
    with Scene(ONE_SLOT) as scene:
        done = scene.node.run("-o", "json", "bench", "overload", "--x", "2", "--seconds", "3")
    row = json.loads(done.stdout)
    plan = Plan(seconds, 2.0, row["capacity_per_s"], round(row["deadline_us"]))
    return plan, row["goodput_ratio"]
