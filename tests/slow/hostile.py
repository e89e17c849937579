"""Frames that no honest client sends, made from a seeded generator.

Each kind of LASTING makes one frame with a given correlation, for a connection that outlives it;
each of FATAL is a header that ends the connection.
"""

import dataclasses
import random
import struct
from collections.abc import Callable
from typing import NamedTuple

import wire
from wire import ROOT, frame, mini

GOLDEN = ROOT / "tests" / "schema" / "golden"
BODY = 65528  # the largest body that is a multiple of 8 and one word below the limit
UNKNOWN = 9999  # a handle that no function has
TABLES = [4, 6, 8, 9, 10, 13, 15, 17, 18, 20, 21, 28]  # what a client sends, but Hello, Drain, Ping
# What only nodes and workers send, and a second Hello.
OTHERS = [1, 2, 3, 5, 7, 11, 12, 14, 16, 19, 22, 24, 26, 27, 29, *range(64, 72)]


class Who(NamedTuple):
    """For whom frames are made."""

    session: int
    noop: int  # its handle


@dataclasses.dataclass(frozen=True)
class Sample:
    kind: int
    body: bytes
    payload: bytes


def samples() -> list[Sample]:
    """The golden frames that a client sends."""
    found = []
    for path in sorted(GOLDEN.glob("*.hex")):
        lines = path.read_text(encoding="utf-8").splitlines()[1:]
        data = bytes.fromhex("".join(line.partition(":")[2] for line in lines))
        _, _, kind, _, words, size, _, _ = wire.HEADER.unpack_from(data)
        body = data[24 : 24 + 8 * words]
        if kind not in TABLES:
            continue
        found.append(Sample(kind, body, data[24 + 8 * words :][:size]))
    assert len(found) >= len(TABLES), f"{GOLDEN} does not have all frames"
    return found


SAMPLES = samples()
# May carry a payload.
LADEN = (wire.SUBMIT, wire.PUT)


def naming(body: bytes, function: int) -> bytes:
    """A Submit's body for another function: what is changed at random must run nothing that takes
    long, or kills."""
    return body[:8] + struct.pack("<I", function) + body[12:] if len(body) >= 12 else body


def payload_for(kind: int, payload: bytes) -> bytes:
    return payload if kind in LADEN else b""


def empty(dice: random.Random, about: int, who: Who) -> bytes:
    return frame(dice.choice(TABLES), b"", about)


