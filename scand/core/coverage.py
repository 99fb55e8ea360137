"""Which ids were seen, and what to ask for next.

A page is the L lowest ids at or after the one asked for that are visible now. So an answer covers
everything from there to its own greatest id, whatever L was granted; ids inside that it did not
show are missing, and go to the gap ledger. `cursor` is the greatest id so covered.

What is asked, and from where:

- At first contact, after a restart and at the head: from the cursor. An inclusive server repeats
  that event, which proves that the feed is still the same one; an exclusive one loses nothing.
- Behind, on a server known to be inclusive: from cursor + 1. Nothing is asked for twice.
- When a gap is due: from just before it, with at most a fifth of the requests.

The server is known to be inclusive when it repeats the cursor's event. Nothing here waits or
reads a clock: times are passed in, in seconds since 1970.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from scand.core.instant import Instant, instant_at
from scand.core.ledger import Gap, GapLedger, LedgerChange

REREAD_SHARE = 0.25
"""Re-reads per ordinary request: at most a fifth of all requests."""

BUSY_SHARE = 0.25
"""A page of at least this share of the largest one seen means: ask again at once."""


_Found = tuple[int, Instant | None]


class Ask(NamedTuple):
    """A question to the carrier, and whether it only looks at gaps."""

    from_id: int
    limit: int
    reread: bool = False


class Position(NamedTuple):
    """How far the feed is covered. `anchored`: the cursor is an event's id, not just a start."""

    cursor: int
    anchored: bool


class Seen(NamedTuple):
    """What an answer showed: ids, with times where they could be read, and elements without id."""

    ids: Sequence[_Found]
    unreadable: int = 0


class Progress(NamedTuple):
    """What an answer meant.

    `history` counts ids missing from before the window: totalled, not looked for.
    """

    position: Position
    change: LedgerChange
    history: int
    at_head: bool
    ask_again: bool


class Coverage:
    """Follows a feed of integer ids from a position on."""

    def __init__(
        self,
        position: Position,
        gaps: Sequence[Gap] = (),
        *,
        limit: int = 100,
        late_window: float = 600.0,
        max_id_jump: int = 10_000_000,
        inclusive: bool | None = None,
    ) -> None:
        self.cursor, self._anchored = position
        self.ledger = GapLedger(gaps, late_window)
        self.inclusive = inclusive
        self.max_id_jump = max_id_jump
        self._max_limit = self._limit = limit
        self._largest = 0  # elements of the largest page so far
        self._behind = False
        self._reread_credit = 0.0
        self._head_at = float("-inf")

    def skip_to(self, first: int) -> None:
        """Begin at `first`: what lies below is not this store's business."""
        self.cursor, self._anchored = max(first - 1, 0), False

    def may_be_idle(self, ask: Ask) -> bool:
        """Whether "not found" can mean that nothing is new: never where the cursor is repeated."""
        return self._anchored and not self.inclusive and not ask.reread

    def advance(self) -> Ask:
        """The question that moves the cursor."""
        self._reread_credit = min(self._reread_credit + REREAD_SHARE, 1.0)
        return Ask(self.cursor + self._skips_cursor(), self._limit)

    def reread(self, now: float) -> Ask | None:
        """The question that looks at gaps, when one is due and the budget allows it."""
        if self._reread_credit < 1 or (span := self.ledger.due(now, self._limit)) is None:
            return None
        self._reread_credit -= 1
        low, high = span
        before = 0 if self.inclusive or low == 0 else 1  # for a server that excludes the id asked
        return Ask(low - before, min(self._limit, high - low + 2 + before), reread=True)

    def next_reread(self) -> float:
        """When `reread` has something to ask; infinity while its budget is spent."""
        return self.ledger.next_look() if self._reread_credit >= 1 else float("inf")

    def shrink(self) -> bool:
        """The answer was too large: ask for half as much. False when that is impossible."""
        self._limit, old = max(1, self._limit // 2), self._limit
        return self._limit < old

    def absorb(self, ask: Ask, seen: Seen, begun: float, now: float) -> Progress:
        """Take an answer to `ask`, requested at `begun` and read at `now`."""
        size = len(seen.ids) + seen.unreadable
        self._largest = max(self._largest, size)
        self._limit = min(self._max_limit, self._limit + max(1, self._max_limit // 16))
        found = sorted(dict(seen.ids).items())
        ids = [found_id for found_id, _ in found]
        self._learn(ask, ids)
        fresh = self._trusted(found[bisect_right(ids, self.cursor) :], ask, size)
        self.ledger.fill(ids, now)
        if ids:
            top = min(ids[-1], fresh[-1][0] if fresh else self.cursor)
            self.ledger.looked(ask.from_id + (not self.inclusive), top, begun)
        history = self._extend(fresh, now)
        moved = bool(fresh) or self._step_over(ask, seen, size)
        hidden = self._hides_next(ask, size)
        at_head = not (moved or hidden or ask.reread)
        if at_head:
            self._head_at = begun
        if not ask.reread:
            self._behind = moved and size >= self._largest * BUSY_SHARE
        change = self.ledger.take_change()
        position = Position(self.cursor, self._anchored)
        return Progress(position, change, history, at_head, self._behind or hidden)

    def _skips_cursor(self) -> bool:
        if not self._anchored:
            return self.inclusive is not False
        return self.inclusive is True and (self._behind or min(self._limit, self._largest) <= 1)

    def _hides_next(self, ask: Ask, size: int) -> bool:
        """A page of one event, asked from the cursor, has room for the cursor's event alone."""
        room = min(ask.limit, self._largest)
        return size == room == 1 and ask.from_id == self.cursor and self.inclusive is True

    def _learn(self, ask: Ask, ids: Sequence[int]) -> None:
        if self.inclusive is not None or not self._anchored or ask.from_id != self.cursor:
            return
        if self.cursor in ids:
            self.inclusive = True
        elif ids and ids[-1] > self.cursor:
            self.inclusive = False

    def _trusted(self, fresh: list[_Found], ask: Ask, size: int) -> list[_Found]:
        """Ids up to the first jump too far to believe, unless a full page lies beyond it."""
        previous = self.cursor
        for at, (seen, _) in enumerate(fresh):
            if self._anchored and seen - previous > self.max_id_jump:
                full = size >= min(ask.limit, self._largest)
                return fresh if full and at == 0 else fresh[:at]
            previous = seen
        return fresh

    def _extend(self, fresh: list[_Found], now: float) -> int:
        """Move the cursor over `fresh`; the holes between become gaps, or history."""
        if not fresh:
            return 0
        previous, self.cursor = self.cursor, fresh[-1][0]
        self._anchored = True
        if self.cursor - previous == len(fresh):
            return 0
        recent = now - self._head_at <= self.ledger.late_window
        oldest = instant_at(now - self.ledger.late_window)
        history = 0
        for seen, created_at in fresh:
            if seen - previous > 1:
                if recent or created_at is None or created_at >= oldest:
                    self.ledger.open(previous + 1, seen - 1, now)
                else:
                    history += seen - previous - 1
            previous = seen
        return history

    def _step_over(self, ask: Ask, seen: Seen, size: int) -> bool:
        """Pass a full page in which no new id could be read.

        Its elements are the `size` lowest ids from the one asked for, so that many ids on from
        there nothing is left that it did not show.
        """
        reached = ask.from_id + size - 1
        if not seen.unreadable or size < min(ask.limit, self._largest) or reached <= self.cursor:
            return False
        self.cursor, self._anchored = reached, False
        return True
