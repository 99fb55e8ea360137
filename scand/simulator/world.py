"""The carrier's side of the feed: which events exist, which are visible now, and their pages.

Every event is rendered once. A page is joined from rendered bytes, found by bisection: a request
costs the copy of its body.
"""

import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from random import Random

import trio

from scand.simulator.dialect import EventId
from scand.simulator.oracle import Order, Parcel, expected
from scand.simulator.plan import WorldPlan
from scand.simulator.scans import TICKS, Scan, repaired, scans

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds that pass, from anywhere, and the wall clock in seconds since 1970.

    The default needs a running trio loop, and follows a MockClock.
    """

    seconds: Callable[[], float] = field(default=trio.current_time)
    wall: Callable[[], float] = field(default=time.time)


@dataclass(frozen=True, slots=True)
class Page:
    """The first visible ids from an id on, as served."""

    ids: list[EventId]
    events: int  # as rendered: an event served twice counts twice
    body: bytes


class UnknownIdError(LookupError):
    """There is no event to begin with: opaque ids have no neighbours."""


class World:
    """Deterministic by its plan; time decides only what has become visible of it.

    Every visible event has a place, by which the feed is ordered: that is its number, or where ids
    are opaque, how many became visible before it.
    """

    def __init__(self, plan: WorldPlan, clock: Clock | None = None) -> None:
        self.plan = plan
        self.clock = clock or Clock()
        self.data_faults: Counter[str] = Counter()
        self._started = self.clock.seconds()
        self._source = scans(plan, self._start_in_ticks())
        self._ahead: deque[Scan] = deque()  # drawn, not arrived
        self._arrived: list[Scan] = []
        self._late: list[tuple[float, int, Scan]] = []  # a heap: arrived, not visible
        self._places: list[int] = []
        self._shown: list[Scan] = []
        self._rendered: list[bytes] = []
        self._place_of: dict[EventId, int] = {}  # where ids are opaque
        self._advance()  # the backlog is built here, not within the first request

    @property
    def head(self) -> EventId:
        """The last visible id; 0 before the first."""
        self._advance()
        return self._shown[-1].event_id if self._shown else 0

    @property
    def visible(self) -> int:
        """How many events are visible now."""
        self._advance()
        return len(self._shown)

    @property
    def events(self) -> int:
        """How many events exist by now, visible or late."""
        self._advance()
        return len(self._arrived)

    @property
    def settled(self) -> bool:
        """True once nothing more will ever become visible."""
        self._advance()
        return not self._late and not self._ahead

    def page(self, from_id: EventId, limit: int) -> Page:
        """The first `limit` events from `from_id` on that are visible now; "" is the beginning.

        Raises UnknownIdError.
        """
        self._advance()
        place = self._place(from_id)
        first = bisect_left(self._places, place + self.plan.dialect.exclusive)
        shown = self._shown[first : first + limit]
        rendered = self._rendered[first : first + limit]
        if self.plan.faults.duplicates:
            pairs = zip(shown, rendered, strict=True)
            rendered = [raw for scan, once in pairs for raw in (once,) * (1 + scan.repeated)]
        if self.plan.faults.out_of_order:
            self._shuffle(rendered, place, limit)
        ids = [scan.event_id for scan in shown]
        return Page(ids, len(rendered), self.plan.dialect.page(rendered))

    def freeze(self) -> None:
        """From now on nothing new is generated, and what is late is visible at once."""
        self._advance()
        self._source = iter(())
        self._ahead.clear()
        self._reveal(float("inf"))

    def repair(self) -> None:
        """From now on what is malformed is served as it should have been, and counts as valid."""
        self._advance()
        self._source = map(repaired, self._source)
        self._ahead = deque(map(repaired, self._ahead))
        self._arrived = [repaired(scan) for scan in self._arrived]
        whole = {scan.number: scan for scan in self._arrived}
        self._shown = [whole[scan.number] for scan in self._shown]
        self._rendered = [scan.raw for scan in self._shown]
        self._late = [(visible, number, whole[number]) for visible, number, _ in self._late]

    def oracle(self, order: Order = "event_id", *, visible_only: bool = False) -> dict[int, Parcel]:
        """What every parcel must look like in the end, or by what is visible now.

        A finite world counts what has yet to arrive; an endless one what has arrived so far.
        """
        self._advance()
        if visible_only:
            late = {number for _, number, _ in self._late}
            return expected((scan for scan in self._arrived if scan.number not in late), order)
        if self.plan.events is None:
            return expected(self._arrived, order)
        self._ahead.extend(self._source)
        return expected((*self._arrived, *self._ahead), order)

    def _start_in_ticks(self) -> int:
        if self.plan.starts_at is None:
            return int(self.clock.wall() * TICKS)
        return (self.plan.starts_at - _EPOCH) // timedelta(microseconds=1) * (TICKS // 1_000_000)

    def _advance(self) -> None:
        now = self.clock.seconds() - self._started
        for scan in self._due(now):
            self._arrive(scan, now)
        self._reveal(now)

    def _due(self, now: float) -> Iterator[Scan]:
        while self._ahead or self._draw():
            if self._ahead[0].arrives > now:
                return
            yield self._ahead.popleft()

    def _draw(self) -> bool:
        scan = next(self._source, None)
        if scan is not None:
            self._ahead.append(scan)
        return scan is not None

    def _arrive(self, scan: Scan, now: float) -> None:
        self._count(scan)
        self._arrived.append(scan)
        if scan.visible <= now:
            self._show(scan)
        else:
            heappush(self._late, (scan.visible, scan.number, scan))

    def _reveal(self, now: float) -> None:
        while self._late and self._late[0][0] <= now:
            _, _, scan = heappop(self._late)
            self._show(scan)

    def _show(self, scan: Scan) -> None:
        place = scan.number
        if self.plan.dialect.opaque:
            place = self._place_of[scan.event_id] = len(self._places)
        at = bisect_left(self._places, place)
        self._places.insert(at, place)
        self._shown.insert(at, scan)
        self._rendered.insert(at, scan.raw)

    def _place(self, event_id: EventId) -> int:
        if isinstance(event_id, int):
            return event_id
        if not event_id:
            return -1
        try:
            return self._place_of[event_id]
        except KeyError:
            raise UnknownIdError(event_id) from None

    def _count(self, scan: Scan) -> None:
        before = self._arrived[-1].number if self._arrived else self.plan.start_id - 1
        self.data_faults.update(
            missing=scan.number - before - 1,
            late=scan.visible > scan.arrives,
            malformed=not scan.valid,
            unknown=not scan.known,
            duplicates=scan.repeated,
        )

    def _shuffle(self, rendered: list[bytes], place: int, limit: int) -> None:
        # By what was asked, not by how often: the same question gets the same answer.
        dice = Random(hash((self.plan.seed, place, limit)))  # noqa: S311 - no secret
        if dice.random() < self.plan.faults.out_of_order:
            dice.shuffle(rendered)
