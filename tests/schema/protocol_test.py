#!/usr/bin/env python3
"""docs/protocol.md, the client in plain Python and the golden files: all three say the same."""

import importlib.util
import pathlib
import re
import socket
import struct
import threading
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("client", ROOT / "client/examples/minimal_client.py")
client = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(client)

SESSION = 0x1122334455667788
CHILD = (0x8A00000000000001, 0xB000000000000002)
DOC = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "b16": 16, "b32": 32, "task": 16, "text": 4}


def golden(name: str) -> bytes:
    lines = (ROOT / f"tests/schema/golden/{name}.hex").read_text(encoding="utf-8").splitlines()
    return bytes.fromhex("".join(line.partition(":")[2] for line in lines[1:]))


def parts(frame: bytes):
    """Header fields, body and payload."""
    header = client.HEADER.unpack_from(frame)
    body = frame[24 : 24 + 8 * header[4]]
    return header, body, frame[24 + len(body) :][: header[5]]


def block(name: str) -> list[str]:
    return re.search(rf"^```{name}\n(.*?)^```", DOC, re.M | re.S)[1].splitlines()


def listed(name: str) -> dict[str, tuple[int, list[tuple[str, str, int]]]]:
    """Lines of "name number: field type place, …"."""
    rows = {}
    for line in block(name):
        head, fields = line.split(":")
        row, number = head.split()
        rows[row] = int(number), [
            (field, kind, int(at)) for field, kind, at in map(str.split, fields.split(","))
        ]
    return rows


class Document(unittest.TestCase):
    def test_examples_are_golden(self):
        examples = re.findall(r"^```hex (\w+)\n(.*?)^```", DOC, re.M | re.S)
        self.assertGreaterEqual(len(examples), 5)
        for name, text in examples:
            data = bytes.fromhex("".join(line.partition(":")[2] for line in text.splitlines()))
            self.assertEqual(data.hex(), golden(name).hex(), name)

    def test_layouts_are_those_of_the_frames(self):
        layouts = listed("layouts")
        names = {path.stem for path in (ROOT / "tests/schema/golden").glob("*.hex")}
        for name in names - {"ping", "pong", "stop", "stats_reply"}:
            layout = next((key for key in (name, name.rpartition("_")[0]) if key in layouts), None)
            self.assertIsNotNone(layout, name)
            body = parts(golden(name))[1]
            if layout == "submit":
                body = body[80 if name.endswith("children") else 48 :]
            start, fields = layouts[layout]
            vtable = struct.unpack_from(f"<{2 + len(fields)}H", body, 4)
            self.assertEqual(struct.unpack_from("<I", body)[0], start, name)
            self.assertEqual(vtable[0], 4 + 2 * len(fields), name)
            places = [start + place for place in vtable[2:]]
            self.assertEqual(places, [at for *_, at in fields], name)
            last = fields[-1]
            self.assertEqual(start + vtable[1], last[2] + SIZES.get(last[1], 4), name)

    def test_schemas_list_the_same_fields(self):
        text = "".join((ROOT / f"schema/{name}.fbs").read_text() for name in ("cold", "hot"))
        tables = dict(re.findall(r"^table (\w+) \{(.*?)^\}", text, re.M | re.S))
        shared = {"resumed": "OneTask"}
        layouts = listed("layouts")
        for name, (_, fields) in layouts.items():
            table = shared.get(name, name.title().replace("_", ""))
            have = re.findall(r"(\w+):", tables[table])
            self.assertEqual([field.replace("class", "cls") for field, *_ in fields], have, name)
        used = {shared.get(name, name.title().replace("_", "")) for name in layouts}
        self.assertEqual(used, set(tables))

    def test_structs_have_no_gaps(self):
        for name, (size, fields) in listed("structs").items():
            end = 0
            for field, kind, at in fields:
                self.assertEqual(at, end, f"{name}.{field}")
                end += SIZES[kind]
            self.assertEqual(end, size, name)

    def test_reasons_are_those_of_the_code(self):
        header = (ROOT / "core/model/reason.h").read_text(encoding="utf-8")
        code = {
            int(number): re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
            for name, number in re.findall(r"\bk([A-Z]\w*) = (\d+),", header)
        }
        section = DOC[DOC.index("## 11. Reasons\n") : DOC.index("## 12. Workers\n")]
        told = {int(n): name for n, name in re.findall(r"\| (\d+) \| (\w+) \|", section)}
        self.assertEqual(told, code)

    def test_frame_types_are_those_of_the_code(self):
        header = (ROOT / "schema/frame.h").read_text(encoding="utf-8")
        body = re.search(r"enum class FrameType .*?\{(.*?)\}", header, re.S)[1]
        number, code = 0, {}
        for name, value in re.findall(r"k(\w+)(?: = (\d+))?,", body):
            number = int(value) if value else number + 1
            code[number] = name
        section = DOC[DOC.index("## 2. Frames\n") : DOC.index("## 3. Bodies\n")]
        rows = re.findall(r"^\| (\d+) \| ([A-Z]\w+)(?: ●)? \|", section, re.M)
        self.assertEqual({int(number): name for number, name in rows}, code)


