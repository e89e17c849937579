"""Clients that do as docs/protocol.md says: they keep to their credits, and come again when the
node said, under a new number. Many connections from one thread, each of which asks now and then."""

import random
import select
import time
from collections import Counter, deque
from dataclasses import dataclass, field

import wire
from open_loop import PUSH, Start
from wire import Talker, mini

ANSWER_WITHIN_S = 30.0  # silence for so long counts as a connection that was lost


@dataclass(frozen=True)
class Manners:
    connections: int = 20
    every_s: float = 1.0  # from one question to the next, about
    argument_us: int = 1000
    deadline_us: int = 15_000  # of each root
    retries: int = 20  # of a question, each a root with a deadline of its own
    tenant: str = ""
    seed: int = 2


@dataclass
class Report:
    counts: Counter = field(default_factory=Counter)
    took_s: list[float] = field(default_factory=list)  # from the question to its value


class Asker:
    """One connection, with at most one question open."""

    def __init__(self, path, manners: Manners, dice: random.Random, report: Report):
        self.talker = Talker(path, name=manners.tenant)
        self.function = self.talker.register("spin")
        self.manners, self.dice, self.report = manners, dice, report
        self.talker.socket.setblocking(False)
        self.seq = 0
        self.may_send = (float("inf"), float("inf"))  # so many, until then
        self.asked = self.sent = 0.0  # when; 0: no question is open, or none of its roots
        self.retry = 0
        self.due = 0.0  # when to ask, or to ask again

    def plan(self, now: float) -> None:
        self.asked = self.sent = 0.0
        self.retry = 0
        self.due = now + self.dice.uniform(0.5, 1.5) * self.manners.every_s

    def act(self, now: float) -> None:
        if self.sent:
            if now > self.sent + ANSWER_WITHIN_S:
                raise wire.Broken(f"no answer to {self.seq} of {self.talker.session:x}")
            return
        if now < self.due:
            return
        if not self.asked:
            self.asked = now
            self.report.counts["asked"] += 1
        most, until = self.may_send
        if self.seq >= most and now < until:  # it is told as soon as it may
            self.report.counts["waited_for_credit"] += 1
            self.due = now + 0.005
            return
        self.seq += 1
        self.sent = now
        argument = str(self.manners.argument_us).encode()
        body, payload = wire.submit(self.function, self.seq, 1, argument, flags=PUSH,
                                    remaining_us=self.manners.deadline_us)  # fmt: skip
        self.talker.socket.sendall(wire.frame(wire.SUBMIT, body, 0, payload))

    def read(self, now: float) -> None:
        try:
            data = self.talker.socket.recv(1 << 16)
        except BlockingIOError:
            return
        if not data:
            raise wire.Broken(f"the connection of {self.talker.session:x} was closed")
        self.talker.incoming.feed(data)
        for kind, about, body, payload in self.talker.incoming.frames():
            if kind == wire.CREDITS:
                self.may_send = (mini.field(body, 2, "Q"), now + mini.field(body, 4, "I") / 1e3)
            elif kind == wire.VERDICTS:
                for verdict in wire.verdicts(body):
                    if verdict.status == 1:
                        self.report.counts[f"refused_{wire.REASONS[verdict.reason]}"] += 1
                        self.again(now, verdict.retry_us / 1e6)
            elif kind == wire.RESULTS:
                for result in wire.results(body, payload):
                    self.answered(now, result)
            elif kind == wire.ERROR:
                raise wire.Broken(wire.error(body, about))

    def again(self, now: float, pause_s: float) -> None:
        self.sent = 0.0
        self.retry += 1
        if self.retry > self.manners.retries:
            self.report.counts["given_up"] += 1
            self.plan(now)
        else:
            self.due = now + pause_s * self.dice.uniform(1, 2)

    def answered(self, now: float, result: wire.Result) -> None:
        body = mini.release(self.talker.session, result.seq, 1)
        self.talker.socket.sendall(wire.frame(wire.RELEASE, body))
        if result.fate != 1:
            self.report.counts["expired"] += 1
            self.again(now, 0.001)
            return
        self.report.counts["answered"] += 1
        self.report.counts["at_once"] += self.retry == 0
        self.report.took_s.append(now - self.asked)
        self.plan(now)


def polite(stop, path, manners: Manners, start: Start) -> Report:
    """As a process of a Crew, until it is stopped."""
    dice, report = random.Random(manners.seed), Report()
    askers = [Asker(path, manners, dice, report) for _ in range(manners.connections)]
    by_file = {asker.talker.socket.fileno(): asker for asker in askers}
    poll = select.epoll()
    for file in by_file:
        poll.register(file, select.EPOLLIN)
    begin = start.wait()
    for asker in askers:
        asker.plan(begin)
    while not stop.is_set():
        now = time.monotonic()
        for asker in askers:
            asker.act(now)
        for file, _ in poll.poll(0.01):
            by_file[file].read(time.monotonic())
    deque((asker.talker.close() for asker in askers), 0)
    return report
