"""What scand reports about itself: frozen records, given to an `Observer`.

Actors import no logging, metrics or tracing library; they say what happened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scand.core.event import EventId
from scand.core.trail import Passage, Trail


class Answer(StrEnum):
    """How one request ended."""

    PAGE = "page"
    NOTHING_NEW = "nothing_new"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    THROTTLED = "throttled"
    REFUSED = "refused"
    NOT_FOUND = "not_found"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RequestEnded:
    """A request was answered, or failed, after `seconds`; one that is cancelled is not told."""

    answer: Answer
    seconds: float


@dataclass(frozen=True, slots=True)
class BodyRead:
    """So many bytes of a body came over the wire, and are so many when decompressed."""

    received: int
    decompressed: int


@dataclass(frozen=True, slots=True)
class PageFetched:
    """A page was read. `newest` is the epoch second of its newest event, None without one.

    `sequence` is the number under which it goes on to the store, None where it brought nothing new.
    """

    from_id: EventId
    events: int
    rejected: int
    seconds: float
    cursor: EventId
    at_head: bool
    reread: bool
    gaps: int
    newest: float | None
    trail: Trail | None = None
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """A request brought no page: `kind` is the outcome's name; the next try is in `wait` s."""

    kind: str
    reason: str
    wait: float

    @property
    def answer(self) -> Answer:
        """The same kind, as requests are counted."""
        return _ANSWERS[self.kind]


_ANSWERS = {
    "Throttled": Answer.THROTTLED,
    "Refused": Answer.REFUSED,
    "NotFound": Answer.NOT_FOUND,
    "Failed": Answer.FAILED,
    "TooLarge": Answer.TOO_LARGE,
}


@dataclass(frozen=True, slots=True)
class FeedBetrayed:
    """The feed is not what it was: `finding` says how (a `Finding`), `policy` what is done."""

    finding: str
    policy: str
    said: str


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """The circuit breaker went from `old` to `new`: closed, open or half-open."""

    old: str
    new: str
    reopens_in: float


@dataclass(frozen=True, slots=True)
class EventsRejected:
    """Events became dead letters, by reason."""

    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LettersReviewed:
    """An operator had dead letters replayed or discarded; `outcomes` counts what came of it."""

    action: str
    outcomes: Mapping[str, int]
    uid: int | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """Housekeeping removed `rows` of `what` that were older than they are kept."""

    what: str
    rows: int


@dataclass(frozen=True, slots=True)
class OddEvents:
    """Events were applied that the catalogue does not know, by what is odd about them."""

    oddities: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Committed:
    """A transaction is durable. `passages` are there for tracing, and only while that is on."""

    pages: int
    applied: int
    duplicates: int
    conflicts: int
    dead_letters: int
    milestones: int
    cursor: EventId
    gaps_filled: int
    gaps_given_up: int
    seconds: float
    superseded: int = 0
    gaps_lost: int = 0
    passages: Sequence[Passage] = ()


@dataclass(frozen=True, slots=True)
class FoundLate:
    """An id was found so many seconds after its successor, near the end of the late window."""

    seconds: float
    window: float


@dataclass(frozen=True, slots=True)
class StoreBlocked:
    """The store cannot be used for now; the `attempt`-th failed, the next is in `wait` s."""

    reason: str
    wait: float
    attempt: int


@dataclass(frozen=True, slots=True)
class StoreFreed:
    """The store can be used again, after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class CollectorChanged:
    """Traces do not arrive at `endpoint` because of `trouble`; or do again, if that is ""."""

    endpoint: str
    trouble: str


@dataclass(frozen=True, slots=True)
class ChildFailed:
    """A supervised child crashed and is started again in `wait` seconds."""

    child: str
    causes: Sequence[str]
    wait: float


@dataclass(frozen=True, slots=True)
class Stalled:
    """Stages of ingest make no progress, and have no excuse: systemd will end the process."""

    stages: Sequence[str]


@dataclass(frozen=True, slots=True)
class ReloadBegun:
    """The configuration is read again from now on; `Reloaded` ends that."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of a reload: applied, unchanged, refused or invalid (`config.reloading`).

    `keys` are the settings that differ: all of them were applied, or none. The environment
    overrides what the file changes of the `shadowed` ones. Without a `uid` it was a signal.
    """

    outcome: str
    keys: Sequence[str] = ()
    shadowed: Sequence[str] = ()
    errors: Sequence[str] = ()
    uid: int | None = None


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The daemon started, went on from a cursor, drains, or stopped."""

    event: str
    details: Mapping[str, object]


Record = (
    RequestEnded
    | BodyRead
    | PageFetched
    | FetchFailed
    | FeedBetrayed
    | BreakerChanged
    | EventsRejected
    | LettersReviewed
    | Pruned
    | OddEvents
    | Committed
    | FoundLate
    | StoreBlocked
    | StoreFreed
    | CollectorChanged
    | ChildFailed
    | Stalled
    | ReloadBegun
    | Reloaded
    | Lifecycle
)
