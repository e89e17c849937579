#!/usr/bin/env python3
"""What a node says to one connection, and when: docs/protocol.md, held against a real node.

Built on tests/slow/wire.py, which fails a test on any frame that a node may not send.
"""

import contextlib
import os
import pathlib
import signal
import socket
import sys
import time
import unittest
import unittest.mock
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "slow"))
import wire  # noqa: E402  pylint: disable=wrong-import-position
from node import BIN, Node, settle  # noqa: E402  pylint: disable=wrong-import-position
from wire import Talker, mini  # noqa: E402  pylint: disable=wrong-import-position

wire.FROM_NODE.add(wire.DRAINED)  # these tests ask for it
MINUTE = b"60000000"  # for sleep, in microseconds
LONG_US = 60_000_000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def drain(timeout_us: int) -> bytes:
    return mini.table(("Q", timeout_us))


def windows(body: bytes) -> list[int]:
    """What a Credits frame allows, by class."""
    return [mini.field(body, cls, "Q") for cls in range(4)]


class Case(unittest.TestCase):
    def start(self, *settings: str) -> Node:
        node = Node(*settings)
        self.addCleanup(node.__exit__)
        node.start()
        return node

    def talk(self, node: Node, **how) -> Talker:
        return self.enterContext(Talker(node.socket, **how))

    def run_for_a_minute(self, talker: Talker, count: int) -> None:
        """Accepted tasks 1 to count."""
        body, payload = wire.submit(talker.register("sleep"), 1, count, MINUTE)
        verdicts = wire.verdicts(talker.ask(wire.SUBMIT, body, wire.VERDICTS, payload)[2])
        self.assertEqual([(each.status, each.count) for each in verdicts], [(0, count)])

    @staticmethod
    def cancel(talker: Talker, count: int) -> None:
        ids = [(talker.session, seq) for seq in range(1, count + 1)]
        talker.ask(wire.CANCEL, mini.table(("QQ", ids)), wire.CANCELLED)

    @contextlib.contextmanager
    def stopped(self, node: Node):
        """What is said and done meanwhile reaches the node all at once."""
        stat = pathlib.Path(f"/proc/{node.process.pid}/stat")
        node.process.send_signal(signal.SIGSTOP)
        settle(lambda: stat.read_text().rsplit(")", 1)[1].split()[0] == "T", "it has stopped")
        yield
        node.process.send_signal(signal.SIGCONT)


class Leaving(Case):
    """A peer that is gone before it hears why it was refused. Freed memory is overwritten here, so
    that who reads it does not get away with it."""

    def setUp(self):
        tunables = "glibc.malloc.tcache_count=0:glibc.malloc.perturb=165"
        self.enterContext(unittest.mock.patch.dict(os.environ, GLIBC_TUNABLES=tunables))

    def say_and_leave(self, node: Node, talker: Talker, *said: bytes) -> None:
        with self.stopped(node):
            talker.socket.sendall(b"".join(said))
            talker.close()
        self.assertEqual(node.run("status").returncode, 0, node.log()[-2000:])
        self.assertIsNone(node.process.poll(), "the node is there")

    def test_before_its_hello(self):
        node = self.start()
        talker = self.talk(node, shake=False)
        talker.expect(wire.GREETING)
        self.say_and_leave(node, talker, wire.frame(wire.PING))

    def test_with_a_hello_that_is_refused(self):
        node = self.start()
        talker = self.talk(node, shake=False)
        talker.expect(wire.GREETING)
        hello = mini.table(("B", 200), ("B", 200), ("B", 0), ("Q", 0), ("16s", bytes(16)),
                           (mini.TEXT, b""), ("32s", bytes(32)), (mini.TEXT, b""))  # fmt: skip
        self.say_and_leave(node, talker, wire.frame(wire.HELLO, hello))

    def test_from_an_operators_place(self):
        node = self.start("limits.connections_per_uid=1", "limits.connections_reserved=2")
        self.talk(node)
        operator = self.talk(node)
        self.say_and_leave(node, operator, wire.frame(wire.REGISTER, mini.register("sum"), 1))


class Reading(Case):
    def test_what_comes_before_a_bad_header_counts(self):
        """And at once: nobody else says anything that would take it along."""
        port = free_port()
        node = self.start(f"listen.admin=127.0.0.1:{port}")
        with self.talk(node) as talker:
            body, payload = wire.submit(talker.register("noop"), 1, 3)
            talker.socket.sendall(wire.frame(wire.SUBMIT, body, 7, payload) + b"x" * 24)
            self.assertEqual([each.reason for each in talker.until_closed()], [13])

        def done() -> float:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
                lines = answer.read().decode().splitlines()
            return sum(float(each.rsplit(" ", 1)[1]) for each in lines if 'outcome="done"' in each)

        settle(lambda: done() == 3, "they have run", 20)


