#!/usr/bin/env python3
"""Tests of tests/tidy: each rule fires where it must and stays silent where it must not."""

import os
import tempfile
import unittest

import cpp
import rules
import tidy
from rules import Source

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def source(path: str, text: str) -> Source:
    return Source(ROOT, path, text)


def lines(rule, path: str, text: str) -> list[int]:
    return [number for number, _ in rule(source(path, text))]


class Cpp(unittest.TestCase):
    def test_strip_keeps_lines_and_hides_comments_and_strings(self):
        text = "int a = 1'000;  // throw\n/* new\nX */ auto s = \"a // b\"; char c = '\"';\n"
        text += 'auto r = R"(} { ")";\n'
        code = cpp.strip(text)
        self.assertEqual(len(code), len(text))
        self.assertEqual(code.count("\n"), text.count("\n"))
        self.assertIn("int a = 1'000;", code)
        for hidden in ("throw", "new", "a // b", "} {"):
            self.assertNotIn(hidden, code)

    def test_includes_keep_their_names(self):
        self.assertIn('"core/base/ids.h"', cpp.strip('#include "core/base/ids.h"\n'))

    def test_functions(self):
        text = """#include <map>
namespace spillgate {
template <class T, class = std::enable_if_t<true>>
class SG_X(capability("mutex")) Box : public std::vector<T> {
 public:
  explicit Box(int a)
      : a_{a}, b_(a), c_{{a, a}} {
    if (a) { Call([&] { return 1; }); }
  }
  int Get() const noexcept { return a_; }

 private:
  std::atomic<int> a_{0};
  const char* text_ = "{";
};
constexpr int kTable[] = {1, 2,
                          3};
template <class T>
auto Make(T x) -> Result<T> {
  return {x};
}
}  // namespace spillgate
TEST(Box, Holds) {
  struct Local { int x; };
}
extern "C" {
int Plain(void) { return 0; }
}
"""
        found = [(function.name, function.first, function.last) for function in cpp.functions(text)]
        self.assertEqual(
            found,
            [("Box", 6, 9), ("Get", 10, 10), ("Make", 18, 21), ("TEST", 23, 25), ("Plain", 27, 27)],
        )


