"""What the store holds, as plain rows: read by SQL of its own, not by scand's readers."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.simulation.backends import Connection
from tests.simulation.scans import FIELDS, Row
from tests.simulation.truth import Parcel

_JOURNAL = (
    f"SELECT seq, milestone, corrects, {', '.join(FIELDS)} FROM journal WHERE seq > ? ORDER BY seq"
)
_PARCELS = (
    *("parcel_id", "event_id", "type", "created_at", "status_code", "run_id"),
    *("picked_up_event_id", "picked_up_at", "delivered_event_id", "delivered_at"),
)

_LETTERS = ("id", "identity", "event_id", "reason", "raw", "state")


class Entry(NamedTuple):
    """A row of the journal: an event, and the milestone that it was announced with."""

    seq: int
    milestone: str | None
    corrects: str | None
    row: Row


class Letter(NamedTuple):
    """A dead letter."""

    number: int
    identity: str
    event_id: int | None
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
    """A store's content at one moment."""

    journal: list[Entry] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    audit: list[Audit] = field(default_factory=list)
    parcels: dict[int, Parcel] = field(default_factory=dict)
    cursor: int = 0
    history: int = 0

    def refresh(self, connection: Connection) -> None:
        """Read what is new; the journal and the settled gaps only grow."""

        def rows(sql: str, *parameters: object) -> list[tuple[Any, ...]]:
            return connection.execute(sql, parameters).fetchall()

        last = self.journal[-1].seq if self.journal else 0
        self.journal += [
            Entry(row[0], row[1], row[2], dict(zip(FIELDS, row[3:], strict=True)))
            for row in rows(_JOURNAL, last)
        ]
        letters = rows(f"SELECT {', '.join(_LETTERS)} FROM dead_letters ORDER BY id")
        self.letters = [Letter(*row) for row in letters]
        self.gaps = [(low, high) for low, high in rows("SELECT low, high FROM gaps ORDER BY low")]
        last = self.settled[-1].number if self.settled else 0
        settled = rows(
            "SELECT id, outcome, low, high FROM settled_gaps WHERE id > ? ORDER BY id", last
        )
        self.settled += [Settled(*row) for row in settled]
        audit = rows("SELECT id, action, was, now FROM audit ORDER BY id")
        self.audit = [Audit(*row) for row in audit]
        parcels = rows(f"SELECT {', '.join(_PARCELS)} FROM parcels")
        self.parcels = {row[0]: dict(zip(_PARCELS, row, strict=True)) for row in parcels}
        ((cursor, self.history),) = rows("SELECT cursor, missing_history FROM feed")
        self.cursor = cursor or 0