class Windows(Case):
    """Credits."""

    def test_one_at_zero_hears_of_room(self):
        """Also one that has said nothing since it was told."""
        node = self.start("limits.in_flight=8")
        busy = self.talk(node)
        self.run_for_a_minute(busy, 3)  # of four that a tenant may have; the last class has half
        idle = self.talk(node)
        self.assertEqual(windows(idle.expect(wire.CREDITS)[2])[3], 0)
        self.cancel(busy, 3)
        # One ends after the other, and other classes may have room before. None is told for ever.
        while windows(idle.expect(wire.CREDITS)[2])[3] == 0:
            pass

    def test_one_that_has_used_its_own_up_hears_at_once(self):
        """However little the node has to do: it does not sleep over it."""
        talker = self.talk(self.start("limits.in_flight=8"))
        allowed = windows(talker.expect(wire.CREDITS)[2])[2]
        noop = talker.register("noop")
        sent = answered = 0
        began = time.monotonic()
        while answered < 600:
            if answered == sent < allowed:
                sent += 1
                talker.send(wire.SUBMIT, wire.submit(noop, sent, 1)[0])
            kind, _, body, _ = talker.next()
            if kind == wire.CREDITS:
                allowed = windows(body)[2]
            elif kind == wire.VERDICTS:
                answered += 1
        # A hundred windows; a node that sleeps wakes four times a second.
        self.assertLess(time.monotonic() - began, 12)

    def test_are_those_of_the_controller(self):
        """Of which a tenant that is not in the config may have half, and classes their parts; one
        that is may have more than there is."""
        mine = "tenant.mine.in_flight=120"
        for controller, settings, share in (
            ("bound", (), [30, 27, 24, 15]),
            ("bound", (mine,), [60, 54, 48, 30]),
            ("none", (mine,), 4 * [60]),
        ):
            node = self.start("limits.in_flight=60", f"stage.submission.controller={controller}",
                              "auth.tenants_by_name=true", *settings)  # fmt: skip
            talker = self.talk(node, name="mine")
            self.assertEqual(windows(talker.expect(wire.CREDITS)[2]), share, controller)

    def test_are_few_until_the_node_has_seen_what_it_sends(self):
        talker = self.talk(self.start())
        first = windows(talker.expect(wire.CREDITS)[2])
        self.assertLessEqual(max(first), 64)
        noop = talker.register("noop")
        talker.send(wire.SUBMIT, wire.submit(noop, 1, first[2])[0])
        _, _, body, _ = talker.expect(wire.CREDITS)
        self.assertGreater(windows(body)[2], 1000)


class Stopping(Case):
    def test_what_is_asked_for_is_answered(self):
        node = self.start()
        talker = self.talk(node)
        self.run_for_a_minute(talker, 1)
        get = talker.send(wire.GET, mini.get([(talker.session, 1, 0, 0)], LONG_US))
        node.process.send_signal(signal.SIGTERM)
        settle(lambda: "draining" in node.log(), "it drains")
        node.process.send_signal(signal.SIGTERM)
        [result] = wire.results(*talker.expect(wire.RESULTS, get)[2:])
        self.assertEqual((result.seq, result.correlation), (1, get))
        self.assertNotEqual(result.fate, 1, "it has not slept for a minute")
        self.assertEqual(node.process.wait(30), 0)

    def put_and_get(self, node: Node, size: int) -> Talker:
        """A talker that the node has a lot to say to."""
        talker = self.talk(node)
        self.assertEqual(talker.put(1, bytes(size)).status, 0)
        talker.send(wire.GET, mini.get([(talker.session, 1, 0, 0)], LONG_US))
        while talker.socket.recv(1 << 16, socket.MSG_PEEK)[3] != wire.RESULTS:
            talker.next()  # it has begun when this is over
        return talker

    def test_an_answer_that_is_under_way_arrives_whole(self):
        node = self.start()
        size = 8 << 20
        talker = self.put_and_get(node, size)
        node.process.send_signal(signal.SIGTERM)
        settle(lambda: "draining" in node.log(), "it drains")
        [result] = wire.results(*talker.expect(wire.RESULTS)[2:])
        self.assertEqual((result.fate, result.size), (1, size))
        self.assertEqual(node.process.wait(30), 0)

    def test_who_does_not_read_does_not_hold_it_up(self):
        node = self.start()
        self.put_and_get(node, 8 << 20)
        self.assertEqual(node.stop(within_s=20), 0)


class Draining(Case):
    def test_is_answered_when_nothing_is_left(self):
        node = self.start()
        talker = self.talk(node)
        self.run_for_a_minute(talker, 2)
        operator = self.talk(node)
        operator.send(wire.DRAIN, drain(LONG_US))
        settle(lambda: "draining" in node.log(), "it drains")
        operator.expect(wire.PONG, operator.send(wire.PING))
        told = [frame[0] for frame in operator.queue]
        self.assertNotIn(wire.DRAINED, told, "nothing is over yet")
        self.cancel(talker, 2)
        drained = operator.expect(wire.DRAINED)[2]
        self.assertEqual(mini.field(drained, 0, "Q"), 0)
        self.assertEqual(node.process.wait(30), 0)

    def test_is_answered_when_its_time_is_over(self):
        node = self.start()
        talker = self.talk(node)
        self.run_for_a_minute(talker, 2)
        operator = self.talk(node)
        for timeout_us in (0, 200_000):  # the second one only asks how far it is
            began = time.monotonic()
            drained = operator.ask(wire.DRAIN, drain(timeout_us), wire.DRAINED)[2]
            took_us = 1e6 * (time.monotonic() - began)
            self.assertEqual(mini.field(drained, 0, "Q"), 2)
            self.assertGreaterEqual(took_us, timeout_us)
        operator.expect(wire.PONG, operator.send(wire.PING))  # the node works on
        self.cancel(talker, 2)
        self.assertEqual(node.process.wait(30), 0)


if __name__ == "__main__":
    if not (BIN / "spillgated").exists():
        sys.exit(f"{BIN}/spillgated: build it first (ops/build)")
    unittest.main(verbosity=2)