def cut(dice: random.Random, about: int, who: Who) -> bytes:
    sample = dice.choice(SAMPLES)
    body = naming(sample.body, who.noop) if sample.kind == wire.SUBMIT else sample.body
    keep = 8 * dice.randrange(0, len(body) // 8)
    return frame(sample.kind, body[:keep], about, sample.payload)


def nasty(dice: random.Random, size: int) -> int:
    """Words that offsets, counts and sizes are confused by."""
    return dice.choice(
        (
            0, dice.randrange(64), max(0, size + dice.randrange(16) - 8), 0x7FFFFFFF,
            0x80000000, 0xFFFFFFFF - dice.randrange(64), dice.randrange(size) & ~3,
            dice.getrandbits(32),
        )
    )  # fmt: skip


def changed(dice: random.Random, about: int, who: Who) -> bytes:
    sample = dice.choice(SAMPLES)
    body, first = bytearray(sample.body), 0
    if sample.kind == wire.SUBMIT:
        body, first = bytearray(naming(sample.body, who.noop)), 48
    for _ in range(dice.randrange(1, 5)):
        at = dice.randrange(first, len(body))
        if dice.random() < 0.5:
            body[at] ^= 1 << dice.randrange(8)
        else:
            struct.pack_into("<I", body, at & ~3, nasty(dice, len(body)))
    return frame(sample.kind, bytes(body), about, sample.payload)


def swapped(dice: random.Random, about: int, who: Who) -> bytes:
    kind = dice.choice(TABLES)
    sample = dice.choice([each for each in SAMPLES if each.kind != kind])
    if kind == wire.SUBMIT:  # its first words would be a function
        return frame(kind, bytes(40) + sample.body, about, payload_for(kind, sample.payload))
    return frame(kind, sample.body, about, payload_for(kind, sample.payload))


def noise(dice: random.Random, about: int, who: Who) -> bytes:
    kind = dice.choice(TABLES)
    body = dice.randbytes(8 * dice.randrange(1, BODY // 8))
    if kind == wire.SUBMIT:
        body = naming(body, dice.choice((UNKNOWN, who.noop)))
    return frame(kind, body, about, payload_for(kind, dice.randbytes(dice.randrange(4096))))


def large(dice: random.Random, about: int, who: Who) -> bytes:
    """As much as fits, of zeros or of words that all point ahead."""
    kind = dice.choice(TABLES)
    words = struct.pack("<I", dice.choice((0, 4, 8, 0x00080008))) * (BODY // 4)
    return frame(kind, words, about, payload_for(kind, bytes(dice.choice((0, 4096, 100_000)))))


def aliased(dice: random.Random, about: int, who: Who) -> bytes:
    """A vtable of thousands of fields which all name one vector of nearly the whole body."""
    kind = dice.choice([each for each in TABLES if each != wire.SUBMIT])
    size = dice.choice((4096, BODY))
    body = bytearray(struct.pack("<H", 8) * (size // 2))
    table = (size // 2) & ~7 | 4
    struct.pack_into("<I", body, 0, table)
    struct.pack_into("<HH", body, 4, table - 8, 8)
    struct.pack_into("<i", body, table, table - 4)
    struct.pack_into("<I", body, table + 4, 4)
    struct.pack_into("<I", body, table + 8, (size - table - 12) // dice.choice((1, 8, 24)))
    return frame(kind, bytes(body), about)


def overlapping(dice: random.Random, about: int, who: Who) -> bytes:
    """A thousand arguments that are all the same bytes of the payload."""
    count = dice.choice((2, 1000))
    value = bytes(1000)
    seq = dice.randrange(1, 1 << 40)
    head = struct.pack("<4B2H2I4Q", 2, 0, 0, 0, 1, 0, who.noop, 0, 0, 0, 0, seq)
    args = [(0, 0, 0, 0, 0, len(value))] * count
    return frame(
        wire.SUBMIT,
        head + mini.table(("IIIHBB", [(0, 0, 0, count, 1, 0)]), ("QQIIII", args)),
        about,
        value,
    )


def out_of_order(dice: random.Random, about: int, who: Who) -> bytes:
    """What others say, or what would have to come at another time."""
    return frame(dice.choice(OTHERS), dice.choice((b"", bytes(64))), about)


def strangers(dice: random.Random, about: int, who: Who) -> bytes:
    """Well-formed, about tasks, roots and functions that there are not."""
    far = dice.randrange(1 << 40, 1 << 50)
    ids = [(who.session, far + i, 0, 0) for i in range(dice.choice((1, 64, 2048)))]
    tasks = [each[:2] for each in ids]
    other = who.session ^ 2
    body = {
        wire.GET: mini.get(ids, dice.choice((0, 1000))),
        wire.WAIT: mini.table(("QQII", ids), ("I", dice.choice((0, 1, 5000))), ("Q", 0)),
        wire.CANCEL: mini.table(("QQ", tasks)),
        wire.STATUS: mini.table(("QQ", tasks)),
        wire.CLOSE_ROOT: mini.table(("Q", far)),
        wire.RELEASE: mini.release(dice.choice((who.session, other)), far, dice.choice((1, 65536))),
        wire.SUBMIT: wire.submit(UNKNOWN, far, 1)[0],
    }
    kind = dice.choice(list(body))
    return frame(kind, body[kind], about)


def too_many(dice: random.Random, about: int, who: Who) -> bytes:
    """More than the limits of the page allow."""
    far = dice.randrange(1 << 40, 1 << 50)
    kind = dice.choice((wire.GET, wire.CANCEL, wire.STATUS, wire.RELEASE, wire.REGISTER))
    body = {
        wire.GET: lambda: mini.get([(who.session, far, 0, 0)] * 2500, 0),
        wire.CANCEL: lambda: mini.table(("QQ", [(who.session, far)] * 3000)),
        wire.STATUS: lambda: mini.table(("QQ", [(who.session, far)] * 3000)),
        wire.RELEASE: lambda: mini.release(who.session, far, 1 << 32),
        wire.REGISTER: lambda: mini.register("n" * 300),
    }
    return frame(kind, body[kind](), about)


@dataclasses.dataclass(frozen=True)
class Kind:
    make: Callable[[random.Random, int, Who], bytes]

    @property
    def name(self) -> str:
        return self.make.__name__


# The connection stays.
LASTING = [
    Kind(empty), Kind(cut), Kind(changed), Kind(swapped), Kind(noise), Kind(large), Kind(aliased),
    Kind(overlapping), Kind(out_of_order), Kind(strangers), Kind(too_many),
]  # fmt: skip


def header(**other) -> bytes:
    values = {
        "magic": 0x6753, "version": 1, "kind": wire.GET, "flags": 0, "words": 1, "size": 0,
    } | other  # fmt: skip
    return wire.HEADER.pack(*values.values(), 7, 0) + bytes(64)


# Headers that are none -> the reason that is told before the connection is closed.
FATAL = {
    "magic": (header(magic=0x5367), "malformed"),
    "noise": (b"\xfe" * 64, "malformed"),
    "version": (header(version=2), "unsupported"),
    "type": (header(kind=200), "unsupported"),
    "no type": (header(kind=0), "unsupported"),
    "flags": (header(flags=1), "malformed"),
    "body": (header(words=8193), "too_large"),
    "largest body": (header(words=65535), "too_large"),
    "payload": (header(kind=wire.PUT, size=(16 << 20) + 1), "too_large"),
    "largest payload": (header(kind=wire.PUT, size=0xFFFFFFFF), "too_large"),
    "payload on a get": (header(kind=wire.GET, size=8), "malformed"),
}


def stream(dice: random.Random, kinds: list[Kind], who: Who, size: int) -> tuple[bytes, int]:
    """Frames of these kinds, `size` bytes or a little more; and how many. Numbered from 1."""
    data, number = bytearray(), 0
    while len(data) < size:
        number += 1
        data += dice.choice(kinds).make(dice, number, who)
    return bytes(data), number
