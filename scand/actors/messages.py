"""What the actors hand to each other: pages and slices, never single events.

A channel operation costs about as much as folding ten events; per page, it costs nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scand.core.continuity import Incident
from scand.core.course import Position
from scand.core.decode import Body
from scand.core.event import EventId, Rejected, ScanEvent
from scand.core.ledger import LedgerChange
from scand.core.parcel import ParcelState
from scand.core.trail import Trail, Work


@dataclass(frozen=True, slots=True)
class Page:
    """An answer of the carrier, read, and what it means for the feed's coverage.

    `sequence` numbers the pages of one generation from 0; `body` is the page as served; one that
    nobody was asked for has no `trail`.
    """

    sequence: int
    events: Sequence[ScanEvent]
    rejected: Sequence[Rejected]
    asked_from: EventId
    body: Body
    position: Position[EventId]
    ledger: LedgerChange
    history: int
    incident: Incident | None = None
    trail: Trail | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """The events of a page that belong to one shard; may be empty."""

    page: Page
    events: Sequence[ScanEvent]
    shard: int = 0


@dataclass(frozen=True, slots=True)
class Folded:
    """A shard's answer to its slice: what is accepted, folded, and what is not."""

    page: Page
    accepted: Sequence[ScanEvent]
    parcels: Mapping[int, ParcelState]
    rejected: Sequence[Rejected]
    shard: int = 0
    work: Work | None = None
