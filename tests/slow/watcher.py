"""Who looks at a node while others load it: the command and the page of metrics, as a process of a
Crew; what they say has to be true, and how long they took is what it tells."""

import json
import statistics
import time
import urllib.parse
from dataclasses import dataclass, field
from http.client import HTTPConnection

import wire
from node import Node
from wire import mini


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.99 * (len(seconds) - 1))] if seconds else 0.0


def milliseconds(seconds: float) -> float:
    return round(seconds * 1e3, 1)


@dataclass
class Looks:
    stages_s: list[float] = field(default_factory=list)  # with the start of the command's process
    asked_s: list[float] = field(default_factory=list)  # the same question, over an open connection
    metrics_s: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        told: dict[str, float] = {"looks": len(self.stages_s)}
        for name, took in (("stages", self.stages_s), ("asked", self.asked_s),
                           ("metrics", self.metrics_s)):  # fmt: skip
            told[f"{name}_p50_ms"] = milliseconds(statistics.median(took))
            told[f"{name}_p99_ms"] = milliseconds(p99(took))
            told[f"{name}_worst_ms"] = milliseconds(max(took))
        return told


def page(admin: str, path: str = "/metrics") -> str:
    """By a connection of its own, as Prometheus would after a while."""
    place = urllib.parse.urlsplit(f"http://{admin}")
    with_page = HTTPConnection(place.hostname, place.port, timeout=30)
    try:
        with_page.request("GET", path)
        answer = with_page.getresponse()
        text = answer.read().decode()
    finally:
        with_page.close()
    if answer.status != 200:
        raise wire.Broken(f"{path}: {answer.status}: {text[:200]}")
    return text


def figures(admin: str) -> dict[str, float]:
    """Every series that is no histogram's."""
    found = {}
    for line in page(admin).splitlines():
        name, _, value = line.rpartition(" ")
        if not line.startswith("#") and "_bucket{" not in name:
            found[name] = float(value)
    return found


def check(stages: dict) -> None:
    for stage in stages["stages"]:
        if stage["occupied"] > stage["capacity"] or stage["bytes"] > stage["capacity_bytes"]:
            raise wire.Broken(f"a stage holds more than it can: {stage}")
        if stage["fuses"]:
            raise wire.Broken(f"a fuse has blown: {stage}")


def watch(stop, address: str, admin: str, every_s: float) -> Looks:
    node = Node.__new__(Node)  # another's: only its command is used here
    node.address = address
    looks, due = Looks(), time.monotonic()
    talker = wire.Talker(address.removeprefix("unix://"))
    question = mini.table((mini.TEXT, b"stages"))
    while not stop.wait(max(0, due - time.monotonic())):
        due += every_s
        began = time.monotonic()
        talker.ask(wire.STATS, question, wire.STATS_REPLY)
        looks.asked_s.append(time.monotonic() - began)
        began = time.monotonic()
        told = node.run("-o", "json", "stages", timeout=30)
        looks.stages_s.append(time.monotonic() - began)
        if told.returncode != 0:
            raise wire.Broken(f"stages: {told.returncode}: {told.stderr}")
        check(json.loads(told.stdout))
        began = time.monotonic()
        page(admin)
        looks.metrics_s.append(time.monotonic() - began)
    talker.close()
    return looks
