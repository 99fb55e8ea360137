"""Following a feed whose ids mean nothing: UUIDs, or any other text.

The order is the feed's own: it appends, and a page is what it has from the event asked for on, that
one included. So every answer must repeat the cursor's event, and the last id of a page is the next
cursor. Ids without an order leave no gaps and tell no distances: an event that the feed shows
before the cursor, after that has passed, is not found.

    the answer shows                        means
    the cursor's event and others           go on from the last of them
    the cursor's event alone                the head
    others only, or nothing                 see `inquire`

Where the cursor's event is gone, nobody can say where to go on: the feed was reset, or has lost
events. Only a feed that was seen empty meanwhile can be read from its beginning without a doubt:
all that it shows is new.
"""

from collections.abc import Sequence

from scand.core.continuity import Finding, Inquiry, Question, Verdict
from scand.core.course import Ask, Position, Progress, Seen
from scand.core.ids import KINDS
from scand.core.ledger import Gap, LedgerChange
from scand.core.server import BUSY_SHARE, Server

BEGINNING = ""
"""The cursor before the first event: FromEventId is left out."""

LEAST_LIMIT = KINDS["opaque"].least_limit


class OpaqueCourse:
    """Follows a feed of opaque ids from a position on: a `Course`."""

    ordered = False
    inclusive: bool | None = True
    ledger: Sequence[Gap] = ()
    late_window = 0.0
    unproven = ""

    def __init__(
        self, position: Position[str], *, limit: int = 100, answered: bool = False
    ) -> None:
        self.cursor = position.cursor
        self._answered = answered
        self._server = Server(limit, known=True, said=True)
        self.empty = False

    @property
    def position(self) -> Position[str]:
        """What is to be known of all this after a restart."""
        return Position(self.cursor, anchored=bool(self.cursor), inclusive=True)

    def adjust(
        self,
        limit: int,
        late_window: float,  # noqa: ARG002 - nothing is looked for before the cursor
        max_id_jump: int,  # noqa: ARG002 - these ids do not jump
    ) -> None:
        """Ask for so many events from the next question on."""
        self._server.allow(limit)

    def skip_to(self, head: str) -> None:
        """Begin with this event."""
        self.cursor = head

    def may_be_idle(self, ask: Ask[str]) -> bool:
        """Whether "not found" can mean that nothing is there: an unknown id, or an empty feed."""
        return bool(ask.from_id) or self._answered or self._server.largest > 0

    def advance(
        self,
        now: float = float("-inf"),  # noqa: ARG002 - there are no gaps that could be due
        *,
        prove: bool = False,  # noqa: ARG002 - every answer proves
    ) -> Ask[str]:
        """The question that moves the cursor."""
        return Ask(self.cursor, self._server.limit)

    def reread(self, now: float) -> None:
        """There are no gaps to look at."""

    def next_reread(self) -> float:
        """Never."""
        return float("inf")

    def shrink(self) -> bool:
        """The answer was too large: ask for half as much. False when that is impossible."""
        return self._server.halve(self._server.limit, LEAST_LIMIT)

    def absorb(
        self,
        ask: Ask[str],
        seen: Seen[str],
        begun: float,  # noqa: ARG002 - as below: where there are no gaps, time does not matter
        now: float,  # noqa: ARG002
        *,
        today: float | None = None,  # noqa: ARG002
    ) -> Progress[str]:
        """Take an answer to `ask`."""
        fresh = [found for found, _ in seen.ids if found != ask.from_id]
        size = len({found for found, _ in seen.ids}) + seen.unreadable
        self._server.recover()
        self._server.largest = max(self._server.largest, size)
        moved = bool(fresh) and self._follow(ask, seen, fresh[-1])
        self.empty &= not size
        busy = size >= self._server.granted(ask.limit) * BUSY_SHARE
        stuck = not fresh and seen.unreadable > 0 and size >= self._server.full(ask.limit)
        at_head = not fresh and not stuck
        return Progress(
            self.position, LedgerChange(), 0, at_head, ask_again=moved and busy, stuck=stuck
        )

    def proves(self, ask: Ask[str]) -> bool:  # noqa: ARG002 - whatever is asked
        """Every answer tells if the feed is still the same."""
        return True

    def misses_cursor(self, ask: Ask[str], seen: Seen[str]) -> bool:
        """Whether the cursor's event should be in the answer, and is not."""
        return ask.from_id != BEGINNING and ask.from_id not in {found for found, _ in seen.ids}

    def inquire(self, event: str) -> Inquiry:
        """Find out what became of an event."""
        if event in (yield Question(event, LEAST_LIMIT)):
            return Verdict(Finding.SAME)
        if not (yield Question(BEGINNING, LEAST_LIMIT, near=False)):
            return Verdict(Finding.EMPTY)
        return Verdict(Finding.WITHDRAWN if self.empty else Finding.RESET)

    def knows(self, lowest: int) -> bool:  # noqa: ARG002 - ids are no numbers
        """Nobody can say."""
        return False

    def let_go(self) -> None:
        """The feed was empty, and begins anew."""
        self.cursor = BEGINNING

    def learn_manners(self, *, inclusive: bool) -> None:
        """The cursor's event was left out for a moment: that says nothing."""

    def note_empty(self) -> None:
        """The feed has no events at all now: whatever it will show is new."""
        self.empty = True

    def carry_on(self, verdict: Verdict, now: float) -> LedgerChange:  # noqa: ARG002 - as above
        """Read the feed from its beginning: what is known already does not count twice."""
        self.cursor = BEGINNING
        return LedgerChange()

    def _follow(self, ask: Ask[str], seen: Seen[str], last: str) -> bool:
        """Go on from the last event shown, if it is beyond doubt that the answer goes on from ours.

        An element without id may be the cursor's event.
        """
        if ask.from_id == self.cursor and (seen.unreadable or not self.misses_cursor(ask, seen)):
            self.cursor = last
            return True
        if self.empty:
            self.cursor = BEGINNING
        return False
