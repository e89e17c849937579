#!/usr/bin/env python3
"""A Spillgate client in plain Python, from docs/protocol.md alone. Runs a task, prints its result.

    minimal_client.py [-a ADDRESS] [-t TOKEN_FILE] FUNCTION [ARGUMENT ...]

ADDRESS is unix:///path or tcp://host:port; TOKEN_FILE holds "NAME TOKEN". Exits with 0, or 1 (the
task failed), 69 (no node there), 75 (the node refused).
"""

import argparse
import hashlib
import hmac
import itertools
import os
import random
import socket
import struct
import sys
import time

# Magic, version, type, flags, body in words, payload in bytes, correlation, clock.
HEADER = struct.Struct("<HBBHHIIQ")
GREETING, HELLO, WELCOME, REGISTER, REGISTERED = 1, 2, 3, 4, 5
SUBMIT, VERDICTS, GET, RESULTS, RELEASE, ERROR = 10, 11, 13, 14, 20, 27
TEXT = "text"
PASSING = (1, 2, 3, 4, 5, 7, 8, 20)  # reasons for which it makes sense to try again


def pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def is_apart(kind: str) -> bool:
    """Texts and vectors of structs stand behind their table."""
    return kind == TEXT or len(kind.strip("0123456789")) > 1


def table(*fields) -> bytes:
    """A FlatBuffers table of (format, value): "Q", "16s", TEXT, or "QQ" for a vector of pairs."""
    start = 8 + 2 * len(fields)
    start += (4 - start) % 8
    inline, places, late = bytearray(struct.pack("<i", start - 4)), [], []
    for kind, value in fields:
        apart = is_apart(kind)
        size = 4 if apart else struct.calcsize("<" + kind)
        inline += bytes(-(len(inline) + 4) % (1 if kind.endswith("s") else size))
        places.append(len(inline))
        if apart:
            late.append((len(inline), kind, value))
        inline += bytes(4) if apart else struct.pack("<" + kind, value)
    vtable = struct.pack(f"<HH{len(places)}H", 4 + 2 * len(fields), len(inline), *places)
    body = bytearray(struct.pack("<I", start) + vtable)
    body += bytes(start - len(body)) + inline
    for place, kind, value in late:
        body += bytes(-(len(body) + 4) % 8 if "Q" in kind else -len(body) % 4)
        struct.pack_into("<I", body, start + place, len(body) - start - place)
        body += struct.pack("<I", len(value))
        if kind == TEXT:
            body += value + b"\0"
        else:
            body += b"".join(struct.pack("<" + kind, *item) for item in value)
    return pad(bytes(body))


def field(body: bytes, number: int, kind: str):
    """Field `number` of a table; texts as bytes, vectors of structs as a list of tuples."""
    (start,) = struct.unpack_from("<I", body, 0)
    vtable = start - struct.unpack_from("<i", body, start)[0]
    (size,) = struct.unpack_from("<H", body, vtable)
    inside = 4 + 2 * number < size
    place = struct.unpack_from("<H", body, vtable + 4 + 2 * number)[0] if inside else 0
    if place == 0:
        return b"" if kind == TEXT or kind.endswith("s") else [] if is_apart(kind) else 0
    if not is_apart(kind):
        return struct.unpack_from("<" + kind, body, start + place)[0]
    at = start + place + struct.unpack_from("<I", body, start + place)[0]
    (count,) = struct.unpack_from("<I", body, at)
    if kind == TEXT:
        return body[at + 4 : at + 4 + count]
    size = struct.calcsize("<" + kind)
    return list(struct.iter_unpack("<" + kind, body[at + 4 : at + 4 + count * size]))