class Rules(unittest.TestCase):
    def test_sizes(self):
        body = "  Step();\n"
        self.assertEqual(
            lines(rules.sizes, "core/base/x.cc", "void F() {\n" + body * 68 + "}\n"), []
        )
        self.assertEqual(
            lines(rules.sizes, "core/base/x.cc", "\nvoid F() {\n" + body * 69 + "}\n"), [2]
        )
        self.assertEqual(lines(rules.sizes, "core/base/x.cc", "int x;\n" * 400), [])
        self.assertEqual(lines(rules.sizes, "core/base/x.cc", "int x;\n" * 401), [401])

    def test_columns(self):
        self.assertEqual(
            lines(rules.columns, "core/base/x.cc", "x" * 100 + "\n" + "x" * 101 + "\n"), [2]
        )
        self.assertEqual(lines(rules.columns, "core/base/x.cc", "é" * 100 + "\n"), [])

    def test_header_opening(self):
        self.assertEqual(
            lines(rules.header_opening, "core/base/x.h", "// What.\n#pragma once\n"), []
        )
        self.assertEqual(lines(rules.header_opening, "core/base/x.h", "#pragma once\n"), [1])
        self.assertEqual(lines(rules.header_opening, "core/base/x.h", "// What.\n"), [1])
        self.assertEqual(lines(rules.header_opening, "core/base/x.cc", "int x;\n"), [])

    def test_include_directions(self):
        ids, log = '#include "core/base/ids.h"\n', '#include "core/base/log.h"\n'
        for path in (
            "core/model/x.h",
            "core/flow/admission/x.h",
            "stages/x.h",
            "server/net/x.h",
            "client/lib/x.h",
            "tests/server/net/x_test.cc",
            "config/x.cc",
            "schema/x.cc",
        ):
            self.assertEqual(lines(rules.includes, path, ids + log), [], path)
        with tempfile.TemporaryDirectory() as root:
            for target in (
                "core/flow/a.h",
                "stages/a.h",
                "server/wire.h",
                "server/net/a.h",
                "client/lib/a.h",
            ):
                os.makedirs(os.path.dirname(os.path.join(root, target)), exist_ok=True)
                open(os.path.join(root, target), "w", encoding="utf-8").close()

            def allowed(path: str, target: str) -> bool:
                return not list(rules.includes(Source(root, path, f'#include "{target}"\n')))

            self.assertTrue(allowed("server/wire.cc", "server/net/a.h"))
            self.assertTrue(allowed("server/net/b.cc", "stages/a.h"))
            self.assertTrue(allowed("tests/e2e/b.cc", "server/wire.h"))
            self.assertTrue(allowed("core/flow/b.cc", "core/flow/a.h"))
            for path, target in (
                ("core/base/b.cc", "core/flow/a.h"),
                ("core/flow/b.cc", "stages/a.h"),
                ("stages/b.cc", "server/net/a.h"),
                ("client/lib/b.cc", "stages/a.h"),
                ("server/admin/b.cc", "server/net/a.h"),
                ("server/net/b.cc", "server/wire.h"),
                ("schema/b.cc", "core/flow/a.h"),
                ("stages/b.cc", "client/lib/a.h"),
            ):
                self.assertFalse(allowed(path, target), (path, target))
        self.assertEqual(lines(rules.includes, "core/model/x.h", '#include "ids.h"\n'), [1])
        self.assertEqual(lines(rules.includes, "unmapped/x.h", ids), [1])

    def test_one_library_one_folder(self):
        cases = (
            ("core/base/x.cc", "fmt/format.h", True),
            ("stages/x.cc", "fmt/format.h", False),
            ("server/net/x.cc", "uv.h", True),
            ("tests/server/net/x.cc", "uv.h", True),
            ("server/x.cc", "uv.h", False),
            ("tests/core/base/x.cc", "gtest/gtest.h", True),
            ("core/base/x.cc", "gtest/gtest.h", False),
            ("core/base/x.cc", "unistd.h", True),
            ("core/base/x.cc", "vector", True),
            ("core/base/x.cc", "sys/mman.h", True),
            ("core/base/x.cc", "boost/asio.hpp", False),
            ("core/base/x.cc", "zlib.h", False),
        )
        for path, name, good in cases:
            self.assertEqual(
                lines(rules.includes, path, f"#include <{name}>\n"),
                [] if good else [1],
                (path, name),
            )
        generated = '#include "schema/frame_generated.h"\n'
        self.assertEqual(lines(rules.includes, "schema/x.cc", generated), [])
        self.assertEqual(lines(rules.includes, "stages/x.cc", generated), [1])

    def test_bans(self):
        bad = (
            ("server/x.cc", "std::mutex m;"),
            ("tests/sim/x.cc", "std::this_thread::sleep_for(1ms);"),
            ("server/x.cc", "auto t = std::chrono::steady_clock::now();"),
            ("server/x.cc", "usleep(3);"),
            ("stages/x.h", "std::atomic<int> n;"),
            ("stages/x.h", "Mutex m;"),
            ("core/model/x.h", "std::thread t;"),
            ("server/x.cc", "throw 1;"),
            ("server/x.cc", "auto* p = new Task;"),
            ("server/x.cc", "delete p;"),
            ("server/x.h", "class TaskManager final {"),
            ("client/lib/x.h", "struct ClientImpl {"),
            ("tests/sim/x.cc", "Open(__FILE__);"),
            ("server/x.cc", "int x = rand();"),
            ("server/x.h", 'class SG_Y(capability("m")) LockHelper {'),
        )
        for path, text in bad:
            self.assertEqual(lines(rules.bans, path, text + "\n"), [1], text)
        good = (
            ("core/base/mutex.h", "std::mutex mutex_;"),
            ("core/flow/x.h", "std::atomic<int> n;"),
            ("core/base/clock.cc", "steady_clock::now()"),
            ("server/x.h", "X(const X&) = delete;"),
            ("server/x.cc", "new (place) Task;"),
            ("server/x.cc", 'Log("throw new");  // throw'),
            ("server/x.h", "class Database {"),
            ("server/x.cc", "functions.sleep(1);"),
            ("server/x.cc", "client->operand(1);"),
        )
        for path, text in good:
            self.assertEqual(lines(rules.bans, path, text + "\n"), [], text)

    def test_excuses_name_the_rule_and_a_reason(self):
        self.assertEqual(
            lines(
                rules.bans,
                "stages/x.h",
                "int a;\nstd::atomic<int> n;  // tidy: atomics, a shared flag\n",
            ),
            [],
        )
        self.assertEqual(
            lines(
                rules.bans,
                "stages/x.h",
                "// tidy: atomics: a shared flag\nint a;\nstd::atomic<int> n;\n",
            ),
            [],
        )
        self.assertEqual(
            lines(rules.bans, "stages/x.h", "int a;\nstd::atomic<int> n;  // tidy: atomics\n"), [2]
        )
        self.assertEqual(
            lines(
                rules.bans, "stages/x.h", "int a;\nstd::atomic<int> n;  // tidy: sleep, because\n"
            ),
            [2],
        )

    def test_a_lint_excuse_needs_a_reason_too(self):
        text = "auto* p = new Task;  // NOLINT"
        self.assertEqual(lines(rules.bans, "server/x.cc", text + "\n"), [1])
        self.assertEqual(lines(rules.bans, "server/x.cc", text + ": libuv frees it\n"), [])

    def test_todos_name_a_decision(self):
        self.assertEqual(lines(rules.todos, "core/base/x.cc", "// TODO later\n"), [1])
        self.assertEqual(lines(rules.todos, "core/base/x.cc", "// TODO(9999): later\n"), [1])
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "ops/decisions"))
            open(os.path.join(root, "ops/decisions/0003-why.md"), "w", encoding="utf-8").close()
            self.assertEqual(
                list(rules.todos(Source(root, "core/x.cc", "// TODO(0003): later\n"))), []
            )

    def test_flat_schemas(self):
        text = """struct Row { id:ulong; }
enum Kind : ubyte { A }
table Inner { x:int; }
table Good { rows:[Row]; kinds:[Kind]; text:[ubyte]; name:string; inner:Inner; }
table Bad1 { names:[string]; }
table Bad2 { inners:[Inner]; }
union Any { Inner }
table Bad3 { raw:[ubyte] (nested_flatbuffer: "Inner"); }
// [string] in a comment
"""
        found = [line for _, line, _ in rules.flat_schemas([source("schema/x.fbs", text)])]
        self.assertEqual(found, [5, 6, 7, 8])


class Tree(unittest.TestCase):
    def test_format_is_checked_and_remembered(self):
        if not tidy.shutil.which(tidy.FORMATTER):
            self.skipTest(f"{tidy.FORMATTER} is not installed")
        with tempfile.TemporaryDirectory() as root:
            with open(os.path.join(root, ".clang-format"), "w", encoding="utf-8") as style:
                style.write("BasedOnStyle: Google\n")
            os.makedirs(os.path.join(root, "core/base"))
            files = {"core/base/bad.cc": "int  x;\n", "core/base/good.cc": "int x;\n"}
            for path, text in files.items():
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            for _ in range(2):
                self.assertEqual(
                    [(path, line) for path, line, _ in tidy.check_tree(root, [])],
                    [("core/base/bad.cc", 1)],
                )


if __name__ == "__main__":
    unittest.main()
