"""The live half of the status document: what the running daemon knows and the store does not."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scand import __version__, records
from scand.config import Config
from scand.core.event import EventId
from scand.ports import Clock
from scand.store.accounts import lateness
from scand.store.reading import Reader
from scand.telemetry.waiting import FIRST_CONTACT, NOTHING, Waiting

_Taker = Callable[[Any], None]


@dataclass
class StatusBoard:
    """Adds records up. `lag` is in seconds, 0 at the head; what is read is not `committed` yet."""

    clock: Clock
    started_at: float = 0.0
    cursor: EventId = 0
    committed: EventId | None = None
    at_head: bool = False
    first_contact: bool = False
    waiting: Waiting = FIRST_CONTACT
    traces_trouble: str = ""
    store_waiting: Waiting = NOTHING
    breaker: str = "closed"
    gaps: int = 0
    newest: float | None = None
    totals: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    last_crash: dict[str, Any] | None = None
    last_reload: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.started_at = self.clock.now()
        self._takers: dict[type[records.Record], _Taker] = {
            records.RequestEnded: self._request,
            records.BodyRead: self._body,
            records.PageFetched: self._page,
            records.FetchFailed: self._fetch_failed,
            records.FeedBetrayed: self._betrayed,
            records.BreakerChanged: self._breaker_changed,
            records.EventsRejected: self._rejected,
            records.LettersReviewed: self._reviewed,
            records.Pruned: self._pruned,
            records.OddEvents: self._odd,
            records.Committed: self._commit,
            records.FoundLate: self._found_late,
            records.StoreBlocked: self._blocked,
            records.StoreFreed: self._freed,
            records.CollectorChanged: self._collector,
            records.ChildFailed: self._crashed,
            records.Stalled: self._stalled,
            records.ReloadBegun: lambda _: None,
            records.Reloaded: self._reloaded,
            records.Lifecycle: self._lifecycle,
        }

    def __call__(self, record: records.Record) -> None:
        """Take one record."""
        self._takers[type(record)](record)

    @property
    def lag(self) -> float | None:
        """Seconds since we knew all: 0 at the head, None if unknown.

        Behind, that is the age of the newest event fetched; while the carrier does not answer, the
        time since it last said that there is nothing more.
        """
        if self.at_head:
            return 0.0
        return None if self.newest is None else max(0.0, self.clock.now() - self.newest)

    def readiness(self) -> dict[str, str]:
        """What is missing before anybody can rely on the daemon, of the store and of the feed."""
        now = self.clock.now()
        return {
            "store": self.store_waiting.said(now),
            "feed": "" if self.first_contact else self.waiting.said(now),
        }

    @property
    def waits_for(self) -> str:
        """What is waited for, "" when nothing is."""
        now = self.clock.now()
        return self.store_waiting.said(now) or self.waiting.said(now)

    def line(self) -> str:
        """Where it stands, for people: the durable cursor, lag, and what is waited for."""
        lag = self.lag
        place = "at the head" if lag == 0 else "lag unknown" if lag is None else f"lag {lag:.0f} s"
        waiting = f"; waiting: {self.waits_for}" if self.waits_for else ""
        return f"cursor {self.committed or '-'}, {place}{waiting}"

    def document(self) -> dict[str, Any]:
        """The `daemon` part of the status document."""
        return {
            "pid": os.getpid(),
            "version": __version__,
            "started_at": round(self.started_at, 3),
            "uptime_seconds": round(self.clock.now() - self.started_at, 1),
            "at_head": self.at_head,
            "waiting": self.waits_for or None,
            "totals": dict(self.totals),
            "rejected": dict(self.rejected),
            "failed_requests": dict(self.failures),
            "restarts": dict(self.restarts),
            "last_crash": self.last_crash,
            "traces_trouble": self.traces_trouble or None,
        }

    def _request(self, _: records.RequestEnded) -> None:
        self.totals["requests"] += 1

    def _body(self, record: records.BodyRead) -> None:
        self.totals["bytes_received"] += record.received

    def _page(self, record: records.PageFetched) -> None:
        self.first_contact, self.waiting = True, NOTHING
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

    def _commit(self, record: records.Committed) -> None:
        self.totals["commits"] += 1
        self.committed = record.cursor
        for name in (
            "applied",
            "duplicates",
            "conflicts",
            "dead_letters",
            "superseded",
            "milestones",
            "gaps_filled",
            "gaps_given_up",
            "gaps_lost",
        ):
            self.totals[name] += getattr(record, name)

    def _found_late(self, _: records.FoundLate) -> None:
        self.totals["late_warnings"] += 1

    def _fetch_failed(self, record: records.FetchFailed) -> None:
        self.at_head = False
        self.failures[record.kind] += 1
        self.waiting = Waiting(record.reason, self.clock.now() + record.wait)

    def _betrayed(self, record: records.FeedBetrayed) -> None:
        self.totals[record.finding] += 1
        if record.policy == "halt":
            self.at_head = False
            setting = _POLICIES.get(record.finding)
            why = f"{record.said}; {setting} says to halt" if setting else record.said
            self.waiting = Waiting(why)

    def _breaker_changed(self, record: records.BreakerChanged) -> None:
        self.breaker = record.new
        self.totals["breaker_opened"] += record.new == "open"

    def _rejected(self, record: records.EventsRejected) -> None:
        self.rejected.update(record.reasons)

    def _reviewed(self, record: records.LettersReviewed) -> None:
        for outcome, count in record.outcomes.items():
            self.totals[f"{record.action}_{outcome}"] += count

    def _pruned(self, record: records.Pruned) -> None:
        self.totals[f"pruned_{record.what}"] += record.rows

    def _odd(self, record: records.OddEvents) -> None:
        self.totals["odd"] += sum(record.oddities.values())

    def _blocked(self, record: records.StoreBlocked) -> None:
        self.store_waiting = Waiting(record.reason, self.clock.now() + record.wait)

    def _freed(self, _: records.StoreFreed) -> None:
        self.store_waiting = NOTHING

    def _collector(self, record: records.CollectorChanged) -> None:
        self.traces_trouble = record.trouble

    def _crashed(self, record: records.ChildFailed) -> None:
        self.restarts[record.child] += 1
        at = round(self.clock.now(), 3)
        self.last_crash = {"child": record.child, "causes": list(record.causes), "at": at}

    def _stalled(self, _: records.Stalled) -> None:
        self.totals["stalled"] += 1

    def _reloaded(self, record: records.Reloaded) -> None:
        self.totals[f"reloads_{record.outcome}"] += 1
        if record.outcome == "applied" and not _WAY_TO_COLLECTOR.isdisjoint(record.keys):
            self.traces_trouble = ""  # it was that of another one
        self.last_reload = {
            "at": round(self.clock.now(), 3),
            "outcome": record.outcome,
            "keys": list(record.keys),
            "shadowed": list(record.shadowed),
            "errors": list(record.errors),
        }

    def _lifecycle(self, record: records.Lifecycle) -> None:
        cursor = record.details.get("cursor")
        if isinstance(cursor, EventId):
            self.cursor = self.committed = cursor


_WAY_TO_COLLECTOR = {"traces.endpoint", "traces.headers_file"}

_POLICIES = {"reset": "feed.on_reset", "retention_gap": "feed.on_retention_gap"}
"""The settings that say what is done about a finding."""


def status_document(reader: Reader, board: StatusBoard | None, config: Config) -> dict[str, Any]:
    """What is durable and, if the daemon runs, what is live."""
    return {
        **reader.summary(),
        "lateness": lateness(reader.query, config.feed.late_window),
        "lag_seconds": board and board.lag,
        "breaker": board and board.breaker,
        "shards": config.processors.shards,
        "sinks": [],
        "reload": board and board.last_reload,
        "daemon": board and board.document(),
    }
