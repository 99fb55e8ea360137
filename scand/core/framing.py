"""The tolerant reader: splits a page that no JSON parser takes into its events.

A JSON parser gives a page up for one NaN, one lone surrogate, one byte that is no UTF-8, or 200
levels of nesting. Here only the framing is read, which strings and brackets make up: where it is
whole, each event can be judged alone, and the bad one costs itself. It is slower than the parser,
and used only for a page that has come back undecodable and unchanged.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from scand.core.decode import Decoded, Decoder, Undecodable
from scand.core.event import EventId, Reason, Rejected
from scand.core.fields import Path, dig, split
from scand.core.ids import KINDS, Kind

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


def salvage(body: bytes, decoder: Decoder) -> tuple[Decoded, bytes]:
    """Read a page event by event; also a clean page of the events that could be read.

    Raises Broken where even the framing is damaged, and Undecodable for what is no page at all.
    """
    raws = split_tolerantly(body, split(decoder.fields.events))
    decoded = decoder.events(raws)
    bad = frozenset(decoded.places)
    sound = [raw for place, raw in enumerate(raws) if place not in bad]
    rejected = [_with_ids(item, decoder) for item in decoded.rejected]
    return replace(decoded, rejected=rejected), b"[" + b",".join(sound) + b"]"


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


def _find_array(body: bytes, array: Path) -> tuple[int, bool]:
    """Where the elements begin, and whether their array is a member of an object."""
    keys: list[bytes] = []  # what stands before each bracket that is open
    before = (b"", b"")
    for token in _TOKEN.finditer(body):
        text = token.group()
        key = before[0] if before[1] == b":" else b""
        if text == b"[" and (not keys or _spell([*keys[1:], key], array)):
            return token.end(), bool(keys)
        if not keys and text != b"{":
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
    whole = rest.endswith(b"}") and rest[:1] in {b",", b"}"} if in_object else not rest
    if not whole:
        raise Broken("the page does not end")


def _with_ids(rejected: Rejected, decoder: Decoder) -> Rejected:
    """Find the ids of an event that is no JSON, so that its place in the feed is known."""
    if rejected.reason is not Reason.NOT_JSON:
        return rejected
    try:  # the standard library reads NaN, lone surrogates and deep nesting
        fields = json.loads(rejected.raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return rejected
    names = decoder.fields
    event_id = _id(fields, names.event_id, decoder.kind)
    parcel_id = cast("int | None", _id(fields, names.parcel_id, KINDS["integer"]))
    return Rejected(rejected.reason, rejected.detail, rejected.raw, event_id, parcel_id)


def _id(fields: object, path: str, kind: Kind) -> EventId | None:
    try:
        return kind.convert(dig(fields, split(path)))
    except ValueError:
        return None
