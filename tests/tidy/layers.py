"""The map of the tree: which folder may include which, and which third-party library lives where.

ARCHITECTURE.md tells why. A new folder gets a row here; a new library gets one folder.
"""

_CORE = ("core/base", "core/flow", "core/model", "core/ports", "core/tables", "core/embedded")
_STAGES = (
    "core/base",
    "core/flow",
    "core/model",
    "core/ports",
    "core/tables",
    "schema",
    "config",
    "stages",
)
_ADAPTER = (*_STAGES, "core/embedded")

# Folder -> folders it may include besides itself. Rows are found by the longest prefix; naming a
# folder names those below it, except that `server` in a row means only the files directly in it.
MAY_INCLUDE: dict[str, tuple[str, ...]] = {
    "core/base": (),
    "core/flow": ("core/base",),
    "core/model": ("core/base",),
    "core/tables": ("core/model", "core/base"),
    "core/store": ("core/base",),
    "core/ports": ("core/model", "core/flow", "core/base"),
    "core/embedded": ("core/ports", "core/tables", "core/model", "core/flow", "core/base"),
    "schema": ("core/model", "core/base"),
    "config": ("core/model", "core/base"),
    "stages": _STAGES,
    "server": ("server/*", *_ADAPTER),
    "server/journal": _ADAPTER,
    "server/store": (*_ADAPTER, "core/store"),
    "server/net": _ADAPTER,
    "server/exec": (*_ADAPTER, "client/sdk", "server/functions"),
    "server/functions": ("client/sdk", "core/base"),
    "server/admin": _ADAPTER,
    "client/sdk": (),  # what users' libraries include: nothing of ours
    "client/lib": ("client/sdk", "schema", "core/model", "core/base"),
    "client/replay": ("client/lib", "core/model", "core/base"),
    "client/bench": ("client/lib", "client/replay", "schema", "core/model", "core/base"),
    "client/cli": (
        "client/lib",
        "client/bench",
        "client/replay",
        "config",
        "schema",
        "core/model",
        "core/base",
    ),
    "client/examples": ("client/lib", "client/sdk"),
    "tests": ("core", "schema", "config", "stages", "server/*", "client", "tests"),
}

# How an include names a library -> the folder whose files may do so; tests/<folder> may as well.
LIBRARY_FOLDER: dict[str, str] = {
    r"fmt/": "core/base",
    r"spdlog/": "core/base",
    r"nlohmann/": "core/base",
    r"xxhash\.h": "core/base",
    r"tsl/": "core/base",
    r"concurrentqueue/": "core/flow",
    r"flatbuffers/": "schema",
    r"openssl/": "schema",
    r"toml\+\+/": "config",
    r"uv\.h": "server/net",
    r"prometheus/": "server/admin",
    r"CLI/": "client/cli",
    r"gtest/": "tests",
    r"gmock/": "tests",
    r"benchmark/": "tests",
    r"valgrind/": "tests",
    r"spillgate/": "tests",  # the SDK as users' libraries include it
}

# The system's own headers with ".h" or a folder; those of the C++ library have neither.
SYSTEM_HEADERS = frozenset(
    """cxxabi.h dirent.h dlfcn.h elf.h endian.h errno.h execinfo.h fcntl.h ftw.h getopt.h glob.h
    grp.h immintrin.h limits.h link.h malloc.h math.h netdb.h poll.h pthread.h pwd.h sched.h
    semaphore.h signal.h spawn.h stddef.h stdint.h stdio.h stdlib.h string.h strings.h syscall.h
    sysexits.h syslog.h termios.h time.h ucontext.h unistd.h x86intrin.h""".split()
)
SYSTEM_FOLDERS = (
    "sys/",
    "linux/",
    "netinet/",
    "arpa/",
    "net/",
    "asm/",
    "experimental/",
    "sanitizer/",
)
