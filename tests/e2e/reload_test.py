"""SIGHUP: what a reload changes is in effect for whoever comes next; what it may not, stays.

The knobs that the node itself reads are in tests/server/node_reload_test.cc; here are those of the
daemon around it.
"""

import os
import pathlib
import signal
import socket
import tempfile
import time
import unittest

from node import Node, settle

HEADER = 24


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

    def test_a_secret_is_replaced_without_a_restart(self):
        tokens = self.file.with_name("tokens")

        def write(secret: str) -> None:
            with open(os.open(tokens, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
                out.write(f"ada {secret}\n")

        write("a-secret-of-more-than-sixteen-bytes")
        node = self.start(f'auth.token_file = "{tokens}"')
        write("short")
        self.reload(node, f'auth.token_file = "{tokens}"', "not reloaded")
        write("another-secret-of-more-than-sixteen")
        self.reload(node, f'auth.token_file = "{tokens}"\nlimits.park = 7', "limits.park")

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
