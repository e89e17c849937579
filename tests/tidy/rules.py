"""The rules of tests/tidy. Each takes a Source and yields (line, what is wrong and what to do)."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import cpp
import layers

FILE_LINES, FUNCTION_LINES, COLUMNS = 400, 70, 100

Problem = tuple[int, str]


@dataclass
class Source:
    root: str
    path: str  # from the root, with slashes
    text: str

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def code(self) -> list[str]:
        """Lines without comments and without what strings say."""
        return cpp.strip(self.text).splitlines()

    def under(self, *folders: str) -> bool:
        return any(self.path == folder or self.path.startswith(folder + "/") for folder in folders)


def sizes(source: Source) -> Iterator[Problem]:
    if len(source.lines) > FILE_LINES:
        yield FILE_LINES + 1, (
            f"{len(source.lines)} lines; a file has {FILE_LINES} at most: split it by concept"
        )
    for function in cpp.functions(source.text):
        if function.lines > FUNCTION_LINES:
            yield function.first, (
                f"{function.name} has {function.lines} lines; a function has {FUNCTION_LINES} "
                "at most: "
                "let it branch, and move what it computes into others"
            )


def columns(source: Source) -> Iterator[Problem]:
    for number, line in enumerate(source.lines, 1):
        if len(line) > COLUMNS:
            yield number, f"{len(line)} columns; a line has {COLUMNS} at most: break it"


def header_opening(source: Source) -> Iterator[Problem]:
    if not source.path.endswith(".h"):
        return
    if not source.text.startswith("//"):
        yield 1, (
            "a header opens with a paragraph: what this is, who calls it from which thread, "
            "what it promises"
        )
    if "#pragma once" not in source.text:
        yield 1, "no '#pragma once': add it below the opening paragraph"


_INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def _row(folder: str) -> str | None:
    while folder:
        if folder in layers.MAY_INCLUDE:
            return folder
        folder = folder.rpartition("/")[0]
    return None


def _allowed(target: str, allowed: tuple[str, ...]) -> bool:
    for folder in allowed:
        if folder.endswith("/*"):
            folder = folder[:-2]
        elif folder == "server":
            if os.path.dirname(target) == folder:
                return True
            continue
        if target.startswith(folder + "/"):
            return True
    return False


def _library(name: str, source: Source) -> str | None:
    if "/" not in name and not name.endswith(".h"):
        return None  # the C++ library's
    if name in layers.SYSTEM_HEADERS or name.startswith(layers.SYSTEM_FOLDERS):
        return None
    for pattern, folder in layers.LIBRARY_FOLDER.items():
        if re.match(pattern, name):
            if source.under(folder, "tests/" + folder):
                return None
            return f"<{name}> is named only in {folder}/: use what that offers, or move this there"
    return (
        f"<{name}> has no folder yet: give the library one in tests/tidy/layers.py, or do without"
    )


def includes(source: Source) -> Iterator[Problem]:
    folder = os.path.dirname(source.path)
    row = _row(folder)
    if row is None:
        yield 1, f"{folder}/ is not on the map: add its row to tests/tidy/layers.py"
        return
    for number, line in enumerate(source.code, 1):
        match = _INCLUDE.match(line)
        if not match:
            continue
        own, foreign = match.groups()
        if foreign:
            if problem := _library(foreign, source):
                yield number, problem
        elif own.endswith("_generated.h"):
            if not source.under("schema", "tests/schema"):
                yield number, f'"{own}": only schema/ knows FlatBuffers; use its functions'
        elif source.under("client/sdk") and "/" not in own:
            continue  # users have these headers elsewhere: they name each other as neighbours
        elif not os.path.exists(os.path.join(source.root, own)):
            yield number, f'"{own}" is no file: includes start at the root of the tree'
        elif not own.startswith(row + "/") and not _allowed(own, layers.MAY_INCLUDE[row]):
            yield number, (
                f'{row}/ may not include "{own}": includes point one way (tests/tidy/layers.py); '
                "move the shared part down, or pass an interface in"
            )


@dataclass
class Ban:
    """A pattern that code may hold only in some places; `inside` limits where it is looked for.

    A line is excused by "tidy: KEY" or "NOLINT:" and a reason in its own comment or in that of the
    line above, a whole file by one in its opening paragraph.
    """

    key: str
    pattern: str
    message: str
    inside: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @cached_property
    def regex(self) -> re.Pattern:
        return re.compile(self.pattern)

    def excuses(self, comment: str) -> bool:
        return bool(re.search(rf"//.*\b(?:tidy: {self.key}\b|NOLINT:)\W+\w+", comment))


_STEPPED = ("stages", "core/model")
_OWN = ("core", "schema", "config", "stages", "server")
BANS = (
    Ban(
        "mutex",
        r"\bstd::(?:recursive_|shared_|timed_|recursive_timed_|shared_timed_)?mutex\b|"
        r"\bstd::(?:lock_guard|unique_lock|scoped_lock|shared_lock)\b",
        "use Mutex and MutexLock of core/base/mutex.h, which clang can check",
        excluded=("core/base/mutex.h", "core/flow", "tests/core/flow"),
    ),
    Ban(
        "locks",
        r"#\s*include\s*<(?:mutex|shared_mutex|thread|condition_variable|future|semaphore)>|"
        r'#\s*include\s*"core/base/mutex.h"|\bstd::j?thread\b|\bMutex\b',
        "this folder is single-threaded by contract: no locks, no threads",
        inside=_STEPPED,
    ),
    Ban(
        "atomics",
        r"\bstd::atomic\b",
        "this folder is single-threaded by contract: no atomics",
        inside=_STEPPED,
    ),
    Ban(
        "clock",
        r"\b(?:system|steady|high_resolution)_clock\b|\bclock_gettime\b|\bgettimeofday\b|"
        r"\btime\s*\(\s*(?:nullptr|NULL|0)\s*\)",
        "time comes as an Instant or from a Clock (core/base/clock.h)",
        excluded=("core/base/clock.cc", "tests/bench"),
    ),
    Ban(
        "clock",
        r"\bSteadyClock\b",
        "this folder has no clock: it gets an Instant with its batch",
        inside=_STEPPED,
    ),
    Ban(
        "sleep",
        r"\bsleep_(?:for|until)\b|(?<!->)(?<!\.)\bu?sleep\s*\(|\b(?:clock_)?nanosleep\b",
        "no sleeps: wait for what you mean, with a deadline; in tests move a ManualClock",
        excluded=("core/base/clock.cc",),
    ),
    Ban("throw", r"\bthrow\b", "errors are values here (core/base/result.h)", inside=_OWN),
    Ban(
        "new",
        r"(?<!operator )\bnew\s+[A-Za-z_:]|\bdelete\s+[A-Za-z_*(]|\bdelete\s*\[\s*\]",
        "no new or delete: std::make_unique, a container or a slab owns it",
        inside=(*_OWN, "client"),
    ),
    Ban(
        "name",
        r"\b(?:class|struct|enum(?:\s+class)?|using)\s+(?:SG_\w+\([^)]*\)*\s*|alignas\([^)]*\)\s*)*"
        r"\w*(?:Manager|Helpers?|Utils?|Base|Impl)\b(?!\s*::)",
        "a type says what it is: not Manager, Helper, Util, Base or Impl",
    ),
    Ban(
        "file",
        r"\b__FILE__\b",
        "builds may rewrite it: tests open files relative to the root of the tree",
        excluded=("core/base/check.h",),
    ),
    Ban(
        "random",
        r"\b(?:std::)?s?rand\s*\(|\bstd::random_device\b",
        "randomness comes from a seeded generator that is passed in",
    ),
)


def bans(source: Source) -> Iterator[Problem]:
    opening = next(
        (i for i, line in enumerate(source.lines) if not line.startswith("//")), len(source.lines)
    )
    for ban in BANS:
        if source.under(*ban.excluded) or (ban.inside and not source.under(*ban.inside)):
            continue
        if any(ban.excuses(line) for line in source.lines[:opening]):
            continue
        for number, line in enumerate(source.code, 1):
            if not ban.regex.search(line) or ban.excuses(source.lines[number - 1]):
                continue
            above = source.lines[number - 2].strip() if number > 1 else ""
            if not (above.startswith("//") and ban.excuses(above)):
                yield number, f'{ban.message} (or say why: "// tidy: {ban.key}: …")'


_TODO = re.compile(r"\b(?:TODO|FIXME|XXX)\b(?:\((?:ops/decisions/)?(\d{4}))?")


def todos(source: Source) -> Iterator[Problem]:
    for number, line in enumerate(source.lines, 1):
        match = _TODO.search(line)
        if not match:
            continue
        folder = os.path.join(source.root, "ops/decisions")
        records = os.listdir(folder) if os.path.isdir(folder) else []
        if not match[1]:
            yield number, "a TODO names its decision, as TODO(0007): add it, or do it now"
        elif not any(record.startswith(match[1] + "-") for record in records):
            yield number, f"there is no ops/decisions/{match[1]}-….md"


CPP_RULES: tuple[Callable[[Source], Iterator[Problem]], ...] = (
    sizes,
    columns,
    header_opening,
    includes,
    bans,
    todos,
)

_FBS_SCALARS = frozenset(
    "bool byte ubyte short ushort int uint long ulong float double "
    "int8 uint8 int16 uint16 int32 uint32 int64 uint64 float32 float64".split()
)


def flat_schemas(sources: list[Source]) -> Iterator[tuple[str, int, str]]:
    """No shape in which one frame can make the verifier visit the same bytes again and again."""
    plain = set(_FBS_SCALARS)
    for source in sources:
        plain.update(re.findall(r"^\s*(?:struct|enum)\s+(\w+)", "\n".join(source.code), re.M))
    for source in sources:
        for number, line in enumerate(source.code, 1):
            if "nested_flatbuffer" in line:
                yield source.path, number, "nested_flatbuffer: put the bytes into the payload tail"
            if re.match(r"\s*union\b", line):
                yield source.path, number, "a union: use a struct with a kind, or two frame types"
            for element in re.findall(r":\s*\[\s*([\w.]+)", line):
                if element.rpartition(".")[2] not in plain:
                    yield source.path, number, (
                        f"[{element}] is a vector of offsets, which a frame can alias: use a "
                        "vector of structs, and one [ubyte] for all text"
                    )
