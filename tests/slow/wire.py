"""Spillgate's wire for the slow tests: a raw connection, and every answer checked as it comes.

Builds on the plain client in client/examples, which docs/protocol.md alone is enough for. What a
node may say is written down here once more: an answer that is not of these fails the test.
"""

import collections
import pathlib
import socket
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "client" / "examples")]
import minimal_client as mini  # noqa: E402  pylint: disable=wrong-import-position

GREETING, HELLO, WELCOME, REGISTER, REGISTERED, SHAPE, SHAPED = 1, 2, 3, 4, 5, 6, 7
OPEN_ROOT, CLOSE_ROOT, SUBMIT, VERDICTS, CREDITS, GET, RESULTS = 8, 9, 10, 11, 12, 13, 14
WAIT, WAIT_DONE, PUT, CANCEL, CANCELLED, RELEASE, STATS = 15, 16, 17, 18, 19, 20, 21
STATS_REPLY, DRAIN, DRAINED, PING, PONG, ERROR, STATUS, STATUSES = 22, 23, 24, 25, 26, 27, 28, 29
FROM_NODE = {
    GREETING, WELCOME, REGISTERED, SHAPED, VERDICTS, CREDITS, RESULTS, WAIT_DONE, CANCELLED,
    STATS_REPLY, PONG, ERROR, STATUSES,
}  # fmt: skip
WORKERS = range(64, 72)

REASONS = {
    1: "in_flight", 2: "in_flight_bytes", 3: "stage_full", 4: "quota", 5: "unfetched",
    6: "expired", 7: "draining", 8: "journal", 9: "infeasible", 10: "unknown_function",
    11: "unknown_shape", 12: "unknown_root", 13: "malformed", 14: "too_large",
    15: "id_conflict", 16: "nesting_depth", 17: "function_broken", 18: "settled",
    19: "session_ended", 20: "backlog", 21: "client_quota", 22: "rate", 23: "too_durable",
    32: "task_error", 33: "worker_died", 34: "poison", 35: "timeout", 36: "deadline",
    37: "cancelled", 38: "dependency_failed", 39: "nested_limit", 40: "own_ancestor",
    41: "quota_exceeded", 42: "out_of_store", 43: "not_found", 44: "released", 45: "lost",
    46: "drained", 47: "park_timeout", 48: "no_worker", 64: "bad_request", 65: "unsupported",
    66: "unauthenticated", 67: "too_many_connections", 68: "too_many_waiters",
}  # fmt: skip
PASSING = (1, 2, 3, 4, 5, 7, 8, 20, 21, 22)  # reasons that come with retry_after
HEADER = mini.HEADER
SECONDS = 60.0  # no wait in these tests lasts longer without being told to

Verdict = collections.namedtuple(
    "Verdict", "first count correlation retry_us reason status level stage load zero zero_too"
)
Result = collections.namedtuple(
    "Result", "session seq index correlation offset size reason fate returns zero"
)
Error = collections.namedtuple("Error", "reason message correlation")


class Broken(AssertionError):
    """The node has said something that it may not say."""


def frame(kind: int, body: bytes = b"", correlation: int = 0, payload: bytes = b"") -> bytes:
    return mini.frame(kind, body, correlation, payload)


def verdicts(body: bytes) -> list[Verdict]:
    found = [Verdict(*each) for each in mini.field(body, 0, "QIIIHBBBBHI")]
    for each in found:
        refused = each.status == 1
        silent = each.status in (0, 4)  # accepted has no reason; all others may have
        odd = each.reason == 0 if refused else silent and each.reason != 0
        if each.status > 4 or each.count == 0 or odd:
            raise Broken(f"a verdict that is none: {each}")
        if refused and (each.reason not in REASONS or each.reason >= 32):
            raise Broken(f"a refusal without a reason that refuses: {each}")
        if refused and (each.reason in PASSING) != (each.retry_us > 0):
            raise Broken(f"retry_after and reason do not fit: {each}")
    return found


def results(body: bytes, payload: bytes) -> list[Result]:
    found = [Result(*each) for each in mini.field(body, 0, "QQIIIIHBBI")]
    for each in found:
        if each.fate > 5 or each.offset + each.size > len(payload):
            raise Broken(f"a result that is none: {each}")
        if (each.fate == 1) != (each.reason == 0) or (each.reason and each.reason not in REASONS):
            raise Broken(f"fate and reason do not fit: {each}")
    return found


def error(body: bytes, correlation: int) -> Error:
    told = Error(
        mini.field(body, 0, "H"), mini.field(body, 1, mini.TEXT).decode(), correlation
    )
    if told.reason not in REASONS or not told.message:
        raise Broken(f"an error that says nothing: {told}")
    return told


