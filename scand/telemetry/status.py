"""The live half of the status document: what the running daemon knows and the store does not."""

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from scand import __version__
from scand.ports import Clock
from scand.records import (
    BreakerChanged,
    ChildFailed,
    Committed,
    EventsRejected,
    FetchFailed,
    Lifecycle,
    OddEvents,
    PageFetched,
    Record,
)


@dataclass
class StatusBoard:
    """Adds records up. `lag` is in seconds, 0 at the head."""

    clock: Clock
    started_at: float = 0.0
    cursor: int = 0
    at_head: bool = False
    first_contact: bool = False
    waiting: str = "first contact"
    breaker: str = "closed"
    gaps: int = 0
    newest: float | None = None
    totals: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.started_at = self.clock.now()

    def __call__(self, record: Record) -> None:
        """Take one record."""
        match record:
            case PageFetched():
                self._page(record)
            case FetchFailed(kind, reason, wait):
                self.at_head = False
                self.failures[kind] += 1
                self.waiting = f"{reason}; next try in {wait:.1f} s"
            case BreakerChanged(_, new, _):
                self.breaker = new
                self.totals["breaker_opened"] += new == "open"
            case Committed():
                self._commit(record)
            case EventsRejected(reasons):
                self.rejected.update(reasons)
            case OddEvents(oddities):
                self.totals["odd"] += sum(oddities.values())
            case ChildFailed(child, _, _):
                self.restarts[child] += 1
            case Lifecycle(_, details):
                self.cursor = int(str(details.get("cursor", self.cursor)))

    @property
    def lag(self) -> float | None:
        """Seconds since we knew all: 0 at the head, None if unknown.

        Behind, that is the age of the newest event fetched; while the carrier does not answer, the
        time since it last said that there is nothing more.
        """
        if self.at_head:
            return 0.0
        return None if self.newest is None else max(0.0, self.clock.now() - self.newest)

    def document(self) -> dict[str, Any]:
        """The `daemon` part of the status document."""
        return {
            "pid": os.getpid(),
            "version": __version__,
            "uptime_seconds": round(self.clock.now() - self.started_at, 1),
            "at_head": self.at_head,
            "waiting": self.waiting or None,
            "totals": dict(self.totals),
            "rejected": dict(self.rejected),
            "failed_requests": dict(self.failures),
            "restarts": dict(self.restarts),
        }

    def _page(self, record: PageFetched) -> None:
        self.first_contact, self.waiting = True, ""
        self.totals["pages"] += 1
        self.totals["events"] += record.events
        self.totals["rereads"] += record.reread
        self.gaps = record.gaps
        if record.reread:
            return
        self.at_head, self.cursor = record.at_head, record.cursor
        if record.at_head:
            self.newest = self.clock.now()
        elif record.newest is not None:  # of this page: one date in the future is soon forgotten
            self.newest = record.newest

    def _commit(self, record: Committed) -> None:
        self.totals["commits"] += 1
        for name in (
            "applied",
            "duplicates",
            "conflicts",
            "dead_letters",
            "milestones",
            "gaps_filled",
            "gaps_given_up",
        ):
            self.totals[name] += getattr(record, name)


def status_document(
    summary: dict[str, Any], board: StatusBoard | None, shards: int
) -> dict[str, Any]:
    """What is durable and, if the daemon runs, what is live."""
    return {
        **summary,
        "lag_seconds": board and board.lag,
        "breaker": board and board.breaker,
        "shards": shards,
        "sinks": [],
        "daemon": board and board.document(),
    }
