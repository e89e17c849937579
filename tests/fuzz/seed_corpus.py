#!/usr/bin/env python3
"""Writes the seeds of the fuzz corpora from the golden files, after the protocol has changed.

stream: frames as they are, and a few one after the other; message: type, body length, body and
payload, as FuzzMessage takes them.
"""

import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "schema" / "golden"
HEADER = struct.Struct("<HBBHHIIQ")


def frame(path: pathlib.Path) -> bytes:
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    return bytes.fromhex("".join(line.partition(":")[2] for line in lines))


def main() -> None:
    frames = {path.stem: frame(path) for path in sorted(GOLDEN.glob("*.hex"))}
    conversations = {
        "handshake": ("greeting", "hello", "welcome", "register", "registered"),
        "tasks": ("submit", "verdicts", "get", "results", "release"),
        "worker": ("worker_hello", "load", "run", "blocked", "resumed", "done"),
    }
    for folder in ("stream", "message"):
        (HERE / "corpus" / folder).mkdir(parents=True, exist_ok=True)
    for name, data in frames.items():
        (HERE / "corpus/stream" / f"seed-{name}").write_bytes(data)
        _, _, kind, _, words, size, _, _ = HEADER.unpack_from(data)
        body = data[HEADER.size : HEADER.size + 8 * words]
        payload = data[HEADER.size + 8 * words :][:size]
        seed = struct.pack("<BH", kind, len(body)) + body + payload
        (HERE / "corpus/message" / f"seed-{name}").write_bytes(seed)
    for name, parts in conversations.items():
        data = b"".join(frames[part] for part in parts)
        (HERE / "corpus/stream" / f"seed-all-{name}").write_bytes(data)


if __name__ == "__main__":
    main()
