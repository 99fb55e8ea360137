"""What the store holds, as plain rows: read by SQL of its own, not by scand's readers."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.simulation.backends import Connection
from tests.simulation.scans import FIELDS, Name, Row
from tests.simulation.truth import Parcel

_JOURNAL = (
    f"SELECT seq, milestone, corrects, recorded_at, {', '.join(FIELDS)}"
    " FROM journal WHERE seq > ? ORDER BY seq"
)
_PARCELS = (
    *("parcel_id", "event_id", "type", "created_at", "status_code", "run_id"),
    *("picked_up_event_id", "picked_up_at", "delivered_event_id", "delivered_at"),
)

_LETTERS = ("id", "identity", "event_id", "reason", "raw", "state")


class Entry(NamedTuple):
    """A row of the journal: an event, and the milestone that it was announced with.

    It was written `recorded_at`, in milliseconds since 1970.
    """

    seq: int
    milestone: str | None
    corrects: str | None
    recorded_at: int
    row: Row


class Letter(NamedTuple):
    """A dead letter."""

    number: int
    identity: str
    event_id: Name | None
    reason: str
    raw: bytes
    state: str


class Settled(NamedTuple):
    """How a gap ended."""

    number: int
    outcome: str
    low: int
    high: int


class Audit(NamedTuple):
    """An incident: the cursor went elsewhere than on, or would not go on."""

    number: int
    action: str
    was: int | None
    now: int


@dataclass
class Books:
    """A store's content at one moment. The journal is told with what was pruned of it.

    `places` says where an EventId lies, where that is not what it says itself.
    """

    places: Mapping[Name, int] = field(default_factory=dict)
    journal: list[Entry] = field(default_factory=list)
    kept: set[int] = field(default_factory=set)
    pruned: list[tuple[Name, Name]] = field(default_factory=list)
    pruned_events: int = 0
    base: dict[int, Parcel] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    audit: list[Audit] = field(default_factory=list)
    parcels: dict[int, Parcel] = field(default_factory=dict)
    cursor: int = 0
    history: int = 0

    def refresh(self, connection: Connection) -> None:
        """Read what is new in the journal, and all the rest."""

        def rows(sql: str, *parameters: object) -> list[tuple[Any, ...]]:
            return connection.execute(sql, parameters).fetchall()

        last = self.journal[-1].seq if self.journal else 0
        self.journal += [
            Entry(*row[:4], dict(zip(FIELDS, row[4:], strict=True))) for row in rows(_JOURNAL, last)
        ]
        letters = rows(f"SELECT {', '.join(_LETTERS)} FROM dead_letters ORDER BY id")
        self.letters = [Letter(*row) for row in letters]
        self.gaps = [(low, high) for low, high in rows("SELECT low, high FROM gaps ORDER BY low")]
        settled = rows("SELECT id, outcome, low, high FROM settled_gaps ORDER BY id")
        self.settled = [Settled(*row) for row in settled]
        audit = rows("SELECT id, action, was, now FROM audit ORDER BY id")
        self.audit = [
            Audit(number, action, self.place(was), self.place(now))
            for number, action, was, now in audit
        ]
        parcels = rows(f"SELECT {', '.join(_PARCELS)} FROM parcels")
        self.parcels = {row[0]: dict(zip(_PARCELS, row, strict=True)) for row in parcels}
        ((cursor, self.history, pruned),) = rows(_FEED)
        self.cursor = self.place(cursor)
        if pruned != self.pruned_events or last == 0:
            self.pruned_events = pruned
            self.kept = {seq for (seq,) in rows("SELECT seq FROM journal")}
            ranges = rows("SELECT low, high FROM pruned_ids ORDER BY low")
            self.pruned = [(low, high) for low, high in ranges]
            base = rows(f"SELECT {', '.join((*_PARCELS, 'events'))} FROM base")
            self.base = {row[0]: dict(zip((*_PARCELS, "events"), row, strict=True)) for row in base}

    def place(self, name: Name | None) -> int:
        """Where an event lies in the feed; 0 is before its beginning."""
        return self.places[name] if isinstance(name, str) else name or 0

    def inherit(self, before: "Books") -> None:
        """Take over what an earlier process had journaled and pruned since."""
        gone = [entry for entry in before.journal if self.is_pruned(entry.row["event_id"])]
        self.journal = sorted([*gone, *self.journal], key=lambda entry: entry.seq)

    def is_pruned(self, name: Name) -> bool:
        """Whether an event is known for a pruned one."""
        at = bisect_right(self.pruned, name, key=lambda ids: ids[0]) - 1
        return at >= 0 and name <= self.pruned[at][1]


_FEED = "SELECT cursor, missing_history, pruned_events FROM feed"
