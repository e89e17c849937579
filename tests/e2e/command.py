"""The command beside a real node, for the tests of the command. Standard library only."""

import json
import os
import subprocess
import unittest

from node import BIN, Node

COMMAND = str(BIN / "spillgate")
PATIENCE = 60.0  # seconds: for what takes milliseconds on a machine with nothing else to do
LONG = "600000000"  # microseconds that a task sleeps whose end nobody waits for


def environment(folder: str, **more: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SPILLGATE_")}
    return {**clean, "XDG_RUNTIME_DIR": folder, "XDG_STATE_HOME": folder, "TMPDIR": folder, **more}


class CommandNode(Node):
    """With the command beside it, which finds it by $SPILLGATE_ADDRESS and speaks in bytes."""

    def __init__(self, *settings: str):
        super().__init__(*settings)
        self.environment = environment(str(self.dir), SPILLGATE_ADDRESS=self.address)

    def spillgate(
        self, *words: str, data: bytes = b"", **variables: str
    ) -> subprocess.CompletedProcess:
        return subprocess.run(
            [COMMAND, *words],
            env={**self.environment, **variables},
            input=data,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )

    def begin(self, *words: str) -> subprocess.Popen:
        return subprocess.Popen(
            [COMMAND, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def told(self, *words: str) -> dict:
        """In JSON, whatever the exit code."""
        return json.loads(self.spillgate("-o", "json", *words).stdout)

    def state(self, task: str) -> str:
        [status] = self.told("status", task)["statuses"]
        return status.get("fate", status["state"])


class Case(unittest.TestCase):
    node: CommandNode

    def run_ok(self, *words: str, data: bytes = b"") -> bytes:
        done = self.node.spillgate(*words, data=data)
        self.assertEqual((done.returncode, done.stderr), (0, b""), words)
        return done.stdout

    def fails(self, code: int, says: str, *words: str, data: bytes = b"", **variables: str) -> str:
        done = self.node.spillgate(*words, data=data, **variables)
        err = done.stderr.decode()
        self.assertEqual(done.returncode, code, (words, err))
        self.assertIn(says, err, words)
        self.assertTrue(all(line.startswith("spillgate: ") for line in err.splitlines()), err)
        return err