class Frames:
    """Cuts what comes from a node into frames: feed() bytes, take frames()."""

    def __init__(self):
        self.rest = bytearray()

    def feed(self, data: bytes) -> None:
        self.rest += data

    def frames(self):
        at = 0
        view = memoryview(self.rest)
        try:
            while len(view) - at >= HEADER.size:
                magic, version, kind, flags, words, size, about, _ = HEADER.unpack_from(view, at)
                if magic != 0x6753 or version != 1 or flags or kind not in FROM_NODE:
                    raise Broken(f"not a frame of a node: {bytes(view[at : at + 24]).hex()}")
                end = at + HEADER.size + 8 * words + size + -size % 8
                if end > len(view):
                    break
                start = at + HEADER.size
                body = bytes(view[start : start + 8 * words])
                payload = bytes(view[start + 8 * words : start + 8 * words + size])
                at = end
                yield kind, about, body, payload
        finally:
            view.release()
            del self.rest[:at]


class Talker:
    """A connection that may say anything. Not thread-safe, but one may send and one may read."""

    def __init__(self, path, shake: bool = True, timeout: float = SECONDS, name: str = ""):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.incoming = Frames()
        self.queue = collections.deque()
        self.correlation = 0
        self.session = 0
        self.token = bytes(16)
        self.name = name
        try:
            self.socket.connect(str(path))
            if shake:
                self.shake()
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> "Talker":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def shake(self, session: int = 0, token: bytes = bytes(16)) -> bool:
        """A new session, or one to resume; whether it was resumed."""
        nonce = mini.field(self.expect(GREETING)[2], 3, "16s")
        self.send(HELLO, mini.hello(nonce, self.name, b"", session, token))
        welcome = self.expect(WELCOME)[2]
        self.session = mini.field(welcome, 2, "Q")
        self.token = mini.field(welcome, 3, "16s")
        return bool(mini.field(welcome, 1, "B"))

    def send(self, kind: int, body: bytes = b"", payload: bytes = b"") -> int:
        self.correlation += 1
        self.socket.sendall(frame(kind, body, self.correlation, payload))
        return self.correlation

    def next(self):
        """(kind, correlation, body, payload); None when the node has closed the connection."""
        while not self.queue:
            try:
                data = self.socket.recv(1 << 20)
            except ConnectionError:
                return None
            if not data:
                return None
            self.incoming.feed(data)
            self.queue.extend(self.incoming.frames())
        return self.queue.popleft()

    def expect(self, kind: int, correlation: int | None = None):
        """The next frame of this type; an Error about it, or the end, fails."""
        while (got := self.next()) is not None:
            if got[0] == ERROR and got[1] in (0, correlation or 0):
                raise Refused(error(got[2], got[1]))
            if got[0] == kind and (correlation is None or got[1] in (0, correlation)):
                return got
        raise ConnectionError("the node closed the connection")

    def ask(self, kind: int, body: bytes, answer: int, payload: bytes = b""):
        return self.expect(answer, self.send(kind, body, payload))

    def register(self, name: str) -> int:
        return mini.field(self.ask(REGISTER, mini.register(name), REGISTERED)[2], 0, "I")

    def put(self, seq: int, value: bytes) -> Verdict:
        body = mini.table(("Q", seq), ("B", 0), ("H", 0))
        return verdicts(self.ask(PUT, body, VERDICTS, value)[2])[0]

    def until_closed(self) -> list[Error]:
        """All errors up to the end of the connection, which has to come."""
        told = []
        while (got := self.next()) is not None:
            if got[0] == ERROR:
                told.append(error(got[2], got[1]))
        return told


class Refused(Exception):
    def __init__(self, told: Error):
        super().__init__(f"{REASONS[told.reason]}: {told.message}")
        self.told = told


def submit(function: int, first: int, count: int, argument: bytes = b"", **fixed) -> bytes:
    """A body and payload of `count` root tasks with one argument each, or none, as one frame.

    fixed: level, attempt, flags, remaining_us.
    """
    head = struct.pack(
        "<4B2H2I4Q", 2, fixed.get("level", 0), fixed.get("attempt", 0), 0, count,
        fixed.get("flags", 0), function, 0, fixed.get("remaining_us", 0), 0, 0, first,
    )  # fmt: skip
    size = len(argument)
    heads = [(0, 0, i if size else 0, 1 if size else 0, 1, 0) for i in range(count)]
    args = [(0, 0, 0, 0, i * size, size) for i in range(count)] if size else []
    return head + mini.table(("IIIHBB", heads), ("QQIIII", args)), argument * count


class Process:
    """What the kernel says of a process."""

    TICK = 1e6 / 100  # USER_HZ

    def __init__(self, pid: int):
        self.proc = pathlib.Path("/proc") / str(pid)

    def resident(self) -> int:
        return int((self.proc / "statm").read_text().split()[1]) * 4096

    def cpu_us(self) -> float:
        """Time on a CPU of all its threads, to the nanosecond: ticks are too coarse."""
        tasks = (self.proc / "task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e3

    def files(self) -> int:
        return len(list((self.proc / "fd").iterdir()))
