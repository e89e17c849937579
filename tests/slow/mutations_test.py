#!/usr/bin/env python3
"""The list of mutations fits the tree as it is, and the script that plants them tells what is
noticed from what is not."""

import contextlib
import io
import re
import shutil
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import mutations
from mutations import ListError, Mutation

# As little of a tree as the script needs: what is built is a check of rules.txt.
BUILD = """#!/bin/sh
grep -q broken rules.txt && echo "rules.txt: broken" && exit 1
mkdir -p build/release/bin && cp check.sh build/release/bin/check
"""
CHECK = """#!/bin/sh
case "$1 $(cat rules.txt)" in
  *Absent*) echo "[==========] 0 tests from 0 test suites ran." && exit ;;
  *Strict*wrong* | *failing*) exit 1 ;;
  *Strict*crash*) kill -SEGV $$ ;;
  *Strict*hang*) sleep 100 ;;
esac
echo "[==========] 2 tests from 1 test suite ran. (1 ms total)"
"""


def mutation(number: int, new: str, *tests: str) -> Mutation:
    return Mutation(
        number=number,
        name=f"to-{new}",
        breaks="the rules",
        file="rules.txt",
        old="right",
        new=new,
        tests=tests or ("check Strict.*",),
        listed_in="rules.toml",
    )


def suites(folder: Path) -> set[str]:
    text = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.cc"))
    return set(re.findall(r"^TEST(?:_F|_P)?\((\w+),", text, re.MULTILINE))


class ListTest(unittest.TestCase):
    def setUp(self) -> None:
        self.mutations = mutations.load(mutations.LISTS)

    def test_there_are_at_least_twenty(self) -> None:
        self.assertGreaterEqual(len(self.mutations), 20)

    def test_each_fits_the_tree(self) -> None:
        wrong = mutations.misfits(mutations.ROOT, self.mutations)
        self.assertEqual(wrong, [], "plant it again in the new code:\n" + "\n".join(wrong))

    def test_the_tests_that_they_name_are_there(self) -> None:
        tests = mutations.ROOT / "tests"
        lists = (tests / "CMakeLists.txt").read_text(encoding="utf-8")
        folders = dict(re.findall(r"^sg_tests\((\w+) (\S+)", lists, re.MULTILINE))
        for each in self.mutations:
            for test in each.tests:
                program, pattern = test.split()
                self.assertIn(program, folders, str(each))
                known = suites(tests / folders[program])
                for part in pattern.split(":"):
                    suite = part.split(".")[0].split("/")[-1]
                    self.assertTrue(suite == "*" or suite in known, f"{each}: no {suite}")


class LoadTest(unittest.TestCase):
    GOOD = 'name="n"\nbreaks="b"\nfile="f"\nold="o"\nnew="x"\ntests=["program Suite.*"]\n'

    def load(self, *entries: str) -> list[Mutation]:
        with tempfile.TemporaryDirectory() as folder:
            text = "".join("[[mutation]]\n" + entry for entry in entries)
            (Path(folder) / "part.toml").write_text(text, encoding="utf-8")
            return mutations.load(Path(folder))

    def test_what_is_written_is_read(self) -> None:
        (read,) = self.load(self.GOOD)
        self.assertEqual((read.number, read.name, read.listed_in), (1, "n", "part.toml"))
        self.assertEqual(read.programs(), ["program"])

    def test_what_is_wrong_is_named(self) -> None:
        for entries, why in (
            ([self.GOOD.replace('new="x"\n', "")], "it has to have"),
            ([self.GOOD.replace('new="x"', 'new="o"')], "old and new are the same"),
            ([self.GOOD.replace("program Suite", "program")], "tests are a list"),
            ([self.GOOD, self.GOOD], "another one of that name"),
            (["name = "], "part.toml"),
        ):
            with self.assertRaisesRegex(ListError, why):
                self.load(*entries)

    def test_some_are_chosen_by_number_or_name(self) -> None:
        listed = [mutation(1, "wrong"), mutation(2, "crash"), mutation(3, "hang")]
        self.assertEqual(mutations.chosen(listed, []), listed)
        self.assertEqual(mutations.chosen(listed, ["to-hang", "1"]), [listed[0], listed[2]])
        with self.assertRaisesRegex(ListError, "no mutation '4'"):
            mutations.chosen(listed, ["4"])


class RunTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name)
        self.write("rules.txt", "right")
        (self.tree / "ops").mkdir()
        shutil.copy(mutations.ROOT / "ops/contain", self.tree / "ops/contain")
        for name, text in (("ops/build", BUILD), ("check.sh", CHECK)):
            self.write(name, text)
            (self.tree / name).chmod(0o755)
        seconds = mock.patch.object(mutations, "LEAST_SECONDS", 1)
        seconds.start()
        self.addCleanup(seconds.stop)

    def write(self, name: str, text: str) -> None:
        (self.tree / name).write_text(text, encoding="utf-8")

    def run_all(self, *planted: Mutation) -> tuple[list[str], str]:
        with contextlib.redirect_stdout(io.StringIO()) as output:
            bad = mutations.run(self.tree, list(planted))
        self.assertEqual((self.tree / "rules.txt").read_text(encoding="utf-8"), "right")
        self.assertFalse((self.tree / "build").exists(), "the tree itself is never built")
        return bad, output.getvalue()

    def test_a_failure_a_crash_and_a_hang_are_noticed(self) -> None:
        bad, output = self.run_all(mutation(1, "wrong"), mutation(2, "crash"), mutation(3, "hang"))
        self.assertEqual(bad, [])
        for number in (1, 2, 3):
            self.assertRegex(output, rf"(?m)^ +{number}  killed ")

    def test_each_test_that_is_named_has_to_notice(self) -> None:
        bad, output = self.run_all(mutation(1, "wrong", "check Strict.*", "check Lenient.*"))
        self.assertEqual(len(bad), 1)
        self.assertIn("SURVIVED in check Lenient.*", bad[0])
        self.assertRegex(output, r"(?m)^ +1  SURVIVED ")

    def test_what_does_not_compile_shows_nothing(self) -> None:
        bad, _ = self.run_all(mutation(1, "broken"), mutation(2, "wrong"))
        self.assertEqual(len(bad), 1)
        self.assertIn("NO BUILD", bad[0])
        self.assertIn("rules.txt: broken", bad[0])

    def test_what_no_longer_fits_is_said_of_all_before_anything_is_built(self) -> None:
        for text, times in (("other", "0 times"), ("right right", "2 times")):
            self.write("rules.txt", text)
            with self.assertRaisesRegex(ListError, rf"(?s)1 \(.*no longer fits.*{times}.*2 \("):
                mutations.run(self.tree, [mutation(1, "wrong"), mutation(2, "crash")])

    def test_tests_that_fail_anyway_or_are_not_there_show_nothing(self) -> None:
        with self.assertRaisesRegex(ListError, "names no test"):
            self.run_all(mutation(1, "wrong", "check Absent.*"))
        self.write("check.sh", CHECK.replace("*failing*", "*"))
        with self.assertRaisesRegex(ListError, "fails without any fault"):
            self.run_all(mutation(1, "wrong"))


if __name__ == "__main__":
    unittest.main()
