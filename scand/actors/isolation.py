"""What the fetcher does about a page that cannot be read, not even event by event."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import trio

from scand.actors.continuity import Policies
from scand.actors.messages import Page
from scand.actors.searching import Search, Take
from scand.core.continuity import Incident
from scand.core.course import Ask, Course, Position
from scand.core.coverage import Coverage
from scand.core.decode import Body
from scand.core.event import EventId
from scand.core.isolation import Ending, Found, letter_for, tell
from scand.core.ledger import LedgerChange
from scand.core.trail import Trail
from scand.feed.reader import PageReader
from scand.live import Live
from scand.ports import Observer, Unreadable
from scand.records import FeedBetrayed

MAX_BROKEN = 10_000
"""Broken events remembered: one that is forgotten is told again when a look at gaps meets it."""


class Measure(NamedTuple):
    """What is to be done: a page that makes it durable, and why to halt, if that is to be done."""

    page: Page | None
    halt: str = ""


class Isolator(Protocol):
    """Knows what to do about pages that cannot be read, one after the other."""

    def is_searching(self) -> bool:
        """Whether one look at the next page is enough. Asked once a page."""
        ...

    async def isolate(self, ask: Ask[Any], page: Unreadable) -> Measure | None:
        """Find out why the answer to `ask` cannot be read: what is to be done, if anything is."""
        ...


class Narrowing:
    """Where ids cannot be counted: asks for less, until only the event that breaks it is new."""

    def __init__(self, reader: PageReader, course: Course[str], observer: Observer) -> None:
        self._reader, self._course, self._observer = reader, course, observer
        self._narrows = False

    def is_searching(self) -> bool:
        """On the way down, one look at each page is enough; before it halts, it is made sure."""
        narrows, self._narrows = self._narrows, False
        return narrows

    async def isolate(self, ask: Ask[str], page: Unreadable) -> Measure | None:
        """Ask for less, or halt."""
        least = self._reader.decoder.kind.least_limit
        if ask.limit <= least:
            return _give_up(ask.from_id or "the beginning", page, self._observer)
        self._course.shrink()
        self._narrows = ask.limit // 2 > least
        return None


class Counting:
    """Where ids are numbers: finds the event by its place, sets it aside and goes on behind it."""

    def __init__(
        self,
        reader: PageReader,
        coverage: Coverage,
        policies: Live[Policies],
        time_of_day: Callable[[float], float],
        observer: Observer,
        take: Take,
    ) -> None:
        self._reader, self._coverage, self._policies = reader, coverage, policies
        self._time_of_day, self._observer, self._take = time_of_day, observer, take
        self._broken: set[int] = set()
        self._expects_more = False

    def is_searching(self) -> bool:
        """Broken events seldom come alone: one look at the next page is enough."""
        expects, self._expects_more = self._expects_more, False
        return expects

    async def isolate(self, ask: Ask[int], page: Unreadable) -> Measure | None:
        """Search for the event, and set it aside."""
        if ask.near:  # what is new is read first, and the gaps are looked at by themselves
            self._coverage.shrink()
            return None
        search = Search(self._reader, self._coverage, ask, self._take)
        ending = await search.run()
        if ask.reread:
            self._coverage.owe(search.questions)
        if isinstance(ending, Found):
            return self._set_aside(ending, ask, page.begun, search.questions)
        if ending is Ending.EVERYWHERE and page.is_page:
            return _give_up(ask.from_id, page, self._observer)
        if ending is Ending.CURSOR and self._coverage.position.anchored:
            self._coverage.let_go()
        elif ending is Ending.READ and search.taken and not ask.reread:
            self._coverage.shrink()  # a carrier that cuts long pages would cut the next one too
        else:
            self._reader.rest(page.reason)
        return None

    def _set_aside(self, found: Found, ask: Ask[int], asked_at: float, questions: int) -> Measure:
        # looks at gaps never halt: the cursor is beyond them already
        halts = self._policies.now.on_poison == "halt" and not ask.reread
        known, said = self._knows(found, ask), f"{tell(found)}; found by {questions} requests"
        if halts:
            return self._halt_before(found, f"{said}; feed.on_poison says to halt")
        if not known:
            self._observer(FeedBetrayed("poison", "isolate", said))
        self._remember(found)
        begun, now = self._time_of_day(asked_at), self._time_of_day(trio.current_time())
        if ask.reread:
            change, history = self._coverage.look_past(found.low, found.last, begun), 0
        else:
            change, history = self._coverage.go_round(found.last, now)
        page = self._page(found, change, history, known=known)
        trail = Trail(asked_at, asked_at, trio.current_time(), trio.current_time())
        return Measure(replace(page, trail=trail))

    def _halt_before(self, found: Found, said: str) -> Measure:
        self._observer(FeedBetrayed("poison", "halt", said))
        cursor = self._coverage.cursor
        return Measure(self._page(found, incident=Incident("poison", cursor, cursor, said)), said)

    def _page(
        self,
        found: Found,
        change: LedgerChange | None = None,
        history: int = 0,
        incident: Incident | None = None,
        *,
        known: bool = False,
    ) -> Page:
        """What makes it durable; its number is the fetcher's to give."""
        coverage, quiet = self._coverage, known or incident is not None
        position: Position[Any] = coverage.position
        return Page(
            sequence=0,
            events=[],
            rejected=[] if quiet else [letter_for(found, exact=coverage.inclusive is not None)],
            asked_from=max(found.last - (coverage.inclusive is False), 0),
            body=Body(b"", self._reader.decoder),
            position=position,
            ledger=change or LedgerChange(),
            history=history,
            incident=incident,
        )

    def _knows(self, found: Found, ask: Ask[int]) -> bool:
        """Whether a look at gaps met what was found before, or was read before it broke."""
        looked_for = self._coverage.ledger.holds(found.last)
        return ask.reread and (found.last in self._broken or not looked_for)

    def _remember(self, found: Found) -> None:
        self._expects_more = True
        if len(self._broken) >= MAX_BROKEN:
            self._broken.clear()
        self._broken.add(found.last)


def _give_up(place: EventId, page: Unreadable, observer: Observer) -> Measure:
    """No event can be told to be at fault."""
    said = f"the page from {place} on cannot be read: {page.reason}"
    observer(FeedBetrayed("poison", "halt", said))
    return Measure(None, said)
