"""SIGHUP: what a reload changes is in effect for whoever comes next; what it may not, stays.

The knobs that the node itself reads are in tests/server/node_reload_test.cc; here are those of the
daemon around it, but for what cannot be seen from outside: how many processes workers.max lets
there be beyond workers.prestart is seen with it, and how the journal writes (sync_interval,
group_records, linger) is in tests/server/journal.
"""

import multiprocessing
import os
import pathlib
import signal
import socket
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "slow"))
import wire  # noqa: E402  pylint: disable=wrong-import-position
from node import Node, settle  # noqa: E402  pylint: disable=wrong-import-position
from wire import Talker, mini  # noqa: E402  pylint: disable=wrong-import-position

HEADER = 24
NOBODY = 65534


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def as_nobody(folder: pathlib.Path) -> str:
    """What the node in that folder tells another user who says Hello; "" if it lets them in."""

    def knock(pipe) -> None:
        os.chdir(folder)  # above it are folders that they may not enter
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            mini.Client("unix://node.sock")
            pipe.send("")
        except mini.Refused as why:
            pipe.send(str(why))

    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=knock, args=(theirs,))
    process.start()
    theirs.close()
    answer = ours.recv()
    process.join()
    return answer


class Reloading(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sg-reload-")
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "node.toml"

    def start(self, text: str) -> Node:
        self.file.write_text(text)
        node = Node(config=str(self.file))
        node.start()
        self.addCleanup(node.__exit__)
        return node

    def reload(self, node: Node, text: str, says: str) -> None:
        self.file.write_text(text)
        node.process.send_signal(signal.SIGHUP)
        settle(lambda: says in node.log(), f"the log says {says}")
        # The line is written before it is applied, in the same turn of the loop.
        self.assertEqual(node.run("status").returncode, 0)

    def test_the_least_important_lines_that_are_written(self):
        node = self.start("")
        node.run("status")
        self.assertNotIn('"debug"', node.log())
        self.reload(node, 'node.log_level = "debug"', "node.log_level")
        settle(lambda: '"debug"' in node.log(), "a line of that level: a connection closed")

    def test_how_many_workers_are_kept(self):
        node = self.start("workers.prestart = 1")

        def workers() -> int:
            path = f"/proc/{node.process.pid}/task/{node.process.pid}/children"
            return len(pathlib.Path(path).read_text().split())

        settle(lambda: workers() == 1, "one worker")
        self.reload(node, "workers.prestart = 3\nworkers.max = 4", "workers.prestart")
        settle(lambda: workers() == 3, "three workers")
        self.reload(node, 'workers.prestart = 1\nworkers.max = 4\nworkers.idle = "10ms"', "10ms")
        settle(lambda: workers() == 1, "one again: the others were idle")

    def test_how_long_a_stranger_may_take(self):
        node = self.start('limits.handshake = "1min"')
        self.reload(node, 'limits.handshake = "50ms"', "limits.handshake")
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(30)
            stranger.connect(str(node.socket))
            self.assertEqual(len(stranger.recv(HEADER, socket.MSG_WAITALL)), HEADER, "a greeting")
            began = time.monotonic()
            while stranger.recv(4096):
                pass
            self.assertLess(time.monotonic() - began, 20, "closed, and long before a minute")

    def test_how_many_connections_a_user_may_have(self):
        node = self.start("")
        self.reload(node, "limits.connections_per_uid = 1", "limits.connections_per_uid")
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(node.socket))
            self.assertTrue(first.recv(HEADER))
            refused = node.run("run", "noop")
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("as many connections as", refused.stderr)
            self.assertEqual(node.run("status").returncode, 0, "the operator always gets in")
        settle(lambda: node.run("run", "noop").returncode == 0, "its place is free again")

    def test_who_may_go_by_a_tenants_name(self):
        tenant = "tenant.ada.in_flight = 1\n"
        node = self.start(tenant)

        def submit(name: str, count: int) -> int:
            words = ("--tenant", name, "submit", "sleep", "--arg", "60000000", "-n", str(count))
            done = node.run(*words)
            node.run("cancel", *done.stdout.split())
            return done.returncode

        self.assertEqual(submit("ada", 2), 0, "nobody may: it counts as the user's own")
        self.reload(node, f"{tenant}tenant.ada.uids = [{os.getuid()}]", "tenant.ada.uids")
        self.assertEqual(submit("ada", 2), 75, "one of them is past the tenant's bound")
        self.assertEqual(submit("bob", 2), 0, "that is not a name of theirs")

    def test_a_name_for_everybody(self):
        tenant = "tenant.ada.in_flight = 1\n"
        node = self.start(tenant)
        words = ("--tenant", "ada", "submit", "sleep", "--arg", "60000000", "-n", "2")
        self.assertEqual(node.run(*words).returncode, 0, "it counts as the user's own")
        self.reload(node, f"{tenant}auth.tenants_by_name = true", "auth.tenants_by_name")
        self.assertEqual(node.run(*words).returncode, 75, "one of them is past the tenant's bound")

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
    def test_who_may_come_in(self):
        mode = 'listen.unix_mode = "0666"\n'
        node = self.start(mode)
        node.dir.chmod(0o711)
        self.assertIn("auth.allow_uids", as_nobody(node.dir))
        self.reload(node, f"{mode}auth.allow_uids = [{NOBODY}]", "auth.allow_uids")
        self.assertEqual(as_nobody(node.dir), "")
        self.reload(node, f"{mode}limits.park = 7", "limits.park")
        self.assertIn("auth.allow_uids", as_nobody(node.dir))

    def test_how_many_connections_are_kept_for_operators(self):
        most = "limits.connections = 8\n"
        node = self.start(f"{most}limits.connections_reserved = 1")
        self.reload(node, f"{most}limits.connections_reserved = 5", "limits.connections_reserved")
        settle(lambda: node.json("status")["connections"] == 1, "only that which asks")
        for _ in range(3):
            self.enterContext(Talker(node.socket)).register("noop")
        operator = self.enterContext(Talker(node.socket))
        with self.assertRaisesRegex(wire.Refused, "too_many_connections"):
            operator.register("noop")

    def test_how_much_may_wait_for_a_peer_that_does_not_read(self):
        node = self.start('limits.egress = "64KiB"')

        def takes_all(patience: float) -> bool:
            """It takes what is said to it, though nobody hears its answers."""
            with Talker(node.socket, timeout=patience) as talker:
                try:
                    talker.socket.sendall(100_000 * wire.frame(wire.PING))
                    return True
                except TimeoutError:
                    return False

        self.assertFalse(takes_all(1))
        self.reload(node, 'limits.egress = "64MiB"', "limits.egress")
        self.assertTrue(takes_all(60))

    def test_how_long_sessions_and_results_wait_for_their_client(self):
        node = self.start("")
        for fetches in (False, True):
            with Talker(node.socket) as talker:
                body, payload = wire.submit(talker.register("noop"), 1, 1)
                talker.ask(wire.SUBMIT, body, wire.VERDICTS, payload)
                get = mini.get([(talker.session, 1, 0, 0)], 60_000_000)
                [result] = wire.results(*talker.ask(wire.GET, get, wire.RESULTS)[2:])
                self.assertEqual(result.fate, 1)
                if fetches:
                    talker.send(wire.RELEASE, mini.release(talker.session, 1, 1))
                    talker.expect(wire.PONG, talker.send(wire.PING))

        def sessions() -> int:
            return node.json("status")["sessions"] - 1  # without that which asks

        settle(lambda: sessions() == 2, "both are kept")
        self.reload(node, 'limits.session_ttl = "1s"', "limits.session_ttl")
        settle(lambda: sessions() == 1, "one is kept for its result")
        self.reload(
            node, 'limits.session_ttl = "1s"\nlimits.result_ttl = "1s"', "limits.result_ttl"
        )
        settle(lambda: sessions() == 0, "none is")

    def test_how_long_a_worker_may_ignore_that_it_has_to_stop(self):
        node = self.start('workers.kill_grace = "1min"')
        self.reload(node, 'workers.kill_grace = "10ms"', "workers.kill_grace")
        with Talker(node.socket) as talker:
            body, payload = wire.submit(talker.register("hang"), 1, 1)
            talker.ask(wire.SUBMIT, body, wire.VERDICTS, payload)
            task = mini.table(("QQ", [(talker.session, 1)]))

            def attempts() -> int:
                told = talker.ask(wire.STATUS, task, wire.STATUSES)[2]
                return mini.field(told, 0, "QQQBBHI")[0][6]

            settle(lambda: attempts() == 1, "it runs")
            began = time.monotonic()
            talker.ask(wire.CANCEL, task, wire.CANCELLED)
            get = mini.get([(talker.session, 1, 0, 0)], 60_000_000)
            [result] = wire.results(*talker.ask(wire.GET, get, wire.RESULTS)[2:])
            self.assertEqual(result.fate, 3)
            self.assertLess(time.monotonic() - began, 20, "killed, and long before a minute")

    def test_how_long_a_node_that_stops_waits(self):
        node = self.start('limits.drain = "1h"')
        self.reload(node, 'limits.drain = "10ms"', "limits.drain")
        node.run("submit", "sleep", "--arg", "60000000")
        self.assertEqual(node.stop(within_s=20), 0)

    def test_a_secret_is_replaced_without_a_restart(self):
        tokens = self.file.with_name("tokens")
        port = free_port()
        settings = f'listen.tcp = "127.0.0.1:{port}"\nauth.token_file = "{tokens}"\n'
        old, new = "a-secret-of-more-than-sixteen-bytes", "another-secret-of-more-than-sixteen"

        def write(secret: str) -> None:
            with open(os.open(tokens, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
                out.write(f"ada {secret}\n")

        def log_in(secret: str) -> int:
            return mini.Client(f"tcp://127.0.0.1:{port}", "ada", secret.encode()).register("noop")

        write(old)
        node = self.start(settings)
        log_in(old)
        write("short")
        self.reload(node, settings, "not reloaded")
        log_in(old)
        write(new)
        self.reload(node, f"{settings}limits.park = 7", "limits.park")
        log_in(new)
        with self.assertRaisesRegex(mini.Refused, "wrong token"):
            log_in(old)

    def test_all_or_nothing(self):
        node = self.start("workers.prestart = 1")
        self.reload(
            node,
            'workers.prestart = 3\nlimits.in_flight = 9\nnode.log_level = "debug"',
            "not reloaded",
        )
        node.run("status")
        self.assertNotIn('"debug"', node.log())
        self.reload(node, "no_such_knob = 1", "no_such_knob")


if __name__ == "__main__":
    unittest.main()
