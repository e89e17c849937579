#!/usr/bin/env python3
"""The command where a node is full, and where it has to start one itself.

The programs are those in the folder $SPILLGATE_BIN, by default build/bin.
"""

import json
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from command import COMMAND, LONG, PATIENCE, Case, CommandNode, environment
from node import settle


class Shedding(Case):
    """A node with room for four tasks, and two threads that run some of them."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.node = cls.enterClassContext(CommandNode("limits.in_flight=4"))

    def setUp(self) -> None:
        """Nothing runs when a test begins."""
        settle(lambda: self.node.told("status")["in_flight"]["count"] == 0, "the node is empty")

    def refused(self) -> int:
        stages = self.node.told("stages")["stages"]
        return next(stage["refused"] for stage in stages if stage["stage"] == "submission")

    def fill(self) -> list[str]:
        """Tasks that take all the room there is; their ids."""
        done = self.node.spillgate("submit", "sleep", "--arg", LONG, "-n", "20")
        self.assertEqual(done.returncode, 75, done.stderr)
        tasks = done.stdout.decode().split()
        self.addCleanup(self.node.spillgate, "cancel", *tasks)
        return tasks

    def test_shed_is_75_and_said_at_once(self) -> None:
        begun = time.monotonic()
        words = ("submit", "sleep", "--arg", LONG, "-n", "5000", "--timeout", "50s")
        done = self.node.spillgate("-o", "json", *words)
        self.assertLess(time.monotonic() - begun, 20, "without waiting for room")
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertIn(b"spillgate: shed: ", done.stderr)
        told = json.loads(done.stdout)
        accepted = [task["id"] for task in told["tasks"] if task["verdict"] == "accepted"]
        rejected = [task for task in told["tasks"] if task["verdict"] == "rejected"]
        self.addCleanup(self.run_ok, "cancel", *accepted)
        self.assertEqual(len(accepted) + len(rejected) + told["not_submitted"], 5000)
        self.assertTrue(1 <= len(accepted) <= 4, accepted)
        for task in rejected:
            self.assertEqual(task["failure"]["kind"], "shed")
            self.assertEqual(task["failure"]["stage"], "submission")
            self.assertIn("retry_after_us", task["failure"])
        held = self.node.told("status")["in_flight"]["count"]
        self.assertEqual(held, len(accepted), "what was rejected is not there")

    def test_a_full_node_refuses_and_answers(self) -> None:
        self.fill()
        self.fails(75, "shed", "run", "noop")
        self.fails(75, "shed", "submit", "noop", "--wait")
        self.fails(75, "shed", "submit", "noop", "--wait", "-n", "300")
        self.assertEqual(self.node.spillgate("status").returncode, 0)

    def test_what_is_running_is_waited_for_when_others_are_shed(self) -> None:
        # Who waits for credit is refused nothing for want of places; but credit tells of no bytes.
        node = self.enterContext(CommandNode("limits.in_flight_bytes=64KiB"))
        text = "x" * 10_000
        words = ("submit", "sleep", "--arg", "300000", "--arg", text, "--wait", "-n", "20")
        done = node.spillgate(*words, "--retries", "0")
        self.assertEqual(done.returncode, 75, done.stderr)
        values = done.stdout.decode().split()
        self.assertTrue(1 <= len(values) <= 6, len(values))
        self.assertEqual(set(values), {text})

    def test_retries_wait_for_room(self) -> None:
        tasks = self.fill()
        before = self.refused()
        run = self.node.begin("run", "echo", "--arg", "x", "--retries", "100")
        try:
            settle(lambda: self.refused() > before, "it was refused")
            self.run_ok("cancel", *tasks)
            out, err = run.communicate(timeout=PATIENCE)
        finally:
            run.kill()
            run.communicate()
        self.assertEqual((run.returncode, out), (0, b"x\n"), err)


class Up(Case):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="sg-up-")
        self.addCleanup(self.folder.cleanup)
        self.environment = environment(self.folder.name)

    def spillgate(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [COMMAND, *words], env=self.environment, capture_output=True, text=True,
            timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL,
        )

    def private_dirs(self) -> list[pathlib.Path]:
        return list(pathlib.Path(self.folder.name).glob("spillgate-*"))

    def end(self, address: str) -> None:
        self.assertEqual(self.spillgate("-a", address, "drain").returncode, 0)
        settle(lambda: self.spillgate("-a", address, "--timeout", "1s", "status").returncode == 69,
              "the node is gone")

    def test_a_private_node_in_the_background(self) -> None:
        up = self.spillgate("-o", "json", "up", "--background", "--private")
        self.assertEqual(up.returncode, 0, up.stderr)
        told = json.loads(up.stdout)
        self.assertEqual(told["schema"], "spillgate.up/1")
        self.assertTrue(pathlib.Path(told["log"]).exists())
        run = self.spillgate("-a", told["address"], "run", "echo", "--arg", "hello")
        self.assertEqual(run.stdout, "hello\n", run.stderr)
        self.end(told["address"])
        settle(lambda: not self.private_dirs(), "its folder is gone")

    def test_the_users_own_node_in_the_background(self) -> None:
        up = self.spillgate("up", "--background", "--set", "listen.admin=")
        self.assertEqual(up.returncode, 0, up.stderr)
        address = up.stdout.strip()
        self.assertEqual(address, f"unix://{self.folder.name}/spillgate/default.sock")
        try:
            found = self.spillgate("run", "noop")
            self.assertEqual(found.returncode, 0, "found without an address")
            again = self.spillgate("up", "--background", "--set", "listen.admin=")
            self.assertEqual(again.returncode, 1)
            self.assertIn("serving", again.stderr)
        finally:
            self.end(address)

    def test_a_private_node_in_the_foreground(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            up = subprocess.Popen(
                [COMMAND, "up", "--private"], env=self.environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            try:
                [folder] = settle(self.private_dirs, "the folder is there")
                address = f"unix://{folder}/node.sock"
                settle(lambda: self.spillgate("-a", address, "--timeout", "1s", "status").returncode
                      == 0, "the node is ready")
                up.send_signal(number)
                self.assertEqual(up.wait(PATIENCE), 0)
                self.assertEqual(self.private_dirs(), [])
            finally:
                up.kill()
                up.wait()

    def test_a_node_that_cannot_start_says_why(self) -> None:
        up = self.spillgate("up", "--background", "--private", "--set",
                            "library.x.path=/nonexistent/x.so")
        self.assertEqual(up.returncode, 1, up.stderr)
        self.assertIn("/nonexistent/x.so", up.stderr)
        self.assertEqual((up.stdout, self.private_dirs()), ("", []))

    def test_the_address_says_where_to_listen(self) -> None:
        address = f"unix://{self.folder.name}/here.sock"
        up = self.spillgate("-a", address, "up", "--background", "--private")
        self.assertEqual((up.returncode, up.stdout.strip()), (0, address), up.stderr)
        self.end(address)


if __name__ == "__main__":
    unittest.main()
