"""Reads a page that no JSON parser takes, as far as it can be read; and says what breaks it.

Two events may be broken in ways that make up for each other, as two stray quotes do: then all that
is between them seems to be one event. So where an event is no JSON, and looks like several, the
framing is held to be damaged too.

An undecodable page that comes again is known by its `mark`: where and how it breaks first, and the
bytes of that element. The body as a whole may differ with every answer, by a request's id or a time
in its envelope, or by events that came to the page meanwhile.
"""

import json
import re
from dataclasses import dataclass, replace
from typing import cast

from scand.core.decode import Decoded, Decoder, Undecodable
from scand.core.event import EventId, Reason, Rejected
from scand.core.fields import Path, dig, split
from scand.core.framing import Broken, last_element, split_tolerantly
from scand.core.ids import KINDS, Kind

LOOKED_AT = 1 << 20
"""Bytes of a page within which the place is looked for where it breaks."""

MARK = 4 << 10
"""Bytes that a mark has at most."""

_SEVERAL = re.compile(rb"""[,}][^":,{}]*\{""")
"""What is between two events, and nowhere in one, but for objects in an array."""

_UNENDED = "Unterminated string"
"""What the standard library says of a string that the page ends in, at the string's beginning."""

_PASSING = re.compile(rb"[\w-]*\d[\w-]*")
"""What a message for people says of one request only: numbers, times, ids."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A page as it should be."""

    decoded: Decoded


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A page that was read event by event; `sound` is one of those that could be read."""

    decoded: Decoded
    sound: bytes
    mark: bytes
    why: str


@dataclass(frozen=True, slots=True)
class Damaged:
    """A body that is no page. `begins`: but it begins as one, and its framing is damaged."""

    why: str
    mark: bytes
    begins: bool


def read_page(body: bytes, decoder: Decoder) -> Whole | Salvaged | Damaged:
    """Read a page by the parser, or else as far as it goes. Takes long where a body is large."""
    try:
        return Whole(decoder.page(body))
    except Undecodable as error:
        why = str(error)
    try:
        decoded, sound = salvage(body, decoder)
    except Undecodable as error:
        mark = mark_of(body, split(decoder.fields.events))
        begins = isinstance(error, Broken)
        return Damaged(str(error) if begins else why, mark, begins)
    broken = (item.raw for item in decoded.rejected if item.reason is Reason.NOT_JSON)
    return Salvaged(decoded, sound, next(broken, b"")[:MARK], why)


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


def mark_of(body: bytes, array: Path) -> bytes:
    """What tells a damaged page from others: the element that breaks it, up to where that shows.

    Of what is no page: its words, without what changes from one answer to the next.
    """
    page = body[:LOOKED_AT]
    end = _breaks_at(page)
    try:
        start = last_element(page, array, end)
    except Undecodable:
        return b"no page: " + _PASSING.sub(b"#", page[:MARK])
    return b"page: " + page[start : end + 1][-MARK:]


def _breaks_at(page: bytes) -> int:
    """The place at which no JSON can go on."""
    try:
        json.loads(page.decode("latin-1"))  # a character for each byte
    except json.JSONDecodeError as error:
        return len(page) if error.msg.startswith(_UNENDED) else error.pos
    except (ValueError, RecursionError):
        pass
    return len(page)


def _with_ids(rejected: Rejected, decoder: Decoder) -> Rejected:
    """Find the ids of an event that is no JSON, so that its place in the feed is known."""
    if rejected.reason is not Reason.NOT_JSON:
        return rejected
    try:  # the standard library reads NaN, lone surrogates and deep nesting
        fields = json.loads(rejected.raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        if _SEVERAL.search(rejected.raw):
            raise Broken("events run into each other") from None
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
