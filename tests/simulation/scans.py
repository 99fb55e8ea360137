"""A scan as it is served, and what must become of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.simulation.faults import Fault

MAX_ID_JUMP = 1000
"""As the settings are at first: a longer step is not believed at once."""

MAX_BODY = 1 << 15
"""Bytes that the daemon is willing to read: every honest page is shorter."""

UNLISTED = ("RETURN", "WAREHOUSE")
"""A Type and a StatusCode that are not in the catalogue as it ships."""

FIELDS = (
    *("event_id", "parcel_id", "type", "created_at", "status_code", "run_id"),
    *("carrier_id", "user_id", "device_id", "device_transaction_id"),
)
"""The journal's columns of an event."""

Row = dict[str, Any]
Name = int | str
"""An EventId: the place itself, or where ids mean nothing, a text that tells nothing of it."""


class Fate(NamedTuple):
    """What must become of a scan: a row of the journal, or a dead letter with this reason.

    A catalogue that takes all, or knows its kind, makes it the row `listed`.
    """

    row: Row | None
    reason: str = ""
    readable: bool = True
    listed: Row | None = None

    @property
    def rows(self) -> Sequence[Row]:
        """What it may be in the journal."""
        return [row for row in (self.row, self.listed) if row is not None]


@dataclass(frozen=True)
class Item:
    """A scan at its place in the feed, where it is served from one time to another.

    `epoch` counts how often the feed began anew; ids mean something within one only.
    """

    place: int
    name: Name
    shown_at: float
    raw: bytes
    fate: Fate
    fault: Fault | None = None
    gone_at: float = float("inf")
    epoch: int = 0

    def visible(self, now: float) -> bool:
        """Whether it is served now."""
        return self.shown_at <= now < self.gone_at
