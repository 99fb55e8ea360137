"""The gap ledger: ids below the head that were not there when their successor was.

A carrier that assigns ids before it commits its own transactions shows id 8 before id 7. Such an
id is looked for until `late_window` has passed since its successor was first seen. It is given up
only by a successful re-read begun after that; the clock alone gives nothing up.

A gap is looked at again when its age has doubled: a late id is found within twice its lateness,
and a gap costs about ten re-reads in all, however long the window. Everything is in seconds since
1970: gaps outlive the process. The clock may be set while no process watches, so the window of a
gap that was found in the store begins anew: it may be kept longer, and is never given up early.
"""

import heapq
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from scand.core.event import MAX_ID

FIRST_LOOK = 1.0
"""Seconds after which a new gap is looked at for the first time."""


class Gap(NamedTuple):
    """Ids `low`..`high`, missing since `since`."""

    low: int
    high: int
    since: float


class Outcome(StrEnum):
    """How a gap ended."""

    FILLED = "filled"
    GIVEN_UP = "given_up"
    LOST = "lost"  # the feed has it no longer: retention, or a reset
    SKIPPED = "skipped"  # an operator moved the cursor over it


class Settled(NamedTuple):
    """Ids `low`..`high`, missing since `since`, are missing no more since `at`."""

    outcome: Outcome
    low: int
    high: int
    since: float
    at: float


class LedgerChange(NamedTuple):
    """What a page did to the ledger, to be committed with it."""

    removed: Sequence[int] = ()
    put: Sequence[Gap] = ()
    settled: Sequence[Settled] = ()


