"""`spillgate bench` on a node of its own, for tests. Its times are the node's where nobody else had
the cores meanwhile, and the programs are as users have them."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from command import COMMAND, PATIENCE, environment

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "slow"))
from cores import Cores, disturbed  # noqa: E402  pylint: disable=wrong-import-position

IDLE = "refused without load"
ATTEMPTS = 3  # of what may have been chance
# CMakePresets.json sets these where the tests of such programs are run.
IS_SANITIZED = "ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ
SANITIZED = "the programs are sanitized" if IS_SANITIZED else ""


def until_next_ms(row: dict) -> float:
    """From the end of a spike to the next one, as docs/benchmarks.md has it: what never recovers is
    told as that long."""
    between = {"spike": 0.5, "storm": 0.8}[row["bench"]] * row["capacity_per_s"]
    return max(1000.0, 300 / between * 1e3, 3 * row["deadline_us"] / 1e3)


class BenchCase(unittest.TestCase):
    def run_once(self, name: str, *words: str) -> tuple[list[dict], str]:
        """The rows, and why times say nothing of the node."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        command = [COMMAND, "bench", name, "--seconds", "0.4", "-o", "json", *words]
        cores = Cores()
        done = subprocess.run(
            command, env=environment(folder), capture_output=True, timeout=2 * PATIENCE, check=False
        )
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertTrue(rows, done.stderr)
        return rows, disturbed(cores.told()) or SANITIZED

    def run_bench(self, name: str, *words: str) -> list[dict]:
        """Each row says whether it is `judged`: verified, and its times are the node's."""
        for _ in range(ATTEMPTS):
            rows, why = self.run_once(name, *words)
            if why or all(row.get("problem") != IDLE for row in rows):
                break
        for row in rows:
            self.assertEqual(row["errors"], 0, row)
            # A machine that is busy with other things makes a run void, and says so. It may also
            # make the node refuse without load, which that does not do time and again of itself.
            problem = row.get("problem", "")
            excused = problem == IDLE and (why != "" or "void" in row)
            self.assertNotEqual(row["verified"], problem.startswith("void") or excused, row)
            row["judged"] = row["verified"] and not why
            if not row["judged"]:
                print(f"not judged, as {why or problem}: {name} {words}", file=sys.stderr)
        return rows
