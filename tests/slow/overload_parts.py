"""What the sweep measures, in which order, and how long that takes. For overload.py.

A case is what a node is asked for: layout, mix, shape, service and clients. A part is a case and
who stands at the door, at some multiples of the capacity.
"""

from dataclasses import dataclass

from controllers import CLASSIC, OTHERS


NO_FILE_NAME = str.maketrans(":,", "-+")  # not on every system


@dataclass(frozen=True)
class Case:
    service: str = "1ms"
    mix: str = "constant"
    shape: str = "single"
    clients: str = "raw"
    turnaround: str = ""  # of cooperative clients
    place: str = "spin"  # layout (a), one slot that spins; "sleep": (b), 64 slots that sleep
    bench: str = "overload"
    more: tuple[str, ...] = ()  # of its options
    is_long: bool = False  # measured for longer, as its roots, or some of them, are long
    seconds: float = 0  # of each measurement, if it has to have so many roots
    unloaded: int = 20  # roots that are timed without load, at least

    @property
    def slots(self) -> int:
        return 64 if self.place == "sleep" else 1

    @property
    def layout(self) -> str:
        return f"{self.place}-{self.service}" + ("-64" if self.slots > 1 else "")

    @property
    def name(self) -> str:
        said = [self.layout, self.mix, self.shape, self.clients, self.turnaround]
        said.append("" if self.bench == "overload" else self.bench)
        said.append("long" if self.is_long else "")
        said.append(f"{self.unloaded}-unloaded" if self.unloaded > 20 else "")
        more = (each.strip("-").translate(NO_FILE_NAME) for each in self.more)
        return "-".join(filter(None, [*said, *more]))

    @property
    def judged(self) -> bool:
        """Below 100 us what a task costs is mostly not its own work: curves, and no verdict."""
        return micros(self.service) >= 100

    @property
    def arguments(self) -> list[str]:
        """Of `spillgate bench`."""
        found = [self.bench, *self.more, "--mix", self.mix, "--shape", self.shape]
        found += ["--unloaded-roots", str(self.unloaded)] if self.unloaded > 20 else []
        found += ["--clients", self.clients, "--service", self.service]
        if self.turnaround:
            found += ["--turnaround", self.turnaround]
        if self.place == "sleep":
            found += ["--function", "sleep", "--set", f"node.resources.cpu={self.slots}"]
        return found

    @property
    def root_s(self) -> float:
        """Of all slots, for a root of the mean cost."""
        mean = 3 if self.mix == "heavy" else 1
        return micros(self.service) * 1e-6 * TASKS[self.shape] * mean / self.slots


def micros(service: str) -> float:
    return float(service[:-2]) * {"us": 1, "ms": 1000}[service[-2:]]


@dataclass(frozen=True)
class Part:
    case: Case
    controller: str  # of submission; "": as the node has it by default
    x: tuple[float, ...]

    @property
    def name(self) -> str:
        return f"{self.case.name}-{self.controller or 'default'}"


# ---- what is measured

X = (0.3, 0.5, 0.7, 0.9, 1, 1.2, 1.5, 2, 5, 10)
FEW_X = (0.7, 1, 2, 10)
SLOW_X = (0.5, 0.7, 1, 2)  # of what the sender is no match for at ten times the capacity
CONTROLLERS = (*OTHERS, CLASSIC)

CLIENTS = ("raw", "cooperative")
CORE = tuple(
    Case(mix=mix, shape=shape, clients=clients)
    for clients in CLIENTS
    for mix, shape in (("constant", "single"), ("bimodal", "single"), ("constant", "nested"))
)
# The fourth of them: its long roots have almost seven seconds, and in less than ten times that, the
# backlog at the end decides.
TREES = tuple(Case(mix="bimodal", shape="nested", clients=each, is_long=True, seconds=70)
              for each in CLIENTS)  # fmt: skip
# Every other mix, shape and service, with each other and with both kinds of clients: each pair is
# in one of these or above, except those that cannot be.
PAIRS = (
    Case(mix="exponential"),
    Case(mix="lognormal", shape="chain"),
    Case("100us"),
    Case("100us", mix="exponential", shape="nested"),
    Case("100us", mix="lognormal", shape="fan"),
    Case("100us", mix="exponential", shape="chain", clients="cooperative"),
    Case("100us", shape="fan", clients="cooperative"),
    Case("100us", mix="bimodal", shape="chain"),
    Case("10ms", mix="lognormal", clients="cooperative"),
    Case("10ms", shape="chain", is_long=True),
    Case("10ms", mix="exponential", shape="fan", is_long=True),
    Case("10ms", mix="lognormal", shape="nested", is_long=True),
)
# In the place of those of 1 ms: of these other controllers can be judged in the time that a
# measurement has.
NESTED = tuple(Case("100us", mix="bimodal", shape="nested", clients=each) for each in CLIENTS)
# The same as above with roots that may take seconds: dozens of those.
LONG = (
    Case("10ms", mix="bimodal", is_long=True),
    Case(mix="bimodal", shape="fan", clients="cooperative", is_long=True),
    *(Case("100us", mix="heavy", clients=each, is_long=True) for each in CLIENTS),
)
# The longest of the heavy mix is ten thousand times its service: of 1 ms ten seconds, and a root of
# ten such tasks a hundred, whose deadline is a quarter of an hour.
IMPOSSIBLE = tuple(("heavy", other) for other in ("chain", "fan", "nested", "1ms", "10ms"))
# Not with rare long roots: while the last of a closed loop's ends, the other 63 slots have nothing
# to do, and it would take a minute to find the capacity.
SLEEPING = (
    Case("10ms", place="sleep"),
    Case("10ms", place="sleep", clients="cooperative"),
    Case("10ms", place="sleep", mix="exponential"),
)
TURNAROUND = (
    Case("100us", clients="cooperative", turnaround="100us"),
    Case(clients="cooperative", turnaround="100us"),
)
CURVES = (Case("10us"),)
# Enough roots for their p99: 10,000 without load and with it, a thousand where they take 10 ms.
# What cooperative clients still hold at the end has its turn then: less than one in a hundred, if
# a measurement takes a hundred times as long as a deadline.
P99 = (
    Case("100us", unloaded=10000, seconds=5),
    Case("1ms", unloaded=10000, seconds=12),
    Case("10ms", unloaded=1000, seconds=12),
    Case("10ms", place="sleep", unloaded=1000, seconds=5),
    Case("100us", clients="cooperative", unloaded=10000, seconds=5),
    Case("1ms", clients="cooperative", unloaded=10000, seconds=12),
    Case("10ms", place="sleep", clients="cooperative", unloaded=1000, seconds=12),
)
# 10,000 roots in the class that matters, 100,000 where they take 100 us; in batches where they can
# be in time, as of 16 on one slot at most 10 are.
CRITICAL = (
    Part(Case("100us", more=("--critical", "0.3"), seconds=50), "", (2,)),
    Part(Case("1ms", more=("--critical", "0.3"), seconds=40), "", (2, 10)),
    Part(Case("10ms", place="sleep", more=("--critical", "0.3", "--burst", "16"), seconds=7),
         "", (2, 10)),
)  # fmt: skip
# Whom others do not crowd out, and how soon it is over.
SPECIAL = (
    Part(Case(bench="fair"), "", (15, 100)),
    Part(Case(bench="spike", more=("--spikes", "20")), "", (10,)),
    Part(Case(more=("--classes", "critical:0.2,high:0.2,sheddable:0.4")), "", (1, 2, 10)),
)


