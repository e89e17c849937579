"""Who had the cores meanwhile: the node, the test, the host, or others who have nothing to do with
it. With more than a little of the latter two, times say nothing of the node."""

import resource
import time

from wire import Process

MOST_STEAL_PCT = 1.0
MOST_FOREIGN = 0.2  # cores


def ticks() -> tuple[int, int, int]:
    """Of all cores, in hundredths of a second: taken by the host, in use, and all."""
    with open("/proc/stat", encoding="utf-8") as file:
        found = [int(each) for each in file.readline().split()[1:9]]
    return found[7], sum(found) - found[3] - found[4] - found[7], sum(found)


def ours() -> float:
    """Seconds of CPU of this process and of all that it has seen end."""
    return sum(sum(resource.getrusage(whose)[:2])
               for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))  # fmt: skip


class Cores:
    """From here to told(), when the processes of a Crew have ended and the node has not; without a
    node, when all that was started has ended."""

    def __init__(self, node_pid: int | None = None):
        self.node = None if node_pid is None else Process(node_pid)
        self.began = (ticks(), self.node_us(), ours(), time.monotonic())

    def node_us(self) -> float:
        return 0.0 if self.node is None else self.node.cpu_us()

    def told(self) -> dict[str, float]:
        then, node, own, at = self.began
        now, took = ticks(), time.monotonic() - at
        node = (self.node_us() - node) / 1e6 / took
        foreign = (now[1] - then[1]) / 100 / took - node - (ours() - own) / took
        return {
            "node_cores": round(node, 2),
            "foreign_cores": round(max(0.0, foreign), 2),
            "steal_pct": round(100 * (now[0] - then[0]) / max(1, now[2] - then[2]), 1),
        }


def disturbed(told: dict) -> str:
    """What took the cores away; "" if nothing did."""
    if told["steal_pct"] > MOST_STEAL_PCT:
        return f"the host took {told['steal_pct']} % of the cores"
    if told["foreign_cores"] > MOST_FOREIGN:
        return f"others used {told['foreign_cores']} cores"
    return ""
