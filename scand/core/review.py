"""Dead letters looked at again: which ones, by the rules in force now, and what came of each."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, NamedTuple

import msgspec

from scand.core.dead_letters import State
from scand.core.decode import Decoder
from scand.core.event import MAX_ID, EventId, Reason, Rejected, ScanEvent
from scand.core.judge import Judge

Review = Callable[[Sequence[bytes], float], list[ScanEvent | Rejected]]
"""Reads and judges events at a time (seconds since 1970), each on its own."""

_Number = Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)]
_LATEST = 253_402_300_800.0
"""The end of the year 9999."""


class Selection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The letters that fit all that is given, by number.

    `since`, in seconds since 1970, is when they were last served or tried, or later. `after` and
    `up_to` are numbers: a long list is gone through in several steps.
    """

    ids: tuple[_Number, ...] | None = None
    state: State | None = None
    reason: Reason | None = None
    parcel: _Number | None = None
    since: Annotated[float, msgspec.Meta(ge=0, le=_LATEST)] | None = None
    after: _Number = 0
    up_to: _Number = MAX_ID


class Chosen(NamedTuple):
    """The numbers of the first letters of a selection, and whether that is all of it."""

    numbers: list[int]
    complete: bool


class Outcome(StrEnum):
    """What came of a letter."""

    APPLIED = "applied"
    ALREADY_KNOWN = "already_known"
    FAILED_AGAIN = "failed_again"
    DISCARDED = "discarded"
    CLOSED = "closed"  # before: there was nothing to do
    NOT_KNOWN = "not_known"  # no letter has this number


class Item(msgspec.Struct, frozen=True):
    """A letter, by its number, and what came of it."""

    id: int
    outcome: Outcome
    event_id: EventId | None = None
    reason: Reason | None = None
    detail: str = ""


class Batch(msgspec.Struct, frozen=True):
    """A step through a selection. There may be more `after` a number, unless that is None."""

    items: Sequence[Item]
    after: int | None = None


def review(
    decoder: Decoder, judge: Judge, raws: Sequence[bytes], now: float
) -> list[ScanEvent | Rejected]:
    """What these bytes would come to if they were served at `now` (seconds since 1970)."""
    return [_review(decoder.event(raw), judge, raw, now) for raw in raws]


def refuse(detail: str, raws: Sequence[bytes], _: float) -> list[ScanEvent | Rejected]:
    """The same for what is known to fail."""
    return [Rejected(Reason.PROCESSING_FAILED, detail, raw) for raw in raws]


def _review(
    event: ScanEvent | Rejected, judge: Judge, raw: bytes, now: float
) -> ScanEvent | Rejected:
    if isinstance(event, Rejected):
        return event
    for turned in judge.rule([event], now).turned:
        return Rejected.of(*turned, raw)
    return event
