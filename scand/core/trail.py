"""What befell a page on its way, for those who trace it. All moments are on trio's clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scand.core.event import Rejected, ScanEvent
from scand.core.parcel import Change


@dataclass(frozen=True, slots=True)
class Trail:
    """How a page came: wanted at `begun`, and asked for by the request that was answered."""

    begun: float
    asked: float
    answered: float
    decoded: float


class Work(NamedTuple):
    """When a slice of a page was judged and folded."""

    begun: float
    ended: float


class Sighting(NamedTuple):
    """An event that is traced, and what became of it: `applied`, `duplicate` or `dead_letter`.

    `work` is None for what could not even be decoded.
    """

    event: ScanEvent | Rejected
    trace_id: bytes
    outcome: str
    reason: str = ""
    work: Work | None = None
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A page that was committed, by its number in its generation, and who was traced on it."""

    sequence: int
    work: Work | None
    sightings: Sequence[Sighting]