class Encoding(unittest.TestCase):
    def test_frames_are_the_golden_ones(self):
        nonce, resume = bytes(range(0x10, 0x20)), bytes(range(0xA0, 0xB0))
        body, payload = client.submit(5, 17, [b"hello"], flags=1)
        cases = {
            "hello": client.frame(client.HELLO, client.hello(nonce, "", b""), 2),
            "hello_resume": client.frame(
                client.HELLO, client.hello(nonce, "team-a", b"sesame", SESSION, resume), 3
            ),
            "register": client.frame(client.REGISTER, client.register("sum"), 5),
            "submit": client.frame(client.SUBMIT, body, 9, payload, 1_000_000),
            "get": client.frame(
                client.GET, client.get([(SESSION, 17, 0, 0), (*CHILD, 1, 0)], 1_000_000), 15
            ),
        }
        for name, frame in cases.items():
            self.assertEqual(frame.hex(), golden(name).hex(), name)
        self.assertEqual(client.release(SESSION, 17, 3), parts(golden("release"))[1])


class Decoding(unittest.TestCase):
    def test_fields_of_the_golden_frames(self):
        _, welcome, _ = parts(golden("welcome"))
        self.assertEqual(client.field(welcome, 2, "Q"), SESSION)
        self.assertEqual(client.field(welcome, 3, "16s"), bytes(range(0xA0, 0xB0)))
        self.assertEqual(client.field(welcome, 4, client.TEXT), b"node-1")
        self.assertEqual(client.field(welcome, 6, "Q"), 18)
        self.assertEqual(client.field(welcome, 99, "Q"), 0)
        _, results, payload = parts(golden("results"))
        heads = client.field(results, 0, "QQIIIIHBBI")
        self.assertEqual(len(heads), 3)
        values = [payload[head[4] : head[4] + head[5]] for head in heads]
        self.assertEqual(values[0], b"hello")
        self.assertEqual(values[1][16:], b"its argument failed")
        self.assertEqual([head[6] for head in heads], [0, 38, 35])


class Node(threading.Thread):
    """The other end of a conversation: says what it is told to, keeps what it hears."""

    def __init__(self, end: socket.socket, script):
        super().__init__(daemon=True)
        self.end, self.script, self.heard = end, script, []
        self.start()

    def run(self):
        with self.end, self.end.makefile("rb") as stream:
            self.end.sendall(golden("greeting"))
            for answer in self.script:
                head = stream.read(24)
                _, _, kind, _, words, size, correlation, _ = client.HEADER.unpack(head)
                body = stream.read(8 * words)
                stream.read(size + -size % 8)
                self.heard.append((kind, body))
                self.end.sendall(answer(correlation, body))


def again(name: str):
    """A golden frame with the right correlation."""
    frame = bytearray(golden(name))
    return lambda correlation, _: bytes(frame[:12] + struct.pack("<I", correlation) + frame[16:])


def verdict(status: int, reason: int):
    def answer(correlation: int, body: bytes) -> bytes:
        (seq,) = struct.unpack_from("<Q", body, 40)
        row = (seq, 1, correlation, 1000, reason, status, 0, 0, 0, 0, 0)
        return client.frame(client.VERDICTS, client.table(("QIIIHBBBBHI", [row])))

    return answer


def result(value: bytes):
    def answer(correlation: int, body: bytes) -> bytes:
        session, seq, index, _ = client.field(body, 0, "QQII")[0]
        row = (session, seq, index, correlation, 0, len(value), 0, 1, 1, 0)
        return client.frame(client.RESULTS, client.table(("QQIIIIHBBI", [row])), 0, value)

    return answer


class Conversation(unittest.TestCase):
    def talk(self, *script):
        ours, theirs = socket.socketpair()
        node = Node(theirs, (again("welcome"), *script))
        self.addCleanup(ours.close)
        patch = unittest.mock.patch.object
        opened = patch(client.socket, "create_connection", lambda *_, **__: ours)
        with opened, patch(client.socket.socket, "setsockopt"):
            return client.Client("tcp://node:7440", "team-a", b"sesame"), node

    def test_a_task_is_refused_sent_again_and_fetched(self):
        nothing = lambda *_: b""  # noqa: E731
        talking, node = self.talk(
            again("registered"), verdict(1, 1), verdict(0, 0), result(b"42"), nothing
        )
        function = talking.register("sum")
        self.assertEqual(function, 5)
        self.assertEqual(talking.submit(function, [b"1", b"41"]), 19)
        self.assertEqual(talking.get(19), (1, 0, b"42"))
        node.join(10)
        submits = [body for kind, body in node.heard if kind == client.SUBMIT]
        self.assertEqual([body[3] for body in submits], [0, 1])  # retries
        self.assertEqual([struct.unpack_from("<Q", body, 40)[0] for body in submits], [18, 19])
        self.assertEqual(node.heard[-1], (client.RELEASE, client.release(SESSION, 19, 1)))

    def test_refusals_are_told(self):
        talking, _ = self.talk(again("registered_unknown"), verdict(1, 10), again("error"))
        with self.assertRaisesRegex(client.Refused, "no function 'summ'"):
            talking.register("summ")
        with self.assertRaisesRegex(client.Refused, "reason 10"):
            talking.submit(1, [])
        with self.assertRaisesRegex(client.Refused, "2049 ids"):
            talking.get(1)


if __name__ == "__main__":
    unittest.main()
