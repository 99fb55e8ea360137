"""Which ids were seen, and what to ask for next.

A page is the L lowest ids at or after the one asked for that are visible now. So an answer covers
everything from there to its own greatest id, whatever L was granted; ids inside that it did not
show are missing, and go to the gap ledger. `cursor` is the greatest id so covered.

What is asked, and from where:

- At first contact, after a restart or an outage, and at the head: so that the cursor's event is
  repeated, which proves that the feed is still the same one. That is from the cursor on a server
  that counts FromEventId in, and on one that does not, from the id before.
- Behind: from cursor + 1, or from the cursor where that is left out. Nothing is asked for twice.
- When a gap is due: from just before it, see `core.looks`.

The server is known to be inclusive when it repeats the cursor's event, and to be exclusive when
it leaves that out but shows it to who asks from before it; the last proof counts. Where an answer
should repeat the cursor's event and does not, `core.continuity` finds out what became of it.

Nothing here waits or reads a clock: times are passed in, in seconds since 1970.
"""

from collections.abc import Sequence

from scand.core.answer import Answer
from scand.core.continuity import Finding, Inquiry, Verdict, inquire
from scand.core.course import Ask, Position, Progress, Seen
from scand.core.covered import FIRST, Covered, Span
from scand.core.event import MAX_ID
from scand.core.ledger import Gap, GapLedger, LedgerChange
from scand.core.looks import Looks
from scand.core.server import BUSY_SHARE, Server


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
        ledger = GapLedger(gaps, late_window, began=began, now=now, cursor=position.cursor)
        self._covered = Covered(position, before, ledger)
        self._server = Server(limit, position.inclusive, inclusive)
        self.ledger = ledger
        self.max_id_jump = max_id_jump
        self._answered = answered
        self._asked = Ask(position.cursor, limit)
        self._behind = False
        self.empty = False
        self._passes = False
        self._looks = Looks(self._covered, self._server)

    @property
    def cursor(self) -> int:
        """The greatest id up to which the feed is covered."""
        return self._covered.cursor

    @property
    def inclusive(self) -> bool | None:
        """Whether FromEventId is counted in; None while that is unknown."""
        return self._server.inclusive

    @property
    def late_window(self) -> float:
        """How many seconds an id may be late, and is looked for."""
        return self.ledger.late_window

    @property
    def position(self) -> Position[int]:
        """What is to be known of all this after a restart."""
        return self._covered.position(self.inclusive)

    @property
    def unproven(self) -> int:
        """An event to ask for now and then, where the cursor is none that polls repeat; or 0."""
        return 0 if self._covered.anchored else self._covered.before

    def adjust(self, limit: int, late_window: float, max_id_jump: int) -> None:
        """Go by other settings from the next question on."""
        self._server.allow(limit)
        self.ledger.late_window = late_window
        self.max_id_jump = max_id_jump

    def skip_to(self, head: int) -> None:
        """Begin at the head, an event's id or 0: what lies below is not this store's business."""
        self._covered.cursor, self._covered.anchored = head, head > 0

    def may_be_idle(self, ask: Ask[int]) -> bool:
        """Whether "not found" can mean that nothing is new: never where the cursor is repeated."""
        has_answered = self._answered or self._covered.anchored or self._server.largest > 0
        repeats = self.inclusive is True and self._covered.anchored and ask.from_id <= self.cursor
        return has_answered and (ask.reread or not repeats)

    def advance(self, now: float = float("-inf"), *, prove: bool = False) -> Ask[int]:
        """The question that moves the cursor; to `prove` is to have the cursor's event repeated.

        It takes along the gaps that are due `now` and near.
        """
        self._looks.earn()
        near = self._near_gap(now)
        from_id = self.cursor + self._offset(prove=prove) if near is None else near
        from_id = min(max(from_id, 0), MAX_ID)
        self._asked = Ask(from_id, self._server.limit, near=near is not None)
        return self._asked

    def proves(self, ask: Ask[int]) -> bool:
        """Whether an answer to `ask` tells if the feed is still the same."""
        return not self._covered.anchored or self._repeats_cursor(ask)

    def misses_cursor(self, ask: Ask[int], seen: Seen[int]) -> bool:
        """Whether the cursor's event should be in the answer, and is not."""
        if ask.reread or seen.unreadable or not self._repeats_cursor(ask):
            return False
        ids = [found for found, _ in seen.ids if found >= ask.from_id]
        full = min(ask.limit, max(self._server.largest, 1))
        has_room = len(ids) < full and not (ask.near and ids)
        return self.cursor not in ids and (has_room or max(ids) > self.cursor)

    def knows(self, lowest: int) -> bool:
        """Whether all ids below one were covered before."""
        return lowest <= max(self._covered.high, self.cursor) + 1

    def let_go(self) -> None:
        """The event that proves the feed is gone, and the feed is the same."""
        self._covered.let_go()

    def learn_manners(self, *, inclusive: bool) -> None:
        """An event that is there was shown to who asked from it, or was left out."""
        self._server.inclusive = inclusive

    def note_empty(self) -> None:
        """The feed has no events at all now: then nothing is what there is to see."""
        self.empty = True

    def inquire(self, event: int) -> Inquiry:
        """Find out what became of an event."""
        first = 0 if self.inclusive is False else FIRST
        return inquire(event, self._covered.before if event == self.cursor else 0, first)

    def carry_on(self, verdict: Verdict, now: float) -> LedgerChange:
        """Go on with a feed that was reset, or has lost events."""
        if verdict.finding is Finding.RESET:
            self._behind = False
            return self._covered.begin_anew(verdict.lowest, now)
        return self._covered.pass_over(verdict.lowest, now)

    def reread(self, now: float) -> Ask[int] | None:
        """The question that looks at gaps, or beyond a jump: when it is due, and within budget."""
        if (ask := self._looks.due(now)) is not None:
            self._asked = ask
        return ask

    def next_reread(self) -> float:
        """When `reread` has something to ask; infinity while its budget is spent."""
        return self._looks.next()

    def shrink(self) -> bool:
        """The answer was too large: ask for half as much. False when that is impossible."""
        if self._asked.near:  # for less, that is
            self._looks.leave_near()
            return True
        self._looks.owe(-self._asked.reread)  # it has not had its answer yet
        return self._server.halve(self._asked.limit)

    def owe(self, questions: int) -> None:
        """So many more were asked to look at gaps: the next looks wait until they are made up."""
        self._looks.owe(questions)

    def go_round(self, last: int, now: float) -> tuple[LedgerChange, int]:
        """The event `last`, the next one, cannot be read: go on behind it, and look for it again.

        Also how many ids before it are history.
        """
        self._passes = True
        history = self._covered.go_round(last, now)
        return self.ledger.take_change(), history

    def look_past(self, low: int, last: int, begun: float) -> LedgerChange:
        """A look at gaps from `low` on, begun at `begun`, has shown only that `last` is there."""
        leap = self._looks.leap
        if 0 < leap.last <= low:
            leap.looked([last], begun)
        self.ledger.split(last)
        self.ledger.looked(low, min(last, self.cursor), begun)
        return self.ledger.take_change()

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
        covered, server, repeats = self._covered, self._server, ask.from_id <= self.cursor
        answer = Answer(ask, seen, covered, server)
        server.recover()
        self._learn(ask, answer)
        leap = self._looks.leap
        fresh, news = answer.believable(self.max_id_jump, len(leap)), answer.news
        server.largest = max(server.largest, answer.size)
        self._looks.note(ask, answer, begun, moves=bool(fresh))
        self.empty &= not answer.size
        if fresh:
            self.ledger.wake(fresh[-1][0])
        self.ledger.fill(answer.ids, now)
        top = fresh[-1][0] if fresh else self.cursor
        self.ledger.looked(*answer.shown(top, empty=self.empty), begun)
        span = Span(begun, now, begun if today is None else today)
        from_next = not self.inclusive and ask.from_id == self.cursor + 1
        history = covered.extend(fresh, span, from_next=from_next)
        self._passes &= not fresh
        moved = bool(fresh) or self._step_over(ask, answer, now)
        unclear = not moved and answer.is_unclear
        hidden = answer.hides_next or leap.hides_more
        at_head = not (moved or hidden or unclear or ask.reread)
        if at_head:
            covered.head_at = begun
        if unclear:
            self._looks.leave_near()
        if not ask.reread:
            room = server.granted(ask.limit) * BUSY_SHARE if fresh else server.full(ask.limit)
            self._behind = moved and news >= room
        change = self.ledger.take_change()
        ask_again = self._behind or (answer.hides_next and self.inclusive is not None)
        return Progress(self.position, change, history, at_head, ask_again, repeats)

    def _offset(self, *, prove: bool) -> int:
        """Where to ask from, seen from the cursor."""
        if not self._covered.anchored:
            unknown = self.inclusive is None and (self._passes or not self._server.largest)
            return bool(self.inclusive or unknown)
        if self.inclusive is None:
            return 0
        narrow = min(self._server.limit, self._server.largest or self._server.limit) <= 1
        on = not prove and (self._behind or narrow)
        return on - (not self.inclusive)

    def _near_gap(self, now: float) -> int | None:
        """Where to ask from for a gap and the head, if that is to be one question."""
        if self._behind or not self._covered.anchored or self.inclusive is None:
            return None
        return self._looks.near(now)

    def _repeats_cursor(self, ask: Ask[int]) -> bool:
        return self._covered.anchored and ask.from_id + (self.inclusive is False) <= self.cursor

    def _learn(self, ask: Ask[int], answer: Answer) -> None:
        self._covered.anchored |= self.cursor in answer.ids
        if self._covered.anchored and answer.is_regular:
            self._server.learn(ask.from_id, answer.ids, at_cursor=ask.from_id == self.cursor)

    def _step_over(self, ask: Ask[int], answer: Answer, now: float) -> bool:
        """Pass a full page in which no new id could be read; what it may have hidden is a gap."""
        if ask.reread or ask.near or not answer.unreadable or not answer.is_full:
            return False
        return self._covered.step_over(answer.reached, now)
