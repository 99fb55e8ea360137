"""The two kinds of EventId, and what is different about them.

| | integer | opaque |
| --- | --- | --- |
| is | a number in 1..2^63-1 | text that means nothing but itself, such as a UUID |
| order | that of the numbers | the feed's own |
| before the first one | 0 | "", and FromEventId is left out of the request |
| Limit | 1 or more | 2 or more: the first event of a page is the last of the one before |
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

import msgspec

from scand.core.event import MAX_ID, EventId, IdKind

MAX_OPAQUE = 200
"""Characters of an opaque id, at the most."""

Id = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
"""What msgspec takes for an integer id, and for a ParcelId."""


class Kind(NamedTuple):
    """How ids of one kind are read.

    `wire` is what msgspec takes for one, and `check`, if any, raises ValueError for what that lets
    through. `recover` finds the id of an event that is rejected, with more leniency than that of an
    accepted one, so that its place in the feed is known. `place` reads the id after which to go on,
    as an operator writes it, `beginning` included; it raises ValueError.
    """

    wire: Any
    check: Callable[[EventId], EventId] | None
    recover: Callable[[bytes], EventId | None]
    place: Callable[[object], EventId]
    beginning: EventId
    least_limit: int

    def read(self, raw: bytes) -> EventId:
        """An id from JSON. Raises ValueError, and RecursionError."""
        return self._checked(msgspec.json.decode(raw, type=self.wire))

    def convert(self, value: object) -> EventId:
        """An id that another parser has read. Raises ValueError."""
        return self._checked(msgspec.convert(value, self.wire))

    def _checked(self, value: EventId) -> EventId:
        return value if self.check is None else self.check(value)


def opaque_id(value: EventId) -> str:
    """An id as text. Raises ValueError for what cannot be stored, sent and read by people."""
    text = str(value)
    if not (0 < len(text) <= MAX_OPAQUE and text.isprintable()):
        raise ValueError(f"an id is text of 1 to {MAX_OPAQUE} printable characters")
    return text


def recover_integer(raw: bytes) -> int | None:
    """An id, or a ParcelId, that may be written wrongly."""
    try:
        return msgspec.json.decode(raw.strip(b'"'), type=Id, strict=False)  # "12" and 12.0 will do
    except (ValueError, RecursionError):
        return None


def _recover_opaque(raw: bytes) -> EventId | None:
    try:
        return KINDS["opaque"].read(raw)
    except (ValueError, RecursionError):
        return None


def _place_of_integer(value: object) -> int:
    text = str(value)
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID))
    if not (digits and int(text) <= MAX_ID):
        raise ValueError(f"an EventId is a whole number from 0 to {MAX_ID}")
    return int(text)


def _place_of_opaque(value: object) -> str:
    text = str(value)
    return opaque_id(text) if text else text


KINDS: Mapping[IdKind, Kind] = {
    "integer": Kind(Id, None, recover_integer, _place_of_integer, 0, 1),
    "opaque": Kind(EventId, opaque_id, _recover_opaque, _place_of_opaque, "", 2),
}
