"""How far a feed of integer ids is covered: up to the cursor, but for what the ledger has."""

from collections.abc import Sequence
from typing import NamedTuple

from scand.core.course import Position
from scand.core.event import MAX_ID
from scand.core.instant import LATEST, Instant, instant_at
from scand.core.ledger import GapLedger, LedgerChange

FIRST = 1
"""The least id there can be."""

HISTORY_AFTER = 2
"""Windows after which the newest date of a page makes its holes history."""

Found = tuple[int, Instant | None]


class Span(NamedTuple):
    """When an answer was asked for and read, and what the calendar says."""

    begun: float
    now: float
    today: float


class Covered:
    """The cursor and what is known below it. See `Position` for what the fields mean.

    `before` is the greatest id known below the cursor, or 0.
    """

    def __init__(self, position: Position[int], before: int, ledger: GapLedger) -> None:
        self.cursor, self.anchored, _, high, self.head_at = position
        self.high = max(high, self.cursor)
        self.before, self.ledger = before, ledger

    def position(self, inclusive: bool | None) -> Position[int]:  # noqa: FBT001 - as it is known
        """What is to be known of all this after a restart."""
        return Position(self.cursor, self.anchored, inclusive, self.high, self.head_at)

    def let_go(self) -> None:
        """The cursor's event is gone, or else the one before it, that stood in for it."""
        self.before *= self.anchored
        self.anchored = False

    def begin_anew(self, lowest: int, now: float) -> LedgerChange:
        """The feed was reset, and begins at `lowest`, 0 if it is empty."""
        self.ledger.abandon(now)
        start = lowest - 1 if lowest > FIRST + 1 else 0  # asked from 1, some servers keep it back
        self.cursor, self.anchored, self.high, self.before = start, False, 0, 0
        self.head_at = float("-inf")
        return self.ledger.take_change()

    def pass_over(self, lowest: int, now: float) -> LedgerChange:
        """The feed has lost all below `lowest`."""
        self.ledger.abandon(now)
        if lowest - 1 > self.high:
            self.ledger.lose(self.high + 1, lowest - 1, now)
        self.cursor, self.anchored, self.before = lowest - 1, False, 0
        self.high = max(self.high, self.cursor)
        return self.ledger.take_change()

    def extend(self, fresh: Sequence[Found], span: Span, *, from_next: bool | None) -> int:
        """Move the cursor over `fresh`; the holes between become gaps, or history.

        `from_next`: it was asked from the id after the cursor, which the server may have kept back.
        """
        if not fresh:
            return 0
        previous, self.cursor = self.cursor, fresh[-1][0]
        self._note_before(previous, fresh[:-1])
        self.anchored = True
        known, self.high = self.high, max(self.high, self.cursor)
        if self.cursor - previous == len(fresh):
            return 0
        if from_next and previous + 1 < fresh[0][0]:
            previous += 1
            if previous > known:
                self.ledger.open(previous, previous, span.now)
        return self._account_for_holes(fresh, max(previous, known), span)

    def step_over(self, reached: int, now: float) -> bool:
        """Go on behind ids of which none could be read; what may be hidden there is a gap."""
        reached = min(max(reached, self.cursor + 1), MAX_ID)
        if reached <= self.cursor:
            return False
        self._note_before(self.cursor, ())
        self.ledger.wake(reached)
        if reached > self.high:
            self.ledger.open(max(self.cursor, self.high) + 1, reached, now)
        self.cursor, self.anchored, self.high = reached, False, max(reached, self.high)
        return True

    def go_round(self, last: int, now: float) -> int:
        """Go on behind an event that cannot be read; what is missing before it, it may hide.

        That is looked for, however old it is; but what is missing before a feed's first event is
        history, which is counted.
        """
        history = 0
        if not (self.anchored or self.before or self.high):
            history = max(last - 1 - max(self.cursor, self.high), 0)
            self.high += history
        self.step_over(last, now)
        return history

    def _account_for_holes(self, fresh: Sequence[Found], previous: int, span: Span) -> int:
        recent = self._is_recent(fresh, span)
        history = 0
        for seen, _ in fresh:
            if seen - 1 > previous:
                if recent:
                    self.ledger.open(previous + 1, seen - 1, span.now)
                else:
                    unknown = self.ledger.unknown(previous + 1, seen - 1)
                    history += sum(high - low + 1 for low, high in unknown)
            previous = max(previous, seen)
        return history

    def _note_before(self, cursor: int, below: Sequence[Found]) -> None:
        self.before = below[-1][0] if below else cursor if self.anchored else self.before

    def _is_recent(self, fresh: Sequence[Found], span: Span) -> bool:
        """Whether late ids may yet come. Dates lag behind: scanners upload late, clocks differ."""
        if span.begun - self.head_at <= self.ledger.late_window:
            return True
        newest = max((date for _, date in fresh if date is not None), default=LATEST)
        return newest >= instant_at(span.today - HISTORY_AFTER * self.ledger.late_window)
