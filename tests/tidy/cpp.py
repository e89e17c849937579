"""Just enough of C++ for tests/tidy: text without comments and strings, and where functions are."""

import bisect
import re
from dataclasses import dataclass

_TOKENS = re.compile(
    r"""(?P<comment>//(?:[^\n\\]|\\.)*|/\*.*?\*/)
      |(?P<include>^[ \t]*\#[ \t]*include[^\n]*)
      |(?P<raw>R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")
      |(?P<string>"(?:[^"\\\n]|\\.)*")
      |(?P<char>(?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+')""",
    re.X | re.S | re.M,
)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.)*", re.M | re.S)
_TEMPLATE = re.compile(r"\btemplate\s*<")
_TYPE_SCOPE = re.compile(
    r"^(?:\[\[[^\]]*\]\]|inline|typedef|export|\s)*"
    r"(?:namespace|class|struct|union|enum|extern\s*\"\s*\")(?!\w)"
)
_INITIALIZERS = re.compile(r"\)\s*(?:noexcept(?:\s*\([^()]*\))?)?\s*:(?!:)")


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def strip(text: str, strings: bool = True) -> str:
    """The text with comments, and the insides of strings if asked, blanked: offsets stay."""

    def replace(match: re.Match) -> str:
        found = match.group()
        if match.lastgroup == "include":
            return found
        if match.lastgroup == "comment":
            return _blank(found)
        return found[0] + _blank(found[1:-1]) + found[-1] if strings else found

    return _TOKENS.sub(replace, text)


class Lines:
    """Line numbers from offsets."""

    def __init__(self, text: str):
        self._ends = [match.start() for match in re.finditer("\n", text)]

    def at(self, offset: int) -> int:
        return bisect.bisect_left(self._ends, offset) + 1


@dataclass
class Function:
    first: int
    last: int
    name: str

    @property
    def lines(self) -> int:
        return self.last - self.first + 1


def _without_template(head: str) -> str:
    while match := _TEMPLATE.search(head):
        depth, end = 1, match.end()
        while depth and end < len(head):
            depth += {"<": 1, ">": -1}.get(head[end], 0)
            end += 1
        head = head[: match.start()] + head[end:]
    return head


def _kind(head: str) -> str:
    """What a brace opens, outside of functions: "scope", "function", or "value"."""
    head = _without_template(head).strip()
    if _TYPE_SCOPE.match(head):
        return "scope"
    if ")" not in head or head.endswith(("=", "(", ",", "return")):
        return "value"
    if _INITIALIZERS.search(head) and re.search(r"[\w>]$", head):
        return "member"  # of a constructor's initializer list: the head goes on after it
    return "function"


def _name(head: str) -> str:
    """What stands before the parameters."""
    return (re.sub(r"\(.*", "", _without_template(head), flags=re.S).split() or ["?"])[-1]


def functions(text: str) -> list[Function]:
    """Functions with a body, lambdas and nested blocks counting to the one they are in."""
    code = _DIRECTIVE.sub(lambda match: _blank(match.group()), strip(text))
    lines = Lines(code)
    found: list[Function] = []
    stack: list[tuple[str, int, str]] = []  # (kind, start of the head, head)
    start = 0  # of the current head
    inside = 0  # braces open since a function or value began
    for match in re.finditer(r"[{};]|(?:public|private|protected)\s*:(?!:)", code):
        token = match.group()
        if token == "{":
            head = code[start : match.start()]
            kind = "nested" if inside else _kind(head)
            stack.append((kind, start, head))
            if kind != "scope":
                inside += 1
            else:
                start = match.end()
        elif token == "}":
            kind, begun, head = stack.pop() if stack else ("scope", start, "")
            if kind != "scope":
                inside -= 1
            if kind == "member":
                # So that the next brace sees a head that ends like a member in parentheses.
                code = code[: match.start()] + ")" + code[match.end() :]
            elif kind == "function":
                first = begun + len(head) - len(head.lstrip())
                found.append(Function(lines.at(first), lines.at(match.start()), _name(head)))
            if kind in ("scope", "function"):
                start = match.end()
        elif not inside:
            start = match.end()
    return found
