"""The few protocols that have a real and a second implementation.

A `Feed` returns what happened as a value; an exception out of it is a bug or a cancellation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from scand.core.continuity import Incident
from scand.core.course import Position
from scand.core.decode import Body
from scand.core.event import EventId, Rejected, ScanEvent
from scand.core.ledger import Gap, LedgerChange
from scand.core.parcel import Change, ParcelState
from scand.core.review import Chosen, Item, Review, Selection
from scand.core.traces import Traced
from scand.records import Record

# --- Feed: the carrier's API -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """`FromEventId` and `Limit` of one question to the carrier; "" asks from its beginning on."""

    from_id: EventId
    limit: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A complete JSON body, decompressed. Whether it decodes is for `core.decode` to say."""

    body: bytes


@dataclass(frozen=True, slots=True)
class NothingNew:
    """204: the carrier says that there is nothing at or after the id asked for."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """404: an idle feed for some carriers, a wrong address for others. The fetcher decides."""

    reason: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """429, or 503 with Retry-After: wait `retry_after` seconds, or as long as usual."""

    reason: str
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class Refused:
    """401, 403, a redirect, any other 4xx: an operator has to act; asking faster does not help."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """5xx, timeout, reset, wrong content type, damaged body: transport or carrier trouble."""

    reason: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The body passed the cap, on the wire or after decompression: ask for fewer events."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A whole body that no reader makes sense of, again and again. Never from a Feed.

    `mark` tells its damage from others, see `core.tolerant`; `is_page`: it begins as a page of
    events; `begun` is when it was asked for, on trio's clock.
    """

    reason: str
    body: bytes
    begun: float
    mark: bytes
    is_page: bool


Outcome = Answered | NothingNew | NotFound | Throttled | Refused | Failed | TooLarge


class Feed(Protocol):
    """The carrier's scan event API."""

    async def ask(self, request: Request) -> Outcome:
        """One request, bounded in time and size. Never raises for what the carrier does."""
        ...


# --- Store: what is kept -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where to go on from; `position` is None in a store that has seen nothing.

    `attempts` counts the generations that began here, this one included; `newest` are the events
    of the journal with the greatest ids up to the cursor, in descending order; none where ids have
    no order; `salt` is what the ids of traces are derived from.
    """

    position: Position[EventId] | None
    gaps: Sequence[Gap]
    attempts: int = 1
    newest: Sequence[ScanEvent] = ()
    salt: bytes = b""


@dataclass(frozen=True, slots=True)
class PageResult:
    """One page, judged and folded: what a commit makes durable.

    `parcels` is the fold of `events`; `body` is the page as served, for the raw bytes of an event
    that turns out to be in conflict with a committed one. A part of a page has no `position`: the
    feed is not covered further before the last part is durable. `traced` is None where nobody is.
    """

    events: Sequence[ScanEvent]
    parcels: Mapping[int, ParcelState]
    rejected: Sequence[Rejected]
    asked_from: EventId
    body: Body
    position: Position[EventId] | None
    ledger: LedgerChange
    history: int = 0
    incident: Incident | None = None
    traced: Traced | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a commit did. `applied` + `duplicates` + `conflicts` is the number of events given.

    `dead_letters` were filed or counted again, `superseded` ones closed. `repeated` and `disputed`
    are the duplicates and the conflicts themselves.
    """

    applied: int = 0
    duplicates: int = 0
    conflicts: int = 0
    dead_letters: int = 0
    superseded: int = 0
    milestones: Sequence[tuple[EventId, Change]] = field(default=())
    repeated: Sequence[ScanEvent] = ()
    disputed: Sequence[ScanEvent] = ()

    def __add__(self, other: "Receipt") -> "Receipt":
        return Receipt(
            self.applied + other.applied,
            self.duplicates + other.duplicates,
            self.conflicts + other.conflicts,
            self.dead_letters + other.dead_letters,
            self.superseded + other.superseded,
            [*self.milestones, *other.milestones],
            [*self.repeated, *other.repeated],
            [*self.disputed, *other.disputed],
        )


class Store(Protocol):
    """Where events and parcels are kept. One writer at a time.

    Raises StoreBlockedError for what may pass by itself, StoreError for what will not, and
    RolledBackError where a commit failed and left no trace: only then can its parts be tried.
    """

    async def begin(self) -> Checkpoint:
        """Count a generation that begins at the durable position, and say where that is."""
        ...

    async def commit(self, pages: Sequence[PageResult]) -> Receipt:
        """Make pages durable, all of them or none; returns after the disk has them.

        Cannot be cancelled half way: cancellation takes effect after the outcome is known.
        """
        ...


class Letters(Protocol):
    """The dead letters of a store, for an operator. Raises as `Store` does."""

    async def choose_letters(self, selection: Selection) -> Chosen:
        """The first letters of a selection, no more than one of the following takes at once."""
        ...

    async def replay_letters(self, numbers: Sequence[int], review: Review) -> Sequence[Item]:
        """Try letters again, and apply what `review` accepts; all of it or nothing."""
        ...

    async def discard_letters(self, numbers: Sequence[int]) -> Sequence[Item]:
        """Give letters up, all of them or none."""
        ...


# --- the rest of the world ---------------------------------------------------


class Clock(Protocol):
    """The time of day. Durations are measured with `trio.current_time` instead."""

    def now(self) -> float:
        """Seconds since 1970."""
        ...


class Observer(Protocol):
    """Told what happens; must not block or raise."""

    def __call__(self, record: Record) -> None:
        """Take one record."""
        ...
