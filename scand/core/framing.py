"""The framing of a page: splits one that no JSON parser takes into its events.

A JSON parser gives a page up for one NaN, one lone surrogate, one byte that is no UTF-8, or 200
levels of nesting. Here only the framing is read, which strings and brackets make up: where it is
whole, each event can be judged alone, and the bad one costs itself. It is slower than the parser,
and used only for a page that has come back undecodable and unchanged.
"""

import json
import re
from collections.abc import Sequence

from scand.core.decode import Undecodable
from scand.core.fields import Path

_TOKEN = re.compile(
    rb"""
      (?P<string> " [^"\\]*+ (?: \\. [^"\\]*+ )*+ " )
    | (?P<open>   [\[{] )
    | (?P<close>  [\]}] )
    | (?P<comma>  , )
    | (?P<broken> " )
    | (?P<other>  [^\s"\[\]{},]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSES = {b"]": b"[", b"}": b"{"}
_MEMBERS = re.compile(rb"""(?: \} \s* )* (?: $ | , \s* " )""", re.VERBOSE)
"""What may follow an array that is a member of an object."""


class Broken(Undecodable):
    """A page of events, by its beginning; something in it breaks it."""


def split_tolerantly(body: bytes, array: Path) -> list[bytes]:
    """The bytes of each element of the page's array, which stands at `array` or is all of it.

    Raises Broken, and Undecodable.
    """
    begin, in_object = _find_array(body, array)
    elements: list[bytes] = []
    stack = [b"["]
    start: int | None = None
    for token in _TOKEN.finditer(body, begin):
        kind = token.lastgroup
        if kind == "broken":
            raise Broken("a string does not end")
        if kind == "close":
            if stack.pop() != _CLOSES[token.group()]:
                raise Broken("brackets do not match")
            if not stack:
                _take(elements, body, start, token.start())
                _require_end(body[token.end() :], in_object=in_object)
                return elements
        elif kind == "comma" and len(stack) == 1:
            _take(elements, body, start, token.start())
            start = None
            continue
        start = token.start() if start is None else start
        if kind == "open":
            stack.append(token.group())
    raise Broken("the page does not end")


def last_element(body: bytes, array: Path, end: int) -> int:
    """Where the last element of the page's array begins that does so before `end`.

    The framing must be whole up to there. Raises Undecodable.
    """
    begin, _ = _find_array(body, array)
    depth, start, between = 1, begin, True
    for token in _TOKEN.finditer(body, begin, end):
        if between:
            start, between = token.start(), False
        kind = token.lastgroup
        if kind == "broken":  # a string without end has the rest
            break
        between = kind == "comma" and depth == 1
        depth += (kind == "open") - (kind == "close")
    return start


def _find_array(body: bytes, array: Path) -> tuple[int, bool]:
    """Where the elements begin, and whether their array is a member of an object."""
    keys: list[bytes] = []  # what stands before each bracket that is open
    before = (b"", b"")
    for token in _TOKEN.finditer(body):
        text = token.group()
        key = before[0] if before[1] == b":" else b""
        if text == b"[" and (not keys or _spell([*keys[1:], key], array)):
            return token.end(), bool(keys)
        if token.lastgroup == "broken" or (not keys and text != b"{"):
            break
        if token.lastgroup == "open":
            keys.append(key)
        elif token.lastgroup == "close":
            keys.pop()
        before = before[1], text
    raise Undecodable("not a page of scan events")


def _spell(keys: Sequence[bytes], path: Path) -> bool:
    try:
        return [json.loads(key) for key in keys] == list(path)
    except ValueError:
        return False


def _take(elements: list[bytes], body: bytes, start: int | None, end: int) -> None:
    if start is not None:
        elements.append(body[start:end].rstrip())


def _require_end(rest: bytes, *, in_object: bool) -> None:
    """What follows the array: further members, perhaps, and the end of the page's object."""
    rest = rest.strip()
    whole = rest.endswith(b"}") and _MEMBERS.match(rest) if in_object else not rest
    if not whole:
        raise Broken("the page does not end")
