"""Which ids were seen, and what to ask for next.

A page is the L lowest ids at or after the one asked for that are visible now. So an answer covers
everything from there to its own greatest id, whatever L was granted; ids inside that it did not
show are missing, and go to the gap ledger. `cursor` is the greatest id so covered.

What is asked, and from where:

- At first contact, after a restart or an outage, and at the head: so that the cursor's event is
  repeated, which proves that the feed is still the same one. That is from the cursor on a server
  that counts FromEventId in, and on one that does not, from the id before.
- Behind: from cursor + 1, or from the cursor where that is left out. Nothing is asked for twice.
- When a gap is due: from just before it, with at most a fifth of the requests. But at the head, one
  that lies less than half a page below the cursor is looked at by the poll itself, for nothing.

The server is known to be inclusive when it repeats the cursor's event, and to be exclusive when
it leaves that out but shows it to who asks from before it; the last proof counts. Where an answer
should repeat the cursor's event and does not, `core.continuity` finds out what became of it.

Nothing here waits or reads a clock: times are passed in, in seconds since 1970.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from scand.core.continuity import Finding, Inquiry, Verdict, inquire
from scand.core.course import Ask, Bounds, Position, Progress, Seen
from scand.core.event import MAX_ID
from scand.core.instant import LATEST, Instant, instant_at
from scand.core.ledger import Gap, GapLedger, LedgerChange

REREAD_SHARE = 0.25
"""Re-reads per ordinary request: at most a fifth of all requests."""

BUSY_SHARE = 0.25
"""A page of at least this share of the largest one seen means: ask again at once."""

FULL_PAGE = 10
"""Fewer events than this are no full page, unless fewer were asked for: what the largest page
is that the server grants, a process that has just begun cannot know."""

FIRST = 1
"""The least id there can be."""

HISTORY_AFTER = 2
"""Windows after which the newest date of a page makes its holes history."""

_Found = tuple[int, Instant | None]


class Coverage:
    """Follows a feed of integer ids from a position on: a `Course`."""

    ordered = True

    def __init__(
        self,
        position: Position[int],
        gaps: Sequence[Gap] = (),
        *,
        limit: int = 100,
        late_window: float = 600.0,
        max_id_jump: int = 10_000_000,
        inclusive: bool | None = None,
        answered: bool = False,
        before: int = 0,
        began: float = float("-inf"),
        now: float = float("inf"),
    ) -> None:
        self.cursor, self._anchored, known, high, self._head_at = position
        self._high = max(high, self.cursor)
        self.before = before
        """The greatest id known below the cursor, or 0."""
        self.ledger = GapLedger(gaps, late_window, began=began, now=now, cursor=self.cursor)
        self.inclusive = known if inclusive is None else inclusive
        self._learns = inclusive is None
        self.max_id_jump = max_id_jump
        self._answered = answered
        self._max_limit = self._limit = limit
        self._asked = Ask(position.cursor, limit)
        self._largest = 0  # elements of the largest page so far
        self._behind = False
        self._floor = 0  # polls do not look at gaps below: it was tried, and left no room
        self._reread_credit = 0.0
        self.empty = False
        self._passes = False

    @property
    def late_window(self) -> float:
        """How many seconds an id may be late, and is looked for."""
        return self.ledger.late_window

    @property
    def position(self) -> Position[int]:
        """What is to be known of all this after a restart."""
        return Position(self.cursor, self._anchored, self.inclusive, self._high, self._head_at)

    @property
    def unproven(self) -> int:
        """An event to ask for now and then, where the cursor is none that polls repeat; or 0."""
        return 0 if self._anchored else self.before

    def skip_to(self, head: int) -> None:
        """Begin at the head, an event's id or 0: what lies below is not this store's business."""
        self.cursor, self._anchored = head, head > 0

    def may_be_idle(self, ask: Ask[int]) -> bool:
        """Whether "not found" can mean that nothing is new: never where the cursor is repeated."""
        has_answered = self._answered or self._anchored or self._largest > 0
        repeats = self.inclusive is True and self._anchored and ask.from_id <= self.cursor
        return has_answered and (ask.reread or not repeats)

    def advance(self, now: float = float("-inf"), *, prove: bool = False) -> Ask[int]:
        """The question that moves the cursor; to `prove` is to have the cursor's event repeated.

        It takes along the gaps that are due `now` and near.
        """
        self._reread_credit = min(self._reread_credit + REREAD_SHARE, 1.0)
        near = self._near_gap(now)
        from_id = self.cursor + self._offset(prove=prove) if near is None else near
        from_id = min(max(from_id, 0), MAX_ID)
        self._asked = Ask(from_id, self._limit, near=near is not None)
        return self._asked

    def proves(self, ask: Ask[int]) -> bool:
        """Whether an answer to `ask` tells if the feed is still the same."""
        return not self._anchored or self._repeats_cursor(ask)

    def misses_cursor(self, ask: Ask[int], seen: Seen[int]) -> bool:
        """Whether the cursor's event should be in the answer, and is not."""
        if ask.reread or seen.unreadable or not self._repeats_cursor(ask):
            return False
        ids = [found for found, _ in seen.ids if found >= ask.from_id]
        has_room = len(ids) < min(ask.limit, max(self._largest, 1)) and not (ask.near and ids)
        return self.cursor not in ids and (has_room or max(ids) > self.cursor)

    def knows(self, lowest: int) -> bool:
        """Whether all ids below one were covered before."""
        return lowest <= max(self._high, self.cursor) + 1

    def let_go(self) -> None:
        """The event that proves the feed is gone, and the feed is the same."""
        self.before *= self._anchored
        self._anchored = False

    def pass_broken(self) -> None:
        """The cursor's event breaks its pages: it proves nothing, and is not to be asked for."""
        self._anchored, self._passes = False, True

    def bounds(self, ask: Ask[int]) -> Bounds:
        """Where the first event of an answer may be."""
        least = ask.from_id if ask.reread else self.cursor + 1
        return Bounds(least, self.max_id_jump, exclusive=self.inclusive is False)

    def learn_exclusive(self) -> None:
        """The cursor's event is there, but left out where it is asked for."""
        self.inclusive = False

    def note_empty(self) -> None:
        """The feed has no events at all now: then nothing is what there is to see."""
        self.empty = True

    def inquire(self, event: int) -> Inquiry:
        """Find out what became of an event."""
        first = 0 if self.inclusive is False else FIRST
        return inquire(event, self.before if event == self.cursor else 0, first)

    def carry_on(self, verdict: Verdict, now: float) -> LedgerChange:
        """Go on with a feed that was reset, or has lost events."""
        if verdict.finding is Finding.RESET:
            return self.begin_anew(verdict.lowest, now)
        return self.pass_over(verdict.lowest, now)

    def begin_anew(self, lowest: int, now: float) -> LedgerChange:
        """The feed was reset, and begins at `lowest`, 0 if it is empty."""
        self.ledger.abandon(now)
        start = lowest - 1 if lowest > FIRST + 1 else 0  # asked from 1, some servers keep it back
        self.cursor, self._anchored, self._high, self.before = start, False, 0, 0
        self._behind, self._head_at = False, float("-inf")
        return self.ledger.take_change()

    def pass_over(self, lowest: int, now: float) -> LedgerChange:
        """The feed has lost all below `lowest`."""
        self.ledger.abandon(now)
        if lowest - 1 > self._high:
            self.ledger.lose(self._high + 1, lowest - 1, now)
        self.cursor, self._anchored, self.before = lowest - 1, False, 0
        self._high = max(self._high, self.cursor)
        return self.ledger.take_change()

    def reread(self, now: float) -> Ask[int] | None:
        """The question that looks at gaps, when one is due and the budget allows it."""
        if self._reread_credit < 1 or (span := self.ledger.due(now, self._limit)) is None:
            return None
        self._reread_credit -= 1
        low, high = span
        from_id = self._just_before(low)
        self._asked = Ask(from_id, min(self._limit, high - from_id + 2), reread=True)
        return self._asked

    def next_reread(self) -> float:
        """When `reread` has something to ask; infinity while its budget is spent."""
        return self.ledger.next_look() if self._reread_credit >= 1 else float("inf")

    def shrink(self) -> bool:
        """The answer was too large: ask for half as much. False when that is impossible."""
        if self._asked.near:  # for less, that is
            self._floor = self.cursor
            return True
        self._limit = max(1, self._asked.limit // 2)
        self._reread_credit += self._asked.reread  # it has not had its answer yet
        return self._limit < self._asked.limit

    def absorb(
        self,
        ask: Ask[int],
        seen: Seen[int],
        begun: float,
        now: float,
        *,
        today: float | None = None,
    ) -> Progress[int]:
        """Take an answer to `ask`, requested at `begun` and read at `now`.

        `today` is what the calendar says, where that is not the clock of the gaps.
        """
        repeats = ask.from_id <= self.cursor
        found = sorted(dict(seen.ids).items())
        ids = [found_id for found_id, _ in found]
        size = len(ids) - bisect_left(ids, ask.from_id) + seen.unreadable
        self._limit = min(self._max_limit, self._limit + max(1, self._max_limit // 16))
        self._learn(ask, ids, seen.unreadable)
        fresh = self._trusted(found, ask) if ask.from_id <= self.cursor + 1 else []
        news = size - max(bisect_left(ids, self.cursor) - bisect_left(ids, ask.from_id), 0)
        self._largest = max(self._largest, size)
        self.empty &= not size
        if fresh:
            self.ledger.wake(fresh[-1][0])
        self.ledger.fill(ids, now)
        top = fresh[-1][0] if fresh else self.cursor
        self.ledger.looked(*self._shown(ask, ids, size, top), begun)
        history = self._extend(fresh, ask, begun, now, begun if today is None else today)
        moved = bool(fresh) or self._step_over(ask, seen, size, now)
        hidden = self._hides_next(ask, ids, size)
        unclear = not moved and self._is_unclear(ask, ids, size)
        at_head = not (moved or hidden or unclear or ask.reread)
        if at_head:
            self._head_at = begun
        self._floor = self.cursor if unclear else self._floor
        if not ask.reread:
            room = min(ask.limit, self._largest) * BUSY_SHARE if fresh else self._full(ask)
            self._behind = moved and news >= room
        change = self.ledger.take_change()
        ask_again = self._behind or (hidden and self.inclusive is not None)
        return Progress(self.position, change, history, at_head, ask_again, repeats)

    def _offset(self, *, prove: bool) -> int:
        """Where to ask from, seen from the cursor."""
        if not self._anchored:
            unknown = self.inclusive is None and (self._passes or not self._largest)
            return bool(self.inclusive or unknown)
        if self.inclusive is None:
            return 0
        narrow = min(self._limit, self._largest or self._limit) <= 1
        on = not prove and (self._behind or narrow)
        return on - (not self.inclusive)

    def _near_gap(self, now: float) -> int | None:
        """Where to ask from for a gap and the head: between them lies half a page at the most."""
        if self._behind or not self._anchored or self.inclusive is None:
            return None
        room = min(self._limit, self._largest) // 2 - 1  # and one for who leaves out the first
        low = self.ledger.due_near(self._floor, self.cursor, room, now)
        return None if low is None else self._just_before(low)

    def _just_before(self, low: int) -> int:
        """Where to ask from for an id, also on a server that may leave out the one asked from."""
        return low if self.inclusive else low - 1

    def _is_unclear(self, ask: Ask[int], ids: Sequence[int], size: int) -> bool:
        """Whether a page that looked at near gaps may have had no room for what is new."""
        is_full = size >= min(ask.limit, self._largest)
        return ask.near and (is_full or self.cursor not in ids)

    def _repeats_cursor(self, ask: Ask[int]) -> bool:
        return self._anchored and ask.from_id + (self.inclusive is False) <= self.cursor

    def _hides_next(self, ask: Ask[int], ids: Sequence[int], size: int) -> bool:
        """Whether the page has room for one event only, and that is the cursor's."""
        alone = size == min(ask.limit, self._largest) == 1 and ids[-1:] == [self.cursor]
        return alone and self.cursor < MAX_ID

    def _full(self, ask: Ask[int]) -> int:
        return min(ask.limit, max(self._largest, FULL_PAGE))

    def _learn(self, ask: Ask[int], ids: Sequence[int], unreadable: int) -> None:
        self._anchored |= self.cursor in ids
        # an element without id may be the cursor's event, and one from below belongs elsewhere
        disorder = unreadable or (ids and ids[0] < ask.from_id)
        if not self._learns or not self._anchored or disorder:
            return
        if ids[:1] == [ask.from_id]:
            self.inclusive = True
        elif self.inclusive is None and ask.from_id == self.cursor:
            self.inclusive = False

    def _trusted(self, found: list[_Found], ask: Ask[int]) -> list[_Found]:
        """Ids up to the first jump too far to believe, unless a full page lies beyond it."""
        at = bisect_right(found, self.cursor, key=_id_of)
        fresh = found[at:]
        if not fresh or fresh[-1][0] - self.cursor <= self.max_id_jump:
            return fresh
        steps = enumerate(pairwise([self.cursor, *map(_id_of, fresh)]))
        jumps = [place for place, (low, high) in steps if high - low > self.max_id_jump]
        ends = [*jumps, len(fresh)]
        if ends[0] == 0:
            beyond = len(fresh) + (at > 0)  # the cursor's event takes a place as well
            proven = not ask.reread and beyond >= self._full(ask)
            if proven or not self._anchored:
                del ends[0]
        return fresh[: ends[0]]

    def _shown(self, ask: Ask[int], ids: Sequence[int], size: int, top: int) -> tuple[int, int]:
        """The ids of which an answer showed all that are visible, `top` being the last of use."""
        least = ask.from_id + (not self.inclusive)
        if not size and self._anchored and not self.empty:  # contradicts the cursor
            return least, least - 1
        if not size:
            return least, self.cursor
        greatest = [0, *ids][bisect_right(ids, top)]
        return least, min(top, max(greatest, self._reach(ask, size)))

    def _reach(self, ask: Ask[int], size: int) -> int:
        """The `size` lowest ids from the one asked for lie at least so far apart."""
        return ask.from_id + size - (self.inclusive is not False)

    def _extend(
        self, fresh: list[_Found], ask: Ask[int], begun: float, now: float, today: float
    ) -> int:
        """Move the cursor over `fresh`; the holes between become gaps, or history."""
        if not fresh:
            return 0
        previous, self.cursor = self.cursor, fresh[-1][0]
        self._note_before(previous, fresh[:-1])
        self._anchored, self._passes = True, False
        known, self._high = self._high, max(self._high, self.cursor)
        if self.cursor - previous == len(fresh):
            return 0
        if self.inclusive is None and ask.from_id == previous + 1 < fresh[0][0]:
            previous = ask.from_id  # which an exclusive server keeps back
            if previous > known:
                self.ledger.open(previous, previous, now)
        recent = self._is_recent(fresh, begun, today)
        history = 0
        for seen, _ in fresh:
            if seen - 1 > (previous := max(previous, known)):
                if recent:
                    self.ledger.open(previous + 1, seen - 1, now)
                else:
                    history += seen - previous - 1
            previous = seen
        return history

    def _note_before(self, cursor: int, below: Sequence[_Found]) -> None:
        self.before = below[-1][0] if below else cursor if self._anchored else self.before

    def _is_recent(self, fresh: list[_Found], begun: float, today: float) -> bool:
        """Whether late ids may yet come. Dates lag behind: scanners upload late, clocks differ."""
        if begun - self._head_at <= self.ledger.late_window:
            return True
        newest = max((date for _, date in fresh if date is not None), default=LATEST)
        return newest >= instant_at(today - HISTORY_AFTER * self.ledger.late_window)

    def _step_over(self, ask: Ask[int], seen: Seen[int], size: int, now: float) -> bool:
        """Pass a full page in which no new id could be read; what it may have hidden is a gap."""
        if ask.reread or ask.near or not seen.unreadable or size < min(ask.limit, self._largest):
            return False
        reached = min(max(self._reach(ask, size), self.cursor + 1), MAX_ID)
        if reached <= self.cursor:
            return False
        self._note_before(self.cursor, ())
        self.ledger.wake(reached)
        if reached > self._high:
            self.ledger.open(max(self.cursor, self._high) + 1, reached, now)
        self.cursor, self._anchored, self._high = reached, False, max(reached, self._high)
        return True


def _id_of(found: _Found) -> int:
    return found[0]
