"""How a feed is followed, whatever its ids are: the face of coverage that the fetcher sees.

`core.coverage` follows ids that are numbers, `core.opaque` ids that mean nothing.
"""

from collections.abc import Sequence, Sized
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from scand.core.continuity import Inquiry, Verdict
from scand.core.decode import Decoded
from scand.core.event import EventId, ScanEvent
from scand.core.instant import Instant
from scand.core.ledger import LedgerChange

Id = TypeVar("Id", bound=EventId)


class Ask(NamedTuple, Generic[Id]):
    """A question to the carrier. `reread`: it only looks at gaps; `near`: it does that as well."""

    from_id: Id
    limit: int
    reread: bool = False
    near: bool = False


class Position(NamedTuple, Generic[Id]):
    """How far the feed is covered.

    `anchored`: the cursor is an event's id, not just a start. `inclusive`: FromEventId is counted
    in, None while that is unknown. `high`: the greatest id that was ever covered; what is missing
    below it is accounted for already, 0 where ids are no numbers. `head_at`: when there was nothing
    more to be covered; what is above `high` became visible after that.
    """

    cursor: Id
    anchored: bool
    inclusive: bool | None = None
    high: int = 0
    head_at: float = float("-inf")


class Seen(NamedTuple, Generic[Id]):
    """What an answer showed: ids, with times where they could be read, and elements without id.

    The ids are in the order of the page. An element without id that is served twice counts once.
    """

    ids: Sequence[tuple[Id, Instant | None]]
    unreadable: int = 0


def seen_in(decoded: Decoded) -> Seen[Any]:
    """What a page showed; its ids are of the kind that it was decoded for."""
    if not decoded.rejected:
        return Seen([(event.event_id, event.created_at) for event in decoded.events])
    located = [each for each in decoded.in_order() if each.event_id is not None]
    dates = [each.created_at if isinstance(each, ScanEvent) else None for each in located]
    ids = [each.event_id for each in located]
    unreadable = {item.raw for item in decoded.rejected if item.event_id is None}
    return Seen(list(zip(ids, dates, strict=True)), len(unreadable))


class Progress(NamedTuple, Generic[Id]):
    """What an answer meant.

    `history` counts ids missing from before the window: totalled, not looked for. `repeats`: the
    answer may show again what the one before showed. `stuck`: no id leads on, though there is more.
    """

    position: Position[Id]
    change: LedgerChange
    history: int
    at_head: bool
    ask_again: bool
    repeats: bool = True
    stuck: bool = False


class Course(Protocol[Id]):
    """Says what to ask for, and what the answers mean. It neither waits nor reads a clock."""

    empty: bool

    @property
    def cursor(self) -> Id:
        """The event up to which the feed is covered."""
        ...

    @property
    def inclusive(self) -> bool | None:
        """Whether FromEventId is counted in; None while that is unknown."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether ids tell which event is newer, and how many can be between two."""
        ...

    @property
    def position(self) -> Position[Id]:
        """What is to be known of all this after a restart."""
        ...

    @property
    def unproven(self) -> Id:
        """An event to ask for now and then, where the cursor is none; or what is false."""
        ...

    @property
    def ledger(self) -> Sized:
        """The gaps that are open."""
        ...

    @property
    def late_window(self) -> float:
        """How many seconds an id may be late, and is looked for."""
        ...

    def adjust(self, limit: int, late_window: float, max_id_jump: int) -> None:
        """Go by other settings from the next question on; the last two are for ids with order."""
        ...

    def skip_to(self, head: Id) -> None:
        """Begin at the head: what lies below is not this store's business."""
        ...

    def may_be_idle(self, ask: Ask[Id]) -> bool:
        """Whether "not found" can mean that nothing is there."""
        ...

    def advance(self, now: float = float("-inf"), *, prove: bool = False) -> Ask[Id]:
        """The question that moves the cursor; to `prove` is to have the cursor's event repeated."""
        ...

    def reread(self, now: float) -> Ask[Id] | None:
        """The question that looks at gaps, when one is due and the budget allows it."""
        ...

    def next_reread(self) -> float:
        """When `reread` may have something to ask."""
        ...

    def shrink(self) -> bool:
        """The answer was too large: ask for half as much. False when that is impossible."""
        ...

    def absorb(
        self, ask: Ask[Id], seen: Seen[Id], begun: float, now: float, *, today: float | None = None
    ) -> Progress[Id]:
        """Take an answer to `ask`, requested at `begun` and read at `now`."""
        ...

    def proves(self, ask: Ask[Id]) -> bool:
        """Whether an answer to `ask` tells if the feed is still the same."""
        ...

    def misses_cursor(self, ask: Ask[Id], seen: Seen[Id]) -> bool:
        """Whether the cursor's event should be in the answer, and is not."""
        ...

    def inquire(self, event: Id) -> Inquiry:
        """Find out what became of an event."""
        ...

    def knows(self, lowest: int) -> bool:
        """Whether all below a number was covered before."""
        ...

    def let_go(self) -> None:
        """The event that proves the feed is gone, and the feed is the same."""
        ...

    def learn_manners(self, *, inclusive: bool) -> None:
        """An event that is there was shown to who asked from it, or was left out."""
        ...

    def note_empty(self) -> None:
        """The feed has no events at all now: then nothing is what there is to see."""
        ...

    def carry_on(self, verdict: Verdict, now: float) -> LedgerChange:
        """Go on with a feed that is not what it was."""
        ...
