"""Where the cursor goes, and what it passes: I2 and I9."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from scand.ports import PageResult
from tests.simulation.accounts import Accounts
from tests.simulation.betrayal import Betrayal
from tests.simulation.books import Audit, Books
from tests.simulation.carrier import Carrier, Delivery
from tests.simulation.clock import JumpingClock
from tests.simulation.faults import Fault, Invariant, Tally, Violation, require
from tests.simulation.holes import Holes
from tests.simulation.plan import Plan
from tests.simulation.scans import Item
from tests.simulation.terms import Terms
from tests.simulation.truth import Promise, late, promises

I2, I3, I9 = Invariant.I2, Invariant.I3, Invariant.I9

OPERATED = ("cursor_set", "rewind")
"""What an operator does to the cursor."""

MOVES = ("reset", *OPERATED)
"""Incidents after which the cursor may be anywhere."""


class Passage:
    """Follows one cursor, and the gaps that it leaves behind."""

    def __init__(
        self,
        plan: Plan,
        terms: Terms,
        items: Sequence[Item],
        betrayal: Betrayal | None,
        accounts: Accounts,
        carrier: Carrier,
        clock: JumpingClock,
        tally: Tally,
    ) -> None:
        self._plan, self._terms, self.holes = plan, terms, Holes(plan, terms)
        self._items, self._betrayal, self._clock = items, betrayal, clock
        self._accounts, self._carrier, self._tally = accounts, carrier, tally
        self._places = [item.place for item in items]
        self._promises = promises(items)
        self._late = late(items)
        self._waiting: set[int] = set()  # passed, and still looked for
        self._lost: set[int] = set()  # given up, lost, or history
        self._misdated: set[int] = set()  # history only to a clock that was ahead
        self._moved_over: list[tuple[int, int]] = []  # by an operator
        self.open(Books())

    def open(self, books: Books, audited: int = 0) -> None:
        """Begin with the first row: a process has been started; so many incidents are known."""
        self._books, self._audited, self._last_settled = books, audited, 0

    def moved(self, pages: Sequence[PageResult], before: int) -> None:
        """Check what a commit of these pages passed, the cursor having been at `before`."""
        new = self._books.audit[self._audited :]
        self._audited = len(self._books.audit)
        for incident in new:
            self._check_incident(incident)
            if incident.action in OPERATED:
                self._moved_over.append((before, incident.now))
                before = incident.now
        for page in pages:
            before = self._follow(page, before, new)
        require(self._books.cursor == before, I2, "the cursor is not the last page's", before)
        if self._books.cursor:
            self._tally.held(I2)
        self._check_gaps()

    def _follow(self, page: PageResult, before: int, incidents: Sequence[Audit]) -> int:
        """Where the cursor is after this page."""
        cursor = self._books.place(page.position.cursor) if page.position else before
        if cursor < before:
            back = any(each.action == "reset" and each.now == cursor for each in incidents)
            back |= self._plan.opaque and not (cursor and page.asked_from)  # it was seen empty
            require(back, I2, "the cursor went back to", cursor)
        delivery = self._carrier.delivered(page.asked_from, page.body.raw)
        for item in self._between(0 if self._plan.opaque and cursor < before else before, cursor):
            self._pass(item, page, delivery)
        self.holes.passed(self._books, delivery, before + 1, cursor)
        return cursor

    def _between(self, low: int, high: int) -> Sequence[Item]:
        return self._items[bisect_right(self._places, low) : bisect_right(self._places, high)]

    def _pass(self, item: Item, page: PageResult, delivery: Delivery | None) -> None:
        place = item.place
        if self._accounts.has(item):
            return
        if self._in_gap(place):
            self._waiting.add(place)
            return
        was_there = delivery is not None and item.visible(delivery.at)
        was_there &= not self._is_kept_back(item, delivery)
        require(not was_there, I2, "the cursor passed a scan that was there:", item)
        if self._plan.opaque:  # what is not there leaves no hole
            self._lost.add(place)
            return
        known = place in self._lost or self._accounts.has_place(place) or self._ended(place)
        looked_for = page.history or known
        require(looked_for, I2, "the cursor passed an id that nobody looks for:", place)
        self._lost.add(place)
        if delivery is None or self._clock.was_ahead_since(delivery.at):
            self._misdated.add(place)

    def _is_kept_back(self, item: Item, delivery: Delivery | None) -> bool:
        """Whether a server that leaves out the first did so, of an id that was known before."""
        shown = delivery.items if delivery else ()
        return self._accounts.has_place(item.place) and not any(each is item for each in shown)

    def _in_gap(self, place: int) -> bool:
        at = bisect_right(self._books.gaps, (place, float("inf"))) - 1
        return at >= 0 and place <= self._books.gaps[at][1]

    def _ended(self, place: int) -> bool:
        return any(gap.low <= place <= gap.high for gap in self._books.settled)

    # --- the gaps

    def _check_gaps(self) -> None:
        settled = [gap for gap in self._books.settled if gap.number > self._last_settled]
        self._last_settled = max((gap.number for gap in settled), default=self._last_settled)
        self.holes.settled(self._books, settled)
        for gap in settled:
            if gap.outcome == "filled":
                for place in range(gap.low, gap.high + 1):
                    found = self._accounts.has_place(place)
                    require(found, I3, "a gap was filled with nothing:", gap)
            elif gap.outcome == "lost":
                self._check_lost(gap.low, gap.high)
        for place in sorted(self._waiting):
            if self._accounts.has_place(place):
                self._waiting.discard(place)
            elif not self._in_gap(place):
                ends = [gap.outcome for gap in settled if gap.low <= place <= gap.high]
                self._end_waiting(place, ends)

    def _end_waiting(self, place: int, ends: Sequence[str]) -> None:
        self._waiting.discard(place)
        self._lost.add(place)
        require(ends, I2, "nobody looks any more for", place)
        if "given_up" in ends:
            lasting = (each.variants[0] for each in self._promised())
            too_early = any(item.place == place and item.epoch == 0 for item in lasting)
            require(not too_early, I9, "given up too early:", place)

    # --- a feed that betrays

    def halted(self) -> bool:
        """Whether the last incident is one that an operator has not answered yet."""
        audit = self._books.audit
        return bool(audit) and audit[-1].action not in OPERATED

    def _check_incident(self, incident: Audit) -> None:
        """An incident must have happened; an operator may do as he likes."""
        causes = (_OPAQUE if self._plan.opaque else _CAUSES).get(incident.action, set())
        known = {self._betrayal.fault} if self._betrayal else set()
        struck = known | (self._tally.struck.keys() & {Fault.WITHDRAWN, Fault.CONFLICT})
        require(not causes or causes & struck, I2, "an incident that never was:", incident)

    def _check_lost(self, low: int, high: int) -> None:
        """What was told as lost must be gone."""
        if any(each.action in MOVES for each in self._books.audit):
            return
        first, last = bisect_left(self._places, low), bisect_right(self._places, high)
        for item in self._items[first:last]:
            gone = item.gone_at < float("inf") or self._accounts.has_place(item.place)
            require(gone, I2, "told as lost, though it is there:", item)

    # --- at the end

    def _promised(self) -> Iterator[Promise]:
        """What came in time, by every window that was in force since it could be late."""
        for promise in self._promises:
            if promise.late_by <= 0 or promise.late_by <= self._least_window(promise.beyond):
                yield promise

    def _least_window(self, since: float) -> float:
        return min(config.feed.late_window for config in self._terms.since(since))

    def missing(self, now: float) -> Iterator[Item]:
        """What was promised, and is not there."""
        anew = any(each.action in MOVES and each.was != each.now for each in self._books.audit)
        for group, _ in self._promised():
            owed = (group[0].epoch == 0 or anew) and group[0].place not in self._misdated
            owed &= not self.skipped(group[0].place)
            if owed and group[0].shown_at <= now and not any(map(self._accounts.has, group)):
                yield group[0]

    def unrecorded(self) -> Iterator[Item]:
        """What was read, and is not there; unless it was skipped before it was committed."""
        return (item for item in self._accounts.unrecorded() if not self._unwanted(item.place))

    def _unwanted(self, place: int) -> bool:
        """Whether it was skipped, or had been lost, was read again and then moved over."""
        over = any(low < place <= high for low, high in self._moved_over)
        return self.skipped(place) or (over and place in self._lost)

    def skipped(self, place: int) -> bool:
        """Whether an operator did not want it."""
        skips = (gap for gap in self._books.settled if gap.outcome == "skipped")
        return any(gap.low <= place <= gap.high for gap in skips)

    def settle(self, now: float) -> None:
        """Check that nothing is missing, when all must have come."""
        for item in self.missing(now):
            was_late = item.place in self._lost | self._waiting
            raise Violation(I9 if was_late else I3, f"never found: {item}")
        for item in self.unrecorded():
            raise Violation(I3, f"served, but never recorded: {item}")
        self.holes.balance(self._books, self._accounts.recorded())
        found = {place for place in self._late if self._accounts.has_place(place)}
        if found & {promise.variants[0].place for promise in self._promised()}:
            self._tally.held(I9)


_CAUSES = {
    "reset": {Fault.FEED_RESET, Fault.WITHDRAWN, Fault.CONFLICT},
    "retention_gap": {Fault.FEED_RESET, Fault.RETENTION, Fault.WITHDRAWN},
}
"""What an incident can be due to."""

_OPAQUE = {"reset": {Fault.FEED_RESET, Fault.RETENTION, Fault.WITHDRAWN}}
"""The same, where the event of the cursor being gone may mean anything."""