def of_others(cases: tuple[Case, ...]) -> list[Part]:
    return [Part(case, controller, FEW_X) for case in cases for controller in CONTROLLERS]


def groups(quick: bool) -> dict[str, list[Part]]:
    """In the order in which they are measured, the most important first; each can be run alone, in
    half an hour."""
    if quick:
        few = [Part(case, "", (0.7, 2, 10)) for case in QUICK]
        return {"quick": few + [Part(case, "bound", (2,)) for case in QUICK[1:]]}
    raw, cooperative = CORE[:3], CORE[3:]
    return {
        "raw": [Part(case, "", X) for case in raw],
        "controllers": of_others(raw),
        "cooperative": [Part(case, "", X) for case in cooperative],
        "trees": [Part(TREES[0], "", X)],
        "trees-cooperative": [Part(TREES[1], "", X)],
        "pairs": [Part(case, "", FEW_X) for case in (*SLEEPING, *PAIRS, *NESTED, *TURNAROUND)],
        "special": list(SPECIAL),
        "critical": list(CRITICAL),
        "p99": [Part(case, "", FEW_X) for case in P99],
        "controllers-more": of_others((PAIRS[0], NESTED[0])),
        "controllers-cooperative": of_others(cooperative[:2]),
        "controllers-nested": of_others((cooperative[2], NESTED[1])),
        "controllers-layouts": of_others((SLEEPING[0], Case("100us"))),
        "long": [Part(case, "", FEW_X) for case in LONG],
        "curves": [Part(case, "", SLOW_X) for case in CURVES],
    }


QUICK = (CORE[0], Case(mix="exponential"), CORE[2])

# ---- how long

SECONDS = 2.5  # of each measurement, at least
QUICK_SECONDS = 1.0
SPIKE_SECONDS = 2.0
SPIKES_S = 110.0  # twenty short ones, three long ones, and runs without any
LONGER = 3.0  # times that it is at most
LONG_SECONDS = 25.0  # of what is long
TASKS = {"single": 1, "chain": 10, "fan": 10, "nested": 13}
MODES = {"bimodal": 2, "heavy": 3}
MANY = 300  # roots of the capacity, for chance not to decide on how many of them were in time
LONGEST = {"bimodal": 50.5, "heavy": 3333.0}  # root, in means
DEADLINES = 10  # of the longest that there are, a measurement has to last for E to be judged
# Roots that are enough to be judged by: a hundred of the long ones, or what can be had of them. Of
# two hundred constant ones at the capacity a node may refuse three in a hundred more by chance.
ENOUGH = {"constant": 500, "exponential": 300, "lognormal": 150, "bimodal": 10_000,
          "heavy": 40_000}  # fmt: skip


def seconds_of(case: Case, least: float) -> float:
    """Of one measurement. Of a spike, a long one lasts five times that."""
    if case.bench == "spike":
        return SPIKE_SECONDS
    if case.seconds:
        return case.seconds
    if case.is_long:
        return max(least, LONG_SECONDS, MANY * case.root_s)
    enough = ENOUGH[case.mix] * case.root_s
    if case.slots > 1 and case.mix != "constant":
        enough = 2 * least  # as slots have nothing to do at the end of a closed loop
    return min(max(least, enough), LONGER * least)


def estimate(case: Case, x: int, least: float) -> float:
    """Seconds that the benchmark takes for so many multiples: two times the capacity, what a root
    takes without load, for each function, and the measurements; each until the last has come."""
    each = seconds_of(case, least)
    unloaded = max(2 * each, case.unloaded * case.root_s / 0.05)
    last = 5 * LONGEST.get(case.mix, 1) * case.root_s * case.slots
    others = (MODES.get(case.mix, 1) - 1) * 2 * each
    measured = SPIKES_S if case.bench == "spike" else x * (each + last)
    window = min(each / 4, max(2, 25 * LONGEST.get(case.mix, 1) * case.root_s * case.slots))
    return 2 + 2 * (6 * window + last / 2) + unloaded + others + measured
