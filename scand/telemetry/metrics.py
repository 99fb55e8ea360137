"""Metrics: takes records, counts. What is read at the moment of a scrape is in `exposition`."""

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry

from scand import records
from scand.ports import Clock
from scand.telemetry.instruments import (
    EVENT_OUTCOMES,
    IN_FORCE,
    SETTLED,
    EventInstruments,
    FeedInstruments,
    StoreInstruments,
    Workshop,
)

_Taker = Callable[[Any], None]


class MetricsObserver:
    """Counts records on a registry of its own."""

    def __init__(self, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        shop = Workshop(self.registry)
        self._feed, self._events = FeedInstruments(shop), EventInstruments(shop)
        self._store = StoreInstruments(shop)
        self._feed.last_page.set(clock.now())
        self._feed.breaker_state.labels("closed").set(1)
        self._file_read(successful=True)
        self._takers: dict[type[records.Record], _Taker] = {
            records.RequestEnded: self._request,
            records.BodyRead: self._body,
            records.PageFetched: self._page,
            records.FetchFailed: self._fetch_failed,
            records.FeedBetrayed: self._betrayed,
            records.BreakerChanged: self._breaker,
            records.EventsRejected: self._rejected,
            records.LettersReviewed: self._reviewed,
            records.Pruned: self._pruned,
            records.OddEvents: self._odd,
            records.Committed: self._commit,
            records.FoundLate: self._late,
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

    def _request(self, record: records.RequestEnded) -> None:
        self._feed.requests.labels(record.answer).inc()
        self._feed.request_seconds.observe(record.seconds)

    def _body(self, record: records.BodyRead) -> None:
        self._feed.received.inc(record.received)
        self._feed.decompressed.inc(record.decompressed)

    def _page(self, record: records.PageFetched) -> None:
        self._feed.pages.labels("reread" if record.reread else "fresh").inc()
        self._events.fetched.inc(record.events)
        if not record.reread:
            self._feed.last_page.set(self._clock.now())
            self._feed.halted.set(0)

    def _fetch_failed(self, record: records.FetchFailed) -> None:
        self._wait(record.answer, record.wait)

    def _betrayed(self, record: records.FeedBetrayed) -> None:
        self._feed.findings.labels(record.finding).inc()
        self._feed.halted.set(record.policy == "halt")

    def _breaker(self, record: records.BreakerChanged) -> None:
        self._feed.breaker_state.labels(record.old).set(0)
        self._feed.breaker_state.labels(record.new).set(1)
        self._feed.breaker_transitions.labels(record.new).inc()
        if record.new == "open":
            self._wait("breaker", record.reopens_in)

    def _rejected(self, record: records.EventsRejected) -> None:
        for reason, count in record.reasons.items():
            self._events.dead_letters.labels(reason).inc(count)

    def _reviewed(self, record: records.LettersReviewed) -> None:
        for outcome, count in record.outcomes.items():
            self._events.reviewed.labels(record.action, outcome).inc(count)

    def _pruned(self, record: records.Pruned) -> None:
        self._store.pruned.labels(record.what).inc(record.rows)

    def _odd(self, record: records.OddEvents) -> None:
        self._events.odd.inc(sum(record.oddities.values()))

    def _commit(self, record: records.Committed) -> None:
        rejected = record.dead_letters - record.conflicts  # these are letters, too
        outcomes = (record.applied, record.duplicates, record.conflicts, rejected)
        for outcome, count in zip(EVENT_OUTCOMES, outcomes, strict=True):
            self._events.events.labels(outcome).inc(count)
        settled = (record.gaps_filled, record.gaps_given_up, record.gaps_lost)
        for outcome, count in zip(SETTLED, settled, strict=True):
            self._events.gap_ids.labels(outcome).inc(count)
        self._events.milestones.inc(record.milestones)
        self._events.superseded.inc(record.superseded)
        self._store.commit_seconds.observe(record.seconds)
        self._store.commit_events.observe(sum(outcomes))
        self._store.commit_pages.observe(record.pages)

    def _late(self, _: records.FoundLate) -> None:
        self._events.late_warnings.inc()

    def _blocked(self, record: records.StoreBlocked) -> None:
        self._store.blocked.set(1)
        self._wait("store", record.wait)

    def _freed(self, record: records.StoreFreed) -> None:
        self._store.blocked.set(0)
        self._store.blocked_seconds.inc(record.seconds)

    def _collector(self, _: records.CollectorChanged) -> None:
        """The board is asked for this."""

    def _crashed(self, record: records.ChildFailed) -> None:
        self._store.restarts.labels(record.child).inc()
        self._wait("restart", record.wait)

    def _stalled(self, _: records.Stalled) -> None:
        """The process ends with it, seldom after a scrape: the start of the next one is seen."""

    def _reloaded(self, record: records.Reloaded) -> None:
        self._store.reloads.labels(record.outcome).inc()
        self._file_read(successful=record.outcome in IN_FORCE)

    def _file_read(self, *, successful: bool) -> None:
        self._store.in_force.set(successful)
        if successful:
            self._store.in_force_since.set(self._clock.now())

    def _lifecycle(self, record: records.Lifecycle) -> None:
        """What it tells is read from the board."""

    def _wait(self, reason: str, seconds: float) -> None:
        self._feed.waits.labels(reason).inc()
        self._feed.wait_seconds.labels(reason).inc(seconds)