class GapLedger:
    """The open gaps, disjoint, and when each is due.

    Gaps above the cursor, which was moved back, sleep until it has come by again.
    """

    def __init__(
        self,
        gaps: Iterable[Gap],
        late_window: float,
        *,
        began: float = float("-inf"),
        now: float = float("inf"),
        cursor: int = MAX_ID,
    ) -> None:
        self.late_window = late_window
        self._began = began
        self._lows: list[int] = []
        self._gaps: dict[int, Gap] = {}
        self._due: dict[int, float] = {}
        self._queue: list[tuple[float, int]] = []  # entries that `_due` no longer confirms are void
        self._forget()
        known = [Gap(low, high, min(since, now)) for low, high, since in gaps]  # a clock was ahead
        self._asleep = deque(sorted(known))
        self.wake(cursor)

    def __len__(self) -> int:
        return len(self._gaps) + len(self._asleep)

    def wake(self, cursor: int) -> None:
        """The cursor comes by."""
        while self._asleep and self._asleep[0].low <= cursor:
            gap = self._asleep.popleft()
            self._add(gap, gap.since + FIRST_LOOK)
            del self._put[gap.low]  # the store has it already

    def take_change(self) -> LedgerChange:
        """What has changed since this was last asked."""
        change = LedgerChange(sorted(self._removed), sorted(self._put.values()), self._settled)
        self._forget()
        return change

    def unknown(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """What of `low`..`high` lies in no gap that is awake: all of it, on a first passage."""
        at = bisect_right(self._lows, high)
        if not at or self._gaps[self._lows[at - 1]].high < low:
            yield low, high
            return
        for start in self._lows[max(bisect_right(self._lows, low) - 1, 0) : at]:
            if low < start:
                yield low, start - 1
            low = max(low, self._gaps[start].high + 1)
        if low <= high:
            yield low, high

    def open(self, low: int, high: int, now: float) -> None:
        """Ids `low`..`high` are missing too, where that is not known yet."""
        for start, end in [*self.unknown(low, high)]:
            self._open(start, end, now)

    def _open(self, low: int, high: int, now: float) -> None:
        """A gap that touches the last one becomes one with it, as young as the younger."""
        due = now + FIRST_LOOK
        if self._lows and (last := self._gaps[self._lows[-1]]).high == low - 1:
            due = self._due[last.low]
            self._remove(last)
            low = last.low
        self._add(Gap(low, high, now), due)

    def fill(self, ids: Sequence[int], now: float) -> None:
        """These ids, ascending, have been seen."""
        if not self._lows:
            return
        top = self._gaps[self._lows[-1]].high
        for seen in ids[: bisect_right(ids, top)]:
            self._fill_one(seen, now)

    def holds(self, place: int) -> bool:
        """Whether this id is looked for."""
        return self._gap_at(place) is not None

    def split(self, place: int) -> None:
        """What lies above this id is looked at on its own from now on."""
        gap = self._gap_at(place)
        if gap is None or gap.high == place:
            return
        due = self._due[gap.low]
        self._remove(gap)
        self._add(gap._replace(high=place), due)
        self._add(gap._replace(low=place + 1), due)

    def looked(self, low: int, high: int, begun: float) -> None:
        """A request begun at `begun`, for ids from `low` on, has shown all up to `high`.

        If that is less than a gap at `low`, the others take their turns before it.
        """
        inside = self._lows[bisect_left(self._lows, low) : bisect_right(self._lows, high)]
        for gap in [self._gaps[start] for start in inside]:
            if begun < self._deadline(gap):
                self._schedule(gap, self._next_look_at(gap, begun))
                continue
            self._remove(gap)
            self._settled.append(
                Settled(Outcome.GIVEN_UP, gap.low, min(gap.high, high), gap.since, begun)
            )
            if gap.high > high:
                self._add(Gap(high + 1, gap.high, gap.since), begun)
        if low in self._gaps and self._due[low] <= begun:
            self._schedule(self._gaps[low], begun + FIRST_LOOK)

    def lose(self, low: int, high: int, now: float) -> None:
        """Ids `low`..`high` are not to be had any more."""
        self._settled.append(Settled(Outcome.LOST, low, high, now, now))

    def abandon(self, now: float) -> None:
        """Nothing that is missing is to be had any more."""
        self.wake(MAX_ID)
        for gap in list(self._gaps.values()):
            self._remove(gap)
            self._settled.append(Settled(Outcome.LOST, *gap, now))

    def due(self, now: float, reach: int) -> tuple[int, int] | None:
        """The ids to re-read now: a gap that is due, with its neighbours up to `reach` ids on."""
        if not self._gaps or 0 < self.next_look() - now <= max(self.late_window, FIRST_LOOK):
            return None  # a wait of more than that: the clock went back, look at once
        first = self._gaps[self._queue[0][1]]
        last = self._gaps[self._lows[bisect_right(self._lows, first.low + reach) - 1]]
        return first.low, min(last.high, max(first.high, first.low + reach))

    def due_near(self, floor: int, cursor: int, room: int, now: float) -> int | None:
        """The first id of the lowest gap above `floor` that is due.

        From there to `cursor` there must be `room` for all ids that are not missing.
        """
        lowest, missing = None, 0
        for at in range(bisect_right(self._lows, cursor) - 1, -1, -1):
            low, high, _ = self._gaps[self._lows[at]]
            missing += high - low + 1
            if low <= floor or cursor - low + 1 - missing > room:
                break
            lowest = low if self._due[low] <= now else lowest
        return lowest

    def next_look(self) -> float:
        """When the next gap is due; infinity when there is none."""
        while self._queue and self._due.get(self._queue[0][1]) != self._queue[0][0]:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else float("inf")

    def _gap_at(self, place: int) -> Gap | None:
        at = bisect_right(self._lows, place) - 1
        gap = self._gaps[self._lows[at]] if at >= 0 else None
        return gap if gap is not None and gap.high >= place else None

    def _fill_one(self, seen: int, now: float) -> None:
        if (gap := self._gap_at(seen)) is None:
            return
        self._remove(gap)
        self._settled.append(Settled(Outcome.FILLED, seen, seen, gap.since, now))
        for low, high in ((gap.low, seen - 1), (seen + 1, gap.high)):
            if low <= high:
                self._add(Gap(low, high, gap.since), self._next_look_at(gap, now))

    def _deadline(self, gap: Gap) -> float:
        """From when on a look decides. What came before this process, its clock did not see."""
        return max(gap.since, self._began) + self.late_window

    def _next_look_at(self, gap: Gap, now: float) -> float:
        age = max(now - gap.since, FIRST_LOOK)
        return min(now + age, max(now, self._deadline(gap)))

    def _add(self, gap: Gap, due: float) -> None:
        insort(self._lows, gap.low)
        self._gaps[gap.low] = gap
        self._schedule(gap, due)
        self._put[gap.low] = gap
        self._removed.discard(gap.low)

    def _schedule(self, gap: Gap, due: float) -> None:
        self._due[gap.low] = due
        heapq.heappush(self._queue, (due, gap.low))

    def _remove(self, gap: Gap) -> None:
        del self._lows[bisect_left(self._lows, gap.low)]
        del self._gaps[gap.low], self._due[gap.low]
        self._put.pop(gap.low, None)
        self._removed.add(gap.low)

    def _forget(self) -> None:
        self._removed: set[int] = set()
        self._put: dict[int, Gap] = {}
        self._settled: list[Settled] = []
