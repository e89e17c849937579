"""A real node for a test: its own folder, its own socket, ended whatever happens.

Standard library only. Programs are taken from the folder in SPILLGATE_BIN, or from build/bin.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SPILLGATE_BIN", ROOT / "build" / "bin"))


def settle(condition, what: str, within_s: float = 60.0):
    """Waits for something in another process that tells nobody when it happens."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {within_s:g} s: {what}")


class Node:
    """Start it, use it as a context, kill it and start it again: its state outlives the process."""

    def __init__(self, *settings: str, config: str = "", variables: dict[str, str] | None = None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sg-e2e-"))
        self.socket = self.dir / "node.sock"
        self.address = f"unix://{self.socket}"
        self.settings = [
            f"listen.unix={self.socket}",
            f"node.state_dir={self.dir / 'state'}",
            "listen.admin=",
            *settings,
        ]
        self.config = config
        self.variables = variables or {}  # of its environment, besides those of the test
        self.process: subprocess.Popen | None = None
        self.starts = 0

    def __enter__(self) -> "Node":
        try:
            self.start()
        except BaseException:  # then nobody calls __exit__
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self, within_s: float = 60) -> None:
        self.starts += 1
        command = [str(BIN / "spillgated")]
        if self.config:
            command += ["-c", self.config]
        for setting in self.settings:
            command += ["--set", setting]
        log = open(self.log_path(), "ab")  # the child's; closed here below
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, **self.variables},
        )  # fmt: skip
        log.close()
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            if self.process.poll() is not None:
                code = self.process.returncode
                raise AssertionError(f"the node ended with {code}:\n{self.log()}")
            if self.run("status", timeout=within_s).returncode == 0:
                return
            time.sleep(0.01)
        raise AssertionError(f"the node was not ready within {within_s} s:\n{self.log()}")

    def log_path(self) -> pathlib.Path:
        return self.dir / "node.log"

    def log(self) -> str:
        return self.log_path().read_text(errors="replace")

    def kill(self) -> None:
        """kill -9, as a crash or the kernel would."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)

    def stop(self, within_s: float = 60) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def command(self, *words: str) -> list[str]:
        return [str(BIN / "spillgate"), "-a", self.address, *words]

    def run(self, *words: str, timeout: float = 120, **more) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*words), capture_output=True, text=True, timeout=timeout, **more
        )

    def json(self, *words: str, timeout: float = 120) -> dict:
        done = self.run("-o", "json", *words, timeout=timeout)
        if done.returncode != 0:
            raise AssertionError(f"{words}: {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)
