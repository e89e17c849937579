#!/usr/bin/env python3
"""The command's verbs against a real node: what they print, each exit code, what a signal does.

The programs are those in the folder $SPILLGATE_BIN, by default build/bin.
"""

import base64
import json
import os
import re
import signal
import unittest

from command import LONG, PATIENCE, Case, CommandNode
from node import settle

ID = re.compile(r"[0-9a-f]{16}-[0-9]+")
UNKNOWN = "00c5a1e2b7d94f36-17"


class Verbs(Case):
    @classmethod
    def setUpClass(cls) -> None:
        cls.node = cls.enterClassContext(CommandNode())

    # ---- submit and run

    def test_wait_prints_the_value(self) -> None:
        self.assertEqual(self.run_ok("submit", "echo", "--arg", "hello", "--wait"), b"hello\n")
        total = self.run_ok("run", "sum", "--arg", "1", "--arg", "-5", "--text", "7")
        self.assertEqual(total, b"3\n")

    def test_arguments_come_in_their_order_and_unchanged(self) -> None:
        raw = bytes(range(256))
        path = self.node.dir / "argument"
        path.write_bytes(raw)
        first = self.run_ok("submit", "echo", "--arg", "[1,2]").decode().strip()
        self.assertRegex(first, ID)
        joined = self.run_ok(
            "run", "concat", "--text", "@a", "--future", first, "--arg", f"@{path}", "--arg", "",
            "--arg", "-", "--text", "-", data=b"from stdin\n",
        )
        self.assertEqual(joined, b"@a[1,2]" + raw + b"from stdin\n-" + b"\n")

    def test_a_large_argument_goes_through(self) -> None:
        big = os.urandom(3_000_000)
        path = self.node.dir / "value"
        done = self.node.spillgate("run", "echo", "--arg", "-", "--output", str(path), data=big)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        self.assertTrue(path.read_bytes() == big, "the value came back otherwise")

    def test_count_makes_as_many_tasks(self) -> None:
        ids = self.run_ok("submit", "noop", "--count", "2500").decode().split()
        self.assertEqual(len(set(ids)), 2500)
        self.assertTrue(all(ID.fullmatch(task) for task in ids))
        values = self.run_ok("submit", "echo", "--arg", "x", "-n", "1500", "--wait")
        self.assertEqual(values, b"x\n" * 1500)

    def test_graphs_whose_roots_end_while_they_are_submitted(self) -> None:
        for shape in ("chain", "fan", "tree"):
            line = self.run_ok("bench", "dag", "--shape", shape, "--size", "15", "--seconds", "0.2",
                               "-a", self.node.address, "-o", "json")
            row = json.loads(line)
            self.assertEqual((row["errors"], row["verified"]), (0, True), shape)

    def test_overload_accounts_for_every_root(self) -> None:
        # The work of each root is known, so what is of use at five times the capacity is too. How
        # much of it there is on a busy machine is for the benchmark to say, not for a test.
        done = self.node.spillgate(
            "bench", "overload", "--x", "0.2,5", "--service", "2ms", "--seconds", "0.4",
            "--set", "stage.submission.controller=work_bound", "-o", "json",
            SPILLGATE_ADDRESS="",
        )
        few, many = (json.loads(line) for line in done.stdout.splitlines())
        for row in (few, many):
            ended = row["good"] + row["late"] + row["expired"] + row["silent"]
            self.assertEqual(ended + row["refused"] + row["errors"], row["n"], row)
            self.assertAlmostEqual(row["refused_ratio"], row["refused"] / row["n"], delta=0.001)
            self.assertEqual((row["errors"], row["silent"]), (0, 0), row)
            self.assertEqual(row["controller"], "work_bound")
            self.assertGreater(row["good"], 0, row)
        self.assertGreater(many["refused_ratio"], few["refused_ratio"])
        self.assertGreater(many["n"], 5 * few["n"])

    def test_bursts_come_at_a_time(self) -> None:
        # Of twenty at a time most wait for others, though the load is a fifth of the capacity.
        done = self.node.spillgate(
            "bench", "overload", "--x", "0.2", "--service", "1ms", "--seconds", "2",
            "--burst", "20", "--set", "stage.submission.controller=none", "-o", "json",
            SPILLGATE_ADDRESS="",
        )  # fmt: skip
        row = json.loads(done.stdout)
        self.assertEqual((row["errors"], row["burst"], row["n"] % 20), (0, 20, 0), row)
        self.assertGreater(row["n"], 0, row)
        never = float("inf")  # half of them: their deadline is about that of ten in a row
        median = never if row.get("p50_us") is None else row["p50_us"]
        self.assertGreater(median, 2000, row)

    def test_spike_looks_at_both_ends_of_each(self) -> None:
        done = self.node.spillgate("bench", "spike", "--x", "4", "--spikes", "1",
                                   "--seconds", "0.1", "-o", "json", SPILLGATE_ADDRESS="")
        row = json.loads(done.stdout)
        self.assertEqual((row["errors"], row["spikes"], row["x"]), (0, 2, 4), row)
        for end in ("converge", "recover"):
            self.assertGreaterEqual(row[f"{end}_ms_worst"], row[f"{end}_ms"], row)
            self.assertLessEqual(row[f"{end}_ms_worst"], 3000, row)
        rates = {ms: offered for ms, offered, *_ in row["series"]}
        quiet, loud = (sum(rates[ms] for ms in span) for span in (range(-100, 0, 10),
                                                                  range(0, 100, 10)))  # fmt: skip
        self.assertGreater(loud, 3 * quiet, rates)
        for _, offered, *fates in row["series"]:
            self.assertAlmostEqual(offered, sum(fates), delta=2)

    def test_several_returns(self) -> None:
        words = ("echo", "--arg", "a", "--arg", "b", "--arg", "c", "--returns", "3")
        self.assertEqual(self.run_ok("submit", *words, "--wait"), b"a\nb\nc\n")
        task = self.run_ok("submit", *words).decode().strip()
        self.assertEqual(self.run_ok("get", f"{task}:2"), b"c")
        self.assertEqual(self.run_ok("get", f"{task}:1", task), b"b\na\n")

    def test_classes_shapes_and_hints_are_taken(self) -> None:
        for cls in ("critical", "high", "normal", "sheddable"):
            words = ("--class", cls, "--shape", "cpu=1", "--cost-hint", "1ms", "--deadline", "50s")
            self.assertEqual(self.run_ok("run", "echo", "--arg", cls, *words), cls.encode() + b"\n")
        self.fails(2, "camera", "run", "noop", "--shape", "camera=1")

    def test_a_failed_task_is_1_and_says_why(self) -> None:
        self.assertIn("boom", self.fails(1, "boom", "run", "fail", "--arg", "boom"))
        err = self.fails(1, "boom", "submit", "fail", "--arg", "boom", "--wait", "-n", "10")
        self.assertIn("7 more tasks failed", err)
        self.fails(1, "no_such_function", "submit", "no_such_function")

    def test_a_failed_argument_names_its_cause(self) -> None:
        bad = self.run_ok("submit", "fail", "--arg", "boom").decode().strip()
        done = self.node.spillgate("-o", "json", "run", "echo", "--future", bad)
        self.assertEqual(done.returncode, 1)
        failure = json.loads(done.stdout)["failure"]
        self.assertEqual((failure["kind"], failure["cause"]), ("dependency_failed", bad))

    def test_json_of_submissions(self) -> None:
        plain = self.node.told("submit", "noop", "-n", "2")
        self.assertEqual(plain["schema"], "spillgate.submit/1")
        self.assertEqual([task["verdict"] for task in plain["tasks"]], ["accepted"] * 2)
        waited = self.node.told("submit", "echo", "--arg", "ä", "--wait")
        self.assertEqual(waited["tasks"][0]["values"],
                         [{"size": 2, "encoding": "text", "value": "ä"}])
        one = self.node.told("run", "fail", "--arg", "boom")
        self.assertEqual(one["schema"], "spillgate.run/1")
        self.assertEqual(one["failure"]["reason"], "task_error")

    # ---- time

    def test_no_result_in_time_is_124_and_cancels(self) -> None:
        done = self.node.spillgate(
            "-o", "json", "run", "sleep", "--arg", LONG, "--timeout", "2s"
        )
        self.assertEqual(done.returncode, 124, done.stderr)
        task = json.loads(done.stdout)["id"]
        settle(lambda: self.node.state(task) != "unfinished", "it is cancelled, and let go of")

    def test_detached_tasks_run_on(self) -> None:
        words = ("submit", "sleep", "--arg", LONG, "--wait", "--detach", "--timeout", "2s")
        err = self.fails(124, "it runs on", *words)
        task = ID.search(err)[0]
        self.assertEqual(self.node.state(task), "unfinished")
        self.run_ok("cancel", task)
        settle(lambda: self.node.state(task) == "cancelled", "the task is cancelled")

    def test_submit_ends_when_the_node_has_accepted_at_the_level_asked_for(self) -> None:
        for level in ("none", "async", "sync"):
            words = ("submit", "sleep", "--arg", LONG, "--level", level, "-n", "3")
            tasks = self.run_ok(*words).decode().split()
            self.assertEqual(len(set(tasks)), 3, level)
            self.assertEqual([self.node.state(task) for task in tasks], ["unfinished"] * 3)
            self.run_ok("cancel", *tasks)

    def test_a_deadline_that_passes_is_124(self) -> None:
        self.fails(124, "deadline", "run", "sleep", "--arg", LONG, "--deadline", "200ms")

    def test_the_timeout_may_come_from_the_environment(self) -> None:
        self.fails(124, "", "run", "sleep", "--arg", LONG, SPILLGATE_TIMEOUT="2s")

    # ---- get, wait, cancel, status

    def test_get_writes_the_bytes_and_nothing_else(self) -> None:
        raw = bytes(range(256))
        task = self.node.spillgate("submit", "echo", "--arg", "-", data=raw).stdout.decode().strip()
        self.assertEqual(self.run_ok("get", task), raw)
        self.assertEqual(self.run_ok("get", task), raw, "a second time")
        path = self.node.dir / "got"
        self.assertEqual(self.run_ok("get", task, "--output", str(path)), b"")
        self.assertEqual(path.read_bytes(), raw)
        [value] = self.node.told("get", task)["values"]
        self.assertEqual((value["id"], value["encoding"], value["size"]), (task, "base64", 256))
        self.assertEqual(base64.b64decode(value["value"]), raw)
        self.fails(1, "/nonexistent/x", "get", task, "--output", "/nonexistent/x")

    def test_get_of_what_is_not_there(self) -> None:
        self.fails(1, UNKNOWN, "get", UNKNOWN)
        task = self.run_ok("submit", "echo", "--arg", "x").decode().strip()
        done = self.node.spillgate("-o", "json", "get", UNKNOWN, task)
        self.assertEqual(done.returncode, 1)
        gone, there = json.loads(done.stdout)["values"]
        self.assertEqual((gone["failure"]["kind"], there["value"]), ("gone", "x"))
        self.fails(1, f"{task}:5", "get", f"{task}:5")

    def test_wait_for_some_of_several(self) -> None:
        slow = self.run_ok("submit", "sleep", "--arg", LONG).decode().strip()
        quick = self.run_ok("submit", "noop").decode().strip()
        self.assertEqual(self.run_ok("wait", slow, quick, "-k", "1").decode().split(), [quick])
        ids = f"{quick}\n{quick}\n".encode()
        self.assertEqual(self.run_ok("wait", "-", data=ids).decode().split(), [quick, quick])
        waited = self.node.told("wait", "-k", "1", slow, quick)
        self.assertEqual(waited["schema"], "spillgate.wait/1")
        self.assertEqual((waited["ready"], waited["pending"], waited["timed_out"]),
                         ([quick], [slow], False))
        self.fails(124, "", "wait", slow, "--timeout", "2s")
        self.fails(124, "", "get", slow, "--timeout", "2s")
        self.assertIn(b"1 asked to stop", self.run_ok("cancel", slow))
        self.assertEqual(self.run_ok("wait", slow).decode().split(), [slow])
        self.fails(1, "cancelled", "get", slow)

    def test_cancel_of_what_has_ended_is_1(self) -> None:
        task = self.run_ok("submit", "noop").decode().strip()
        self.run_ok("wait", task)
        done = self.node.spillgate("-o", "json", "cancel", task, UNKNOWN)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stdout), {
            "schema": "spillgate.cancel/1", "asked_to_stop": 0, "already_done": 2})

    def test_status_of_tasks(self) -> None:
        task = self.run_ok("submit", "fail", "--arg", "boom").decode().strip()
        self.run_ok("wait", task)
        table = self.run_ok("status", task).decode().splitlines()
        self.assertRegex(table[0], r"^ID +STATE +REASON +AGE +RUNS$")
        self.assertRegex(table[1], rf"^{task} +failed +task_error ")
        done = self.node.spillgate("-o", "json", "status", task, UNKNOWN)
        self.assertEqual(done.returncode, 1, "one of them is not known")
        known, unknown = json.loads(done.stdout)["statuses"]
        self.assertEqual((known["fate"], unknown["state"]), ("failed", "unknown"))
        self.assertEqual((known["runs"], unknown["runs"]), (1, 0))

    # ---- the node

    def test_status_of_the_node(self) -> None:
        table = self.run_ok("status").decode()
        self.assertRegex(table, r"(?m)^state +ready$")
        figures = self.node.told("status")
        self.assertEqual(figures["schema"], "spillgate.status/1")
        self.assertTrue(figures["ready"])
        self.run_ok("run", "sleep", "--arg", "1")  # on a thread
        figures = self.node.told("status")
        threads, workers = figures["threads"], figures["workers"]
        self.assertGreaterEqual(threads["started"], 1)
        self.assertLessEqual(threads["started"], threads["limit"])
        self.assertGreaterEqual(workers["started"], 1, "one is kept warm")
        self.assertEqual((threads["died"], workers["died"]), (0, 0))

    def test_stages(self) -> None:
        self.run_ok("run", "noop")
        names = ["submission", "resolution", "scheduling", "spillover", "execution", "publication"]
        lines = self.node.spillgate("stages").stdout.decode().splitlines()
        self.assertRegex(lines[0], r"^STAGE +STATE +HELD/CAP .* ADMISSION$")
        self.assertEqual([line.split()[0] for line in lines[1:]], names)
        figures = self.node.told("stages")
        self.assertEqual(figures["schema"], "spillgate.stages/1")
        self.assertEqual([stage["stage"] for stage in figures["stages"]], names)

    def test_watch_goes_on_until_a_signal(self) -> None:
        watch = self.node.begin("-o", "json", "stages", "--watch=20ms")
        try:
            for _ in range(3):
                self.assertIn("stages", json.loads(watch.stdout.readline()))
            watch.send_signal(signal.SIGINT)
            watch.communicate(timeout=PATIENCE)
            self.assertEqual(watch.returncode, 0)
        finally:
            watch.kill()
            watch.communicate()

    def test_version(self) -> None:
        version = self.node.told("version")
        self.assertEqual(version["schema"], "spillgate.version/1")
        self.assertTrue(version["node"]["reachable"])
        self.assertEqual(version["node"]["version"], version["version"])

    # ---- mistakes

    def test_usage_is_2(self) -> None:
        self.fails(2, "spillgate --help")
        self.fails(2, "did you mean 'submit'?", "submti")
        self.fails(2, "is no id", "get", "17")
        self.fails(2, "stdin", "run", "concat", "--arg", "-", "--arg", "-")
        self.fails(2, "No such file", "run", "echo", "--arg", "@/nonexistent/x")

    def test_no_node_is_69(self) -> None:
        nowhere = f"unix://{self.node.dir}/nobody.sock"
        self.fails(69, "nobody.sock", "-a", nowhere, "--timeout", "1s", "status")
        self.fails(69, "127.0.0.1:1", "status", SPILLGATE_ADDRESS="tcp://127.0.0.1:1")

    def test_bad_config_is_78(self) -> None:
        path = self.node.dir / "bad.toml"
        path.write_text("[limits]\nprak = 7\n", encoding="utf-8")
        self.fails(78, f"{path}:2:1: error:", "config", "check", "-c", str(path))
        self.fails(78, "did you mean", "config", "print", "-c", str(path))
        self.fails(78, f"{path}:2:1", "up", "--background", "--private", "-c", str(path))
        foreground = self.node.spillgate("up", "-c", str(path))
        self.assertEqual(foreground.returncode, 78, foreground.stderr)

    # ---- signals

    def test_a_signal_cancels_what_was_submitted(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            before = self.node.told("status")["tasks"]
            run = self.node.begin("submit", "sleep", "--arg", LONG, "--wait", "-n", "3")
            try:
                settle(lambda: self.node.told("status")["tasks"]["accepted"]
                      >= before["accepted"] + 3, "the tasks are accepted")
                run.send_signal(number)
                out, err = run.communicate(timeout=PATIENCE)
            finally:
                run.kill()
                run.communicate()
            self.assertEqual((run.returncode, out), (128 + number, b""), err)
            self.assertIn(b"3 of this command's tasks were asked to stop", err)
            settle(lambda: self.node.told("status")["tasks"]["ended"]["cancelled"]
                  >= before["ended"]["cancelled"] + 3, "the tasks are cancelled")


if __name__ == "__main__":
    unittest.main()