def frame(kind: int, body: bytes, correlation=0, payload=b"", clock=0) -> bytes:
    head = HEADER.pack(0x6753, 1, kind, 0, len(body) // 8, len(payload), correlation, clock)
    return head + body + pad(payload)


def hello(nonce: bytes, name: str, token: bytes, session=0, resume=bytes(16)) -> bytes:
    signed = nonce + struct.pack("<Q", session) + name.encode()
    mac = hmac.new(token, signed, hashlib.sha256).digest() if token else bytes(32)
    who = (("Q", session), ("16s", resume), (TEXT, name.encode()), ("32s", mac))
    return table(("B", 1), ("B", 1), ("B", 0), *who, (TEXT, b"minimal.py"))


def register(name: str) -> bytes:
    return table((TEXT, name.encode()))


def get(objects: list, timeout_us: int) -> bytes:
    return table(("QQII", objects), ("Q", timeout_us))


def release(session: int, seq: int, count: int) -> bytes:
    return table(("QQQ", [(session, seq, count)]))


def submit(function: int, seq: int, arguments: list, flags=0, retry=0):
    """Body and payload of a Submit with one task of class normal, at level none."""
    fixed = struct.pack("<4B2H2I4Q", 2, 0, 0, retry, 1, flags, function, 0, 0, 0, 0, seq)
    ends = list(itertools.accumulate(map(len, arguments)))
    args = [(0, 0, 0, 0, end - len(data), len(data)) for data, end in zip(arguments, ends)]
    head = (0, 0, 0, len(args), 1, 0)
    return fixed + table(("IIIHBB", [head]), ("QQIIII", args)), b"".join(arguments)


class Refused(Exception):
    pass


class Client:
    def __init__(self, address: str, name: str = "", token: bytes = b""):
        scheme, _, place = address.partition("://")
        if scheme == "unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(60)
            self.socket.connect(place)
        else:
            host, _, port = place.rpartition(":")
            self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=60)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlations = itertools.count(1)
        _, greeting, _ = self.receive(GREETING, 0)
        nonce = field(greeting, 3, "16s")
        welcome, _ = self.ask(HELLO, hello(nonce, name, token), WELCOME)
        self.session = field(welcome, 2, "Q")
        self.numbers = itertools.count(max(1, field(welcome, 6, "Q")))

    def send(self, kind: int, body: bytes, payload: bytes = b"") -> int:
        correlation = next(self.correlations)
        clock = time.monotonic_ns() // 1000
        self.socket.sendall(frame(kind, body, correlation, payload, clock))
        return correlation

    def exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            if not (more := self.socket.recv(size - len(data))):
                raise ConnectionError("the node closed the connection")
            data += more
        return bytes(data)

    def receive(self, kind: int, correlation: int):
        """The next frame of this type; others do not matter to this client, but for errors."""
        while True:
            _, _, got, _, words, size, about, _ = HEADER.unpack(self.exactly(HEADER.size))
            body = self.exactly(8 * words)
            payload = self.exactly(size + -size % 8)[:size]
            if got == ERROR and about in (0, correlation):
                raise Refused(field(body, 1, TEXT).decode())
            if got == kind:
                return about, body, payload

    def ask(self, kind: int, body: bytes, answer: int, payload: bytes = b""):
        correlation = self.send(kind, body, payload)
        while True:
            about, reply, rest = self.receive(answer, correlation)
            if about in (0, correlation):  # Verdicts and Results say inside whom they answer
                return reply, rest

    def register(self, name: str) -> int:
        reply, _ = self.ask(REGISTER, register(name), REGISTERED)
        if field(reply, 2, "H"):
            raise Refused(field(reply, 3, TEXT).decode())
        return field(reply, 0, "I")

    def submit(self, function: int, arguments: list, patience: float = 10) -> int:
        """The number of the accepted task; tries again while it makes sense."""
        deadline = time.monotonic() + patience
        for retry in range(256):
            seq = next(self.numbers)
            body, payload = submit(function, seq, arguments, retry=retry)
            reply, _ = self.ask(SUBMIT, body, VERDICTS, payload)
            _, _, _, pause_us, reason, status, *_ = field(reply, 0, "QIIIHBBBBHI")[0]
            if status in (0, 4):
                return seq
            pause = max(pause_us / 1e6, 0.001) * random.uniform(1, 2)
            if reason not in PASSING or time.monotonic() + pause > deadline:
                break
            time.sleep(pause)
        raise Refused(f"the node refused the task: reason {reason}")

    def get(self, seq: int, timeout: float = 30):
        """(fate, reason, bytes) of a task's first value."""
        request = get([(self.session, seq, 0, 0)], int(timeout * 1e6))
        reply, payload = self.ask(GET, request, RESULTS)
        _, _, _, _, at, size, reason, fate, _, _ = field(reply, 0, "QQIIIIHBBI")[0]
        self.send(RELEASE, release(self.session, seq, 1))
        return fate, reason, payload[at : at + size]


def main() -> int:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "/tmp")
    default = os.environ.get("SPILLGATE_ADDRESS", f"unix://{runtime}/spillgate/default.sock")
    parser = argparse.ArgumentParser(description="runs one task on a Spillgate node")
    parser.add_argument("-a", "--address", default=default)
    parser.add_argument("-t", "--token-file")
    parser.add_argument("function")
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    name, token = "", ""
    if options.token_file:
        with open(options.token_file, encoding="utf-8") as file:
            name, token = file.readline().split()
    try:
        client = Client(options.address, name, token.encode())
        function = client.register(options.function)
        seq = client.submit(function, [argument.encode() for argument in options.arguments])
        fate, reason, value = client.get(seq)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 75
    except OSError as error:
        print(f"{options.address}: {error}", file=sys.stderr)
        return 69
    if fate != 1:
        why = value[16:].decode(errors="replace")
        print(f"fate {fate}, reason {reason}: {why}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(value + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
