"""The tolerant reader: splits a page that no JSON parser takes into its events.

A JSON parser gives a page up for one NaN, one lone surrogate, one byte that is no UTF-8, or 200
levels of nesting. Here only the framing is read, which strings and brackets make up: where it is
whole, each event can be judged alone, and the bad one costs itself. It is slower than the parser,
and used only for a page that has come back undecodable and unchanged.
"""

import json
import re

from scand.core.decode import Decoded, Undecodable, decode_event
from scand.core.event import MAX_ID, Reason, Rejected, ScanEvent

_TOKEN = re.compile(
    rb"""
      (?P<string> "(?: [^"\\] | \\. )*" )
    | (?P<open>   [\[{] )
    | (?P<close>  [\]}] )
    | (?P<comma>  , )
    | (?P<broken> " )
    | (?P<other>  [^\s"\[\]{},]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSES = {b"]": b"[", b"}": b"{"}


class Broken(Undecodable):
    """A page of events, by its beginning; something in it breaks it."""


def salvage(body: bytes) -> tuple[Decoded, bytes]:
    """Read a page event by event; also a clean page of the events that could be read.

    Raises Broken where even the framing is damaged, and Undecodable for what is no page at all.
    """
    decoded, sound = Decoded([], []), []
    for raw in split_tolerantly(body):
        match decode_event(raw):
            case ScanEvent() as event:
                decoded.events.append(event)
                sound.append(raw)
            case Rejected() as rejected:
                decoded.rejected.append(_with_ids(rejected))
    return decoded, b"[" + b",".join(sound) + b"]"


def split_tolerantly(body: bytes) -> list[bytes]:
    """The bytes of each element of the page's array. Raises Broken, and Undecodable."""
    begin, in_object = _find_array(body)
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


def _find_array(body: bytes) -> tuple[int, bool]:
    """Where the elements begin, and whether their array is a member of an object."""
    depth, before = 0, (b"", b"")
    for token in _TOKEN.finditer(body):
        text = token.group()
        if text == b"[" and (depth == 0 or (depth, before) == (1, (b'"ScanEvents"', b":"))):
            return token.end(), depth == 1
        if depth == 0 and text != b"{":
            break
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        before = before[1], text
    raise Undecodable("not a page of scan events")


def _take(elements: list[bytes], body: bytes, start: int | None, end: int) -> None:
    if start is not None:
        elements.append(body[start:end].rstrip())


def _require_end(rest: bytes, *, in_object: bool) -> None:
    """What follows the array: further members, perhaps, and the end of the page's object."""
    rest = rest.strip()
    whole = rest.endswith(b"}") and rest[:1] in {b",", b"}"} if in_object else not rest
    if not whole:
        raise Broken("the page does not end")


def _with_ids(rejected: Rejected) -> Rejected:
    """Find the ids of an event that is no JSON, so that its place in the feed is known."""
    if rejected.reason is not Reason.NOT_JSON:
        return rejected
    try:  # the standard library reads NaN, lone surrogates and deep nesting
        fields = json.loads(rejected.raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return rejected
    if not isinstance(fields, dict):
        return rejected
    ids = [_id(fields.get(name)) for name in ("EventId", "ParcelId")]
    return Rejected(rejected.reason, rejected.detail, rejected.raw, *ids)


def _id(value: object) -> int | None:
    return value if type(value) is int and 1 <= value <= MAX_ID else None
