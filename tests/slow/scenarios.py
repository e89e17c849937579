#!/usr/bin/env python3
"""What a node does at twice the load that it can take, when something else goes wrong as well: a
client that does not read, workers that stand still, a disk that stops, a config that changes.

scenarios.py [--seconds S] [NAME…]; an object a line, with what docs/benchmarks.md says of it.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

from cores import disturbed
from node import BIN, settle
from scenes import ONE_SLOT, Plan, Scene, without
from watcher import figures

MS = 1000  # in microseconds


# ---- a slow consumer


def slow_consumer(plan: Plan, size: int = 8 << 10, egress: str = "256KiB") -> dict:
    """Half of the load is of a tenant whose client reads nothing in the middle of the time."""
    deaf = (plan.third, 2 * plan.third)
    loads = {
        "others": plan.load(0.5, tenant="others"),
        "slow": plan.load(0.5, tenant="slow", size=size, deaf=deaf),
    }
    with Scene(ONE_SLOT, "auth.tenants_by_name=true", f"limits.egress={egress}") as scene:
        return finish(scene, scene.play(plan, loads))


# ---- workers that stand still


def children(pid: int) -> list[int]:
    return [int(each) for each in
            pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]  # fmt: skip


def tell(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # the node has ended it meanwhile
            os.kill(pid, what)


@contextlib.contextmanager
def stopped_workers(pid: int):
    """All that there are, and those that the node starts instead of them."""
    over = threading.Event()

    def stop() -> None:
        while not over.wait(0.02):
            tell(children(pid), signal.SIGSTOP)

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        tell(children(pid), signal.SIGCONT)


def stalled_workers(plan: Plan, *more: str) -> dict:
    """A function in two workers, which hold a resource of their own, beside one in the node."""
    sleep_us, workers = 5 * MS, 2
    loads = {
        "in_node": plan.load(),
        "in_workers": plan.load(function="sleep_long", argument_us=sleep_us,
                                rate=plan.x * workers * 1e6 / sleep_us,
                                deadline_us=10 * sleep_us + plan.deadline_us),
    }  # fmt: skip
    settings = ("node.resources.seat=2", "function.sleep_long.host=worker",
                "function.sleep_long.cpu=0", "function.sleep_long.custom.seat=1",
                "workers.prestart=2", "workers.max=2",
                *more)  # fmt: skip
    with Scene(ONE_SLOT, *settings) as scene:
        fault = lambda: stopped_workers(scene.node.process.pid)  # noqa: E731
        return finish(scene, scene.play(plan, loads, fault))


# ---- a disk that stops


@contextlib.contextmanager
def stopped_disk(stop: pathlib.Path):
    stop.touch()
    try:
        yield
    finally:
        stop.unlink()


def disk(scene: Scene) -> pathlib.Path:
    """The file that stops it; before the node is started."""
    library = BIN / "libtest_stopped_disk.so"
    if not library.exists():  # the loader would go on without it, and the disk would never stop
        raise AssertionError(f"{library}: build it first (ops/build release all)")
    stop = scene.node.dir / "stop"
    options = os.environ.get("ASAN_OPTIONS", "")
    scene.node.variables = {
        "LD_PRELOAD": str(library),
        "SPILLGATE_TEST_DISK": str(scene.node.dir / "state"),
        "SPILLGATE_TEST_STOP": str(stop),
        "ASAN_OPTIONS": f"{options}:verify_asan_link_order=0".lstrip(":"),
    }
    return stop


def stopped_journal(plan: Plan) -> dict:
    """Half of the load is to survive the process. Afterwards the node is told to end while the disk
    stands still: it cannot before that goes on."""
    loads = {
        "level_none": plan.load(0.5, tenant="none"),
        "level_async": plan.load(0.5, tenant="async", level=1),
    }
    scene = Scene(ONE_SLOT, "auth.tenants_by_name=true", "limits.drain=100ms")
    stop = disk(scene)
    buffered = 0.0

    @contextlib.contextmanager
    def fault():
        nonlocal buffered
        with stopped_disk(stop):
            yield
            buffered = figures(scene.admin)["spillgate_journal_buffered_bytes"]

    with scene:
        told = finish(scene, scene.play(plan, loads, fault))
        told["buffered_kib"] = round(buffered / 1024, 1)
        return told | end_with_a_stopped_disk(scene, stop)


def end_with_a_stopped_disk(scene: Scene, stop: pathlib.Path) -> dict:
    """A task that was accepted beforehand, and does not end: the next process has it."""
    node = scene.node
    words = ("submit", "sleep", "--arg", "600000000", "--level", "async")
    task = node.run(*words).stdout.strip()
    words = ("submit", "noop", "--level", "async", "--wait")
    with stopped_disk(stop), subprocess.Popen(
        node.command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as blocked:
        settle(lambda: figures(scene.admin)["spillgate_journal_buffered_bytes"] > 0,
               "something waits for the disk")  # fmt: skip
        node.process.send_signal(signal.SIGTERM)
        settle(lambda: "draining" in node.log(), "it has heard")
        ended = node.process.poll()
        blocked.kill()
    code = node.process.wait(60)
    node.start()
    [status] = node.json("status", task)["statuses"]
    node.run("cancel", task)
    return {"ended_with_a_stopped_disk": ended, "exit_code": code, "task_after": status["state"]}


# ---- a config that changes

CHANGES = (
    'stage.submission.controller = "adaptive_bound"\nclass.normal.target_delay = "5ms"',
    'stage.submission.controller = "work_bound"\nworkers.prestart = 3\nlimits.park = 1000',
    "this is no config",
    'class.normal.target_delay = "40ms"\nclass.normal.share = 20\nstage.scheduling.batch = 8',
    "pool.exec.threads = 7",  # needs a restart
    'stage.submission.controller = "codel"\nstage.submission.target_delay = "2ms"',
    "",
)


def reload(scene: Scene, file: pathlib.Path, text: str) -> None:
    """Until the node has taken it up, or has said no."""
    generation = "spillgate_config_generation_total"
    well = "spillgate_config_last_reload_successful"
    before = figures(scene.admin)
    file.write_text(text)
    scene.node.process.send_signal(signal.SIGHUP)

    def noticed() -> bool:
        now = figures(scene.admin)
        return now[generation] != before[generation] or now[well] < before[well]

    settle(noticed, f"a reload of {text!r}")


@contextlib.contextmanager
def reloads(scene: Scene, file: pathlib.Path, seconds: float):
    """Spread over that time. No two that are refused follow each other: nobody could tell."""
    problems: list[BaseException] = []

    def all_of_them() -> None:
        begin = time.monotonic()
        try:
            for i, text in enumerate(CHANGES):
                time.sleep(max(0.0, begin + i * seconds / len(CHANGES) - time.monotonic()))
                reload(scene, file, text)
        except BaseException as problem:  # pylint: disable=broad-exception-caught
            problems.append(problem)

    thread = threading.Thread(target=all_of_them)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if problems:
        raise problems[0]


def reload_in_the_middle(plan: Plan) -> dict:
    file = pathlib.Path(f"/tmp/sg-scenario-{os.getpid()}.toml")
    file.write_text("")
    try:
        with Scene(ONE_SLOT, config=str(file)) as scene:
            fault = lambda: reloads(scene, file, plan.third)  # noqa: E731
            return finish(scene, scene.play(plan, {"all": plan.load()}, fault))
    finally:
        file.unlink()


# ---- all of them

# And whose load has nothing to do with what goes wrong.
SCENARIOS = {
    "slow_consumer": (slow_consumer, "others"),
    "stalled_workers": (stalled_workers, "in_node"),
    "stopped_journal": (stopped_journal, "level_none"),
    "reload": (reload_in_the_middle, ""),
}
LEAST = 0.8  # of what it was before, that is good for those meanwhile, and of all afterwards


def finish(scene: Scene, told: dict) -> dict:
    """What has to be so after any of them."""
    problems = []
    if scene.node.process.poll() is not None:
        problems.append(f"the node has ended: {scene.node.log()[-2000:]}")
    for name, load in told["loads"].items():
        ended = sum(load[each] for each in ("good", "late", "unsuccessful"))
        if load["lost"] or load["silent"] or load["connections_lost"]:
            problems.append(f"{name}: lost {load['lost']} accepted, {load['silent']} without a "
                            f"verdict, {load['connections_lost']} connections")  # fmt: skip
        elif load["accepted"] != ended:
            problems.append(f"{name}: {load['accepted']} accepted, {ended} ended")

    def left() -> str:
        status = scene.node.json("status")
        kept = {"in_flight": status["in_flight"]["count"], "bytes": status["in_flight"]["bytes"],
                "parked": status["park"]["count"], "requests": status["requests"]}  # fmt: skip
        return json.dumps(kept) if any(kept.values()) else ""

    try:
        settle(lambda: not left(), "nothing is in flight")
    except AssertionError as late:
        problems.append(f"{late}: {left()}")
    return told | {"problems": problems}


def judged(told: dict, bystander: str) -> list[str]:
    """What can be asked of a node that has the machine for itself."""
    found = []
    if told["recovery"] is None or told["recovery"] < LEAST:
        found.append(f"afterwards it does {told['recovery']} of what it did before")
    if load := told["loads"].get(bystander):
        if load["good_during_per_s"] < LEAST * load["good_before_per_s"]:
            found.append(f"{bystander}: {load['good_before_per_s']} a second before, and "
                         f"{load['good_during_per_s']} during the fault")  # fmt: skip
    if found and (why := disturbed(told)):
        print(f"not judged, as {why}: {'; '.join(found)}", file=sys.stderr)
        return []
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="of each [15]")
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(SCENARIOS))
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(unknown)}")
    failed = 0
    plan, ratio = without(asked.seconds)
    for name in asked.names or SCENARIOS:
        began = time.monotonic()
        play, bystander = SCENARIOS[name]
        told = play(plan)
        told["problems"] += judged(told, bystander)
        row = {"scenario": name, "goodput_ratio_without": ratio, **told}
        row["took_s"] = round(time.monotonic() - began, 1)
        print(json.dumps(row), flush=True)
        failed += bool(told["problems"])
    return 1 if failed else 0


if __name__ == "__main__":
    if not (BIN / "spillgated").exists():
        sys.exit(f"{BIN}/spillgated: build it first (ops/build release all)")
    sys.exit(main())
