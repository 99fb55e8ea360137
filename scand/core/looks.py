"""When to look again at what is covered: at gaps, and beyond a jump that is not believed yet.

They are at most a fifth of the requests. But at the head, a gap that lies less than half a page
below the cursor is looked at by the poll itself, for nothing.
"""

from scand.core.answer import Answer
from scand.core.course import Ask
from scand.core.covered import Covered
from scand.core.leap import Leap
from scand.core.server import Server

SHARE = 0.25
"""Looks per ordinary request."""


class Looks:
    """The looks at what was covered so far, on a server known so well."""

    def __init__(self, covered: Covered, server: Server) -> None:
        self._covered, self._server, self._ledger = covered, server, covered.ledger
        self._credit = 0.0
        self._floor = 0  # polls do not look at gaps below: it was tried, and left no room
        self.leap = Leap()

    def earn(self) -> None:
        """An ordinary question is asked."""
        self._credit = min(self._credit + SHARE, 1.0)

    def owe(self, questions: int) -> None:
        """So many more were asked: the next looks wait until they are made up."""
        self._credit -= questions

    def due(self, now: float) -> Ask[int] | None:
        """The next look, when it is due, and within budget."""
        if self._credit < 1 or (ask := self._beyond_leap(now) or self._at_gaps(now)) is None:
            return None
        self.owe(1)
        return ask

    def next(self) -> float:
        """When one is due; infinity while the budget is spent."""
        if self._credit < 1:
            return float("inf")
        return min(self.leap.next_look, self._ledger.next_look())

    def near(self, now: float) -> int | None:
        """Where a poll asks from for a gap and the head: between them lies half a page at most."""
        # and one for who leaves out the first
        room = self._server.granted(self._server.limit) // 2 - 1
        low = self._ledger.due_near(self._floor, self._covered.cursor, room, now)
        return None if low is None else self._server.just_before(low)

    def leave_near(self) -> None:
        """The gaps below the cursor leave a poll no room: they are looked at by themselves."""
        self._floor = self._covered.cursor

    def note(self, ask: Ask[int], answer: Answer, begun: float, *, moves: bool) -> None:
        """Take what an answer, asked for at `begun`, says of a jump; or the cursor `moves`."""
        if moves:
            self.leap.settle()
        elif not ask.reread:
            proven = len(self.leap) >= self._server.full(ask.limit)
            above = answer.above(self._covered.cursor)
            self.leap.polled(above, full=answer.is_full and not proven)
        elif 0 < self.leap.last <= ask.from_id:
            self.leap.looked(answer.above(self.leap.last), begun)

    def _at_gaps(self, now: float) -> Ask[int] | None:
        if (span := self._ledger.due(now, self._server.limit)) is None:
            return None
        low, high = span
        from_id = self._server.just_before(low)
        return Ask(from_id, min(self._server.limit, high - from_id + 2), reread=True)

    def _beyond_leap(self, now: float) -> Ask[int] | None:
        if self.leap.next_look > now:
            return None
        from_id = self.leap.last + bool(self._server.inclusive)
        return Ask(from_id, self._server.limit, reread=True)
