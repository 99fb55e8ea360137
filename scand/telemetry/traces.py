"""Traces: what befell each page and event, put together when it is known.

    records ──> Tracer ──PageTrace──> queue ──> a thread ──spans──> the collector

Nobody holds a span open, and nothing is passed along with the data but its moments: a span has
explicit times, and is made when its page is durable, or given up. Until then a page is an entry in
`Tracer`, and until it is sent it is a `PageTrace` in a bounded queue.

Nothing of OpenTelemetry is imported here: `tracing` does that, once there is an endpoint.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from operator import itemgetter
from random import SystemRandom
from typing import Any, NamedTuple

import trio
from structlog.contextvars import bound_contextvars

from scand import records
from scand.core.trail import Passage, Trail
from scand.ports import Clock, Observer

MAX_HAPPENINGS = 100
"""Remembered of what happens on the way to a page: an outage may last for days."""


class PageId(NamedTuple):
    """Which trace a page has, and which span in it is the page."""

    trace: int
    span: int


class Happening(NamedTuple):
    """Something that happened at a moment of trio's clock."""

    name: str
    at: float
    attributes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A page that was read, and what happened on the way to it."""

    id: PageId
    record: records.PageFetched
    trail: Trail
    happenings: Sequence[Happening]


@dataclass(frozen=True, slots=True)
class PageTrace:
    """All that is known of a page in the end. `passage` and `commit` are of one that is durable.

    `commit` is when its transaction began and ended; `failure` says why there is none, where one
    was to be; `zero` is the time of day, in ns since 1970, at which trio's clock stood at 0.
    """

    page: Arrived
    ended: float
    zero: int
    passage: Passage | None = None
    commit: tuple[float, float] | None = None
    happenings: Sequence[Happening] = ()
    failure: str = ""

    @property
    def spans(self) -> int:
        """How many spans this makes at the most."""
        return PAGE_SPANS + EVENT_SPANS * len(self.passage.sightings if self.passage else ())


class SpanCounts(NamedTuple):
    """What became of the spans so far: for metrics, at the moment of a scrape."""

    exported: int = 0
    dropped: int = 0
    waiting: int = 0


PAGE_SPANS = 5
EVENT_SPANS = 5
"""A root and its children, of a page and of an event."""


class Tracer:
    """An observer before others: puts pages together, and adds to the log which trace it is of."""

    def __init__(self, inner: Observer, put: Callable[[PageTrace], None], clock: Clock) -> None:
        self._inner, self._put, self._clock = inner, put, clock
        self._under_way: dict[int, Arrived] = {}  # no more than the channels hold
        self._next = _new_page()
        self._on_the_way: deque[Happening] = deque(maxlen=MAX_HAPPENINGS)
        self._at_the_store: deque[Happening] = deque(maxlen=MAX_HAPPENINGS)
        self._committed: PageId | None = None
        self._crash = ""
        self._takers: dict[type[records.Record], Callable[[Any], PageId | None]] = {
            records.PageFetched: self._page,
            records.FetchFailed: self._fetch_failed,
            records.BreakerChanged: self._breaker,
            records.FeedBetrayed: lambda _: self._next,
            records.Committed: self._commit,
            records.EventsRejected: lambda _: self._committed,
            records.StoreBlocked: self._blocked,
            records.StoreFreed: self._freed,
            records.ChildFailed: self._crashed,
            records.Lifecycle: self._lifecycle,
        }

    def __call__(self, record: records.Record) -> None:
        """Take one record, and tell the others."""
        taker = self._takers.get(type(record))
        with _in_log(taker(record) if taker else None):
            self._inner(record)

    def _page(self, record: records.PageFetched) -> PageId | None:
        if record.trail is None:
            return None
        arrived = Arrived(self._next, record, record.trail, list(self._on_the_way))
        self._next = _new_page()
        self._on_the_way.clear()
        if record.sequence is None:
            self._tell(arrived, ended=record.trail.decoded)
        else:
            self._under_way[record.sequence] = arrived
        return arrived.id

    def _fetch_failed(self, record: records.FetchFailed) -> PageId:
        told = {
            "scand.kind": record.kind,
            "scand.reason": record.reason,
            "scand.wait_seconds": record.wait,
        }
        return self._note("retry", told)

    def _breaker(self, record: records.BreakerChanged) -> PageId:
        return self._note("breaker", {"scand.old": record.old, "scand.new": record.new})

    def _note(self, name: str, attributes: Mapping[str, object]) -> PageId:
        self._on_the_way.append(Happening(name, trio.current_time(), attributes))
        return self._next

    def _blocked(self, record: records.StoreBlocked) -> None:
        told = {"scand.reason": record.reason, "scand.wait_seconds": record.wait}
        self._at_the_store.append(Happening("store_blocked", trio.current_time(), told))

    def _freed(self, _: records.StoreFreed) -> None:
        self._at_the_store.append(Happening("store_freed", trio.current_time(), {}))

    def _commit(self, record: records.Committed) -> PageId | None:
        ended = trio.current_time()
        commit, happenings = (ended - record.seconds, ended), list(self._at_the_store)
        self._at_the_store.clear()
        committed: list[tuple[bool, PageId]] = []
        for passage in record.passages:
            arrived = self._under_way.pop(passage.sequence, None)
            if arrived is not None:
                self._tell(arrived, ended, passage=passage, commit=commit, happenings=happenings)
                committed.append((_has_dead_letters(passage), arrived.id))
        _, self._committed = max(committed, key=itemgetter(0), default=(False, None))
        return self._committed

    def _crashed(self, record: records.ChildFailed) -> None:
        if record.child == "ingest":
            self._crash = "; ".join(record.causes)
            self._abandon()

    def _lifecycle(self, record: records.Lifecycle) -> None:
        """A generation of ingest begins, or there will be none: what was under way is not now."""
        if record.event in {"following", "stopped"}:
            self._abandon()
            self._crash = ""

    def _abandon(self) -> None:
        failure = self._crash or "its generation was ended before it was committed"
        for arrived in self._under_way.values():
            self._tell(arrived, trio.current_time(), failure=failure)
        self._under_way.clear()
        self._on_the_way.clear()
        self._at_the_store.clear()

    def _tell(self, arrived: Arrived, ended: float, **rest: Any) -> None:  # noqa: ANN401 - a PageTrace's
        zero = round(self._clock.now() * 1e9) - round(trio.current_time() * 1e9)
        self._put(PageTrace(arrived, ended, zero, **rest))


def _has_dead_letters(passage: Passage) -> bool:
    return any(sighting.reason for sighting in passage.sightings)


_random = SystemRandom()


def _new_page() -> PageId:
    """Ids that are not 0, which OpenTelemetry takes for none."""
    return PageId(_random.randrange(1, 1 << 128), _random.randrange(1, 1 << 64))


def _in_log(page: PageId | None) -> AbstractContextManager[None]:
    if page is None:
        return nullcontext()
    return bound_contextvars(trace_id=f"{page.trace:032x}", span_id=f"{page.span:016x}")
