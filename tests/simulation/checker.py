"""The invariants, checked at every commit, at every start, and when all must be well again."""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from itertools import islice

import trio

from scand.ports import PageResult
from scand.records import (
    BreakerChanged,
    ChildFailed,
    Committed,
    FeedBetrayed,
    Lifecycle,
    PageFetched,
    Record,
    Reloaded,
)
from tests.simulation.accounts import Accounts
from tests.simulation.backends import Connection
from tests.simulation.betrayal import Betrayal
from tests.simulation.books import Books
from tests.simulation.carrier import Carrier, Delivery
from tests.simulation.clock import JumpingClock
from tests.simulation.configuration import File, built
from tests.simulation.faults import Fault, Invariant, Tally, require
from tests.simulation.manners import Manners
from tests.simulation.passage import Passage
from tests.simulation.plan import Plan
from tests.simulation.pruning import Pruning
from tests.simulation.scans import Item, Name
from tests.simulation.terms import Terms
from tests.simulation.trace import Trace

I4, I5, I7, I8 = Invariant.I4, Invariant.I5, Invariant.I7, Invariant.I8

PLAYED = "Crash: "
"""What crashes of the actors may be about: a store that is blocked is waited for."""


class Checker:
    """Watches one world, across all the processes that live in it."""

    def __init__(
        self,
        plan: Plan,
        terms: Terms,
        file: File,
        items: Sequence[Item],
        betrayal: Betrayal | None,
        carrier: Carrier,
        manners: Manners,
        clock: JumpingClock,
        tally: Tally,
        trace: Trace,
    ) -> None:
        self._plan, self._terms, self._file = plan, terms, file
        self._carrier, self._manners = carrier, manners
        self._tally, self._trace = tally, trace
        self._places = {item.name: item.place for item in items} | {"": 0}
        self.books = Books(self._places)
        self.accounts = Accounts(plan, terms, items, carrier, tally)
        self._pruning = Pruning(plan, terms, tally)
        told = self.accounts, carrier, clock, tally
        self.passage = Passage(plan, terms, items, betrayal, *told)
        self._acknowledged = Books()
        self._under_way: Sequence[PageResult] = ()
        self._pages: list[Delivery] = []  # read, and not yet committed
        self._at_head_at = float("-inf")
        self._calm_from = max(plan.heal_at, *(item.shown_at for item in items))
        self._items = items
        self.tidied = False

    # --- a process begins and ends

    def opened(self, connection: Connection, ended_by: Fault | None) -> None:
        """A process has opened what the one before it left."""
        before, self.books = self._acknowledged, Books(self._places)
        self.accounts.open(self.books)
        self.passage.open(self.books, len(before.audit))
        self.books.refresh(connection)
        self.books.inherit(before)
        self._pruning.check(self.books)
        self._check_survival(before, self.books)
        unheard = self._under_way if _differ(before, self.books) else ()
        self._take(unheard, before)
        if ended_by in {Fault.KILL, Fault.POWER} and before.journal:
            self._tally.held(I5)
        self._manners.new_process()
        self._pages = []

    def _check_survival(self, before: Books, now: Books) -> None:
        kept = now.journal[: len(before.journal)]
        require(len(kept) == len(before.journal), I5, "rows are gone:", before.journal[len(kept) :])
        require(kept == before.journal, I4, "the journal was rewritten")
        require(now.audit[: len(before.audit)] == before.audit, I5, "incidents are gone")
        back = now.cursor < before.cursor and len(now.audit) == len(before.audit)
        require(not back, I5, "the cursor fell back:", before.cursor, now.cursor)
        if before.journal:
            self._tally.held(I4)

    def _take(self, pages: Sequence[PageResult], before: Books) -> None:
        """Check what the store holds now that these pages are durable."""
        self.accounts.take()
        whole = [page for page in pages if page.position is not None]
        for page in whole:
            delivery = self._carrier.delivered(page.asked_from, page.body.raw)
            if delivery is not None:
                self.accounts.check_delivery(delivery)
        self.passage.moved(whole, before.cursor)
        self._acknowledged = copy(self.books)
        self._acknowledged.journal = list(self.books.journal)
        self._under_way = ()

    # --- commits

    def committing(self, pages: Sequence[PageResult]) -> None:
        """A commit begins, the outcome of which may remain unknown."""
        self._under_way = pages

    def committed(self, connection: Connection) -> None:
        """A commit has returned: from now on, it must be there."""
        before, books = self._acknowledged, self.books
        books.refresh(connection)
        rows = books.journal[len(before.journal) :]
        if books.pruned_events != before.pruned_events:
            self._pruning.check(books)
        self._trace.note(
            "committed", books.cursor, [(one.seq, one.row["event_id"]) for one in rows]
        )
        last = before.journal[-1].seq if before.journal else 0
        require(all(one.seq > last for one in rows), I4, "a seq is used twice:", last, rows)
        self._take(self._under_way, before)
        self._committed_pages()

    # --- what waits in memory

    def _fetched(self, from_id: Name) -> None:
        """A page has been read. What is new in it waits until it is committed."""
        waiting = {item.raw for page in self._pages for item in page.items}
        for page in self._asked_for(from_id):
            self.accounts.read.append(page)
            if any(item.raw not in waiting and not self.accounts.has(item) for item in page.items):
                self._pages.append(page)
        require(len(self._pages) <= self._bound, I7, "pages:", len(self._pages), self._bound)
        if len(self._pages) > 1:
            self._tally.held(I7)

    def _asked_for(self, from_id: Name) -> list[Delivery]:
        """The last page that was asked for like this, if it had any events."""
        pages = (page for page in reversed(self._carrier.deliveries) if page.asked_from == from_id)
        return list(islice(pages, 1))

    def _committed_pages(self) -> None:
        known = self.accounts.has
        self._pages = [page for page in self._pages if not all(map(known, page.items))]

    @property
    def _bound(self) -> int:
        plan = self._plan
        channels = plan.pages + 2 * (plan.slices + 2) + 2 * (plan.results + 1)
        return channels + 2

    # --- what the daemon says

    def heard(self, record: Record) -> None:
        """The daemon reports."""
        match record:
            case BreakerChanged(_, new, _):
                self._manners.said(new)
            case ChildFailed(child, causes, _):
                played = all(cause.startswith(PLAYED) for cause in causes)
                require(played, I8, f"{child} crashed on its own:", causes)
            case PageFetched(from_id=from_id, at_head=at_head):
                self._manners.pace.read(record)
                self._fetched(from_id)
                if at_head:
                    self._at_head_at = trio.current_time()
                    self.passage.holes.at_head()
            case FeedBetrayed():
                self._manners.pace.begin()
            case Lifecycle("following"):
                self._manners.pace.begin()
                self._pages = []
            case Reloaded():
                self._reloaded(record)
            case Committed():
                record = replace(record, passages=())  # of a salt, which is another in each run
        self._trace.note(type(record).__name__, record)

    def _reloaded(self, record: Reloaded) -> None:
        """The file was read, and is in force as a whole, or nothing of it is."""
        file, outcome = self._file, record.outcome
        require(outcome == file.outcome(), I8, "that is not what a reload was to do:", record)
        if outcome == "applied":
            file.in_force = file.read_last
            self._terms.exchange(built(file.in_force))
        if outcome in _STRIKES:
            self._tally.strike(_STRIKES[outcome])

    # --- the end

    def well(self) -> bool:
        """Whether all has come that was promised, and nothing is looked for any more."""
        return not any(self.ailments())

    def ailments(self) -> Iterator[str]:
        """What is not as it must be in the end."""
        books = self.books
        if books.gaps:
            yield f"gaps are open: {books.gaps}"
        reach = _reach(self._items, self._terms.now.feed.max_id_jump)
        if books.cursor < reach:
            yield f"the cursor stays at {books.cursor}, below {reach}"
        if self._at_head_at < self._calm_from:
            yield f"it was last at the head at {self._at_head_at}"
        for item in self.passage.missing(trio.current_time()):
            yield f"never found: {item}"
        for letter in self.accounts.unreplayed() if self.tidied else ():
            yield f"never replayed: {letter}"
        for item in self.passage.unrecorded():
            yield f"served, but never recorded: {item}"

    def recovered(self) -> None:
        """All faults have stopped, long ago, and the daemon has come to its end in peace."""
        self.passage.settle(trio.current_time())
        self._tally.held(I8)


_STRIKES = {
    "applied": Fault.RELOADED,
    "refused": Fault.UNLOADED,
    "invalid": Fault.UNLOADED,
}


def _reach(items: Sequence[Item], max_id_jump: int) -> int:
    """How far the cursor must come: to the last id that it has reason to believe."""
    reach = before = 0
    for item in items:
        if item.gone_at < float("inf"):
            continue
        if before and item.place - before > max_id_jump:
            break
        before = item.place
        reach = item.place if item.fate.readable else reach
    return reach


def _differ(before: Books, now: Books) -> bool:
    """Whether something is durable that nobody was told of."""
    return (before.cursor, len(before.journal), len(before.audit), before.letters, before.gaps) != (
        *(now.cursor, len(now.journal), len(now.audit)),
        *(now.letters, now.gaps),
    )
