"""A carrier for `Coverage` to follow, and a follower that does with it what the fetcher does."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from scand.core.coverage import Ask, Coverage, Position, Progress, Seen
from scand.core.instant import instant_at
from scand.core.ledger import Gap, LedgerChange

T0 = 1_700_000_000.0


@dataclass(frozen=True)
class Scan:
    """An event: when it can be seen, its date, and how much of it can be read."""

    id: int
    visible_at: float = T0
    date: float = T0
    readable: bool = True  # its id
    dated: bool = True


@dataclass
class Carrier:
    """Shows the L lowest ids from N on that are visible now, in disorder if it has dice.

    A page is too large with an event that is `heavy` and any other.
    """

    scans: list[Scan]
    inclusive: bool = True
    cap: int = 1000
    dice: Random | None = None
    heavy: frozenset[int] = frozenset()
    served: int = 0

    def visible(self, now: float) -> list[Scan]:
        return [scan for scan in self.scans if scan.visible_at <= now]

    def above(self, cursor: int, now: float) -> list[Scan]:
        return [scan for scan in self.visible(now) if scan.id > cursor]

    def page(self, ask: Ask, now: float) -> list[Scan] | None:
        visible = sorted(self.visible(now), key=lambda scan: scan.id)
        ids = [scan.id for scan in visible]
        first = (bisect_left if self.inclusive else bisect_right)(ids, ask.from_id)
        page = visible[first : first + min(ask.limit, self.cap)]
        if len(page) > 1 and any(scan.id in self.heavy for scan in page):
            return None
        self.served += len(page)
        return self.disturb(page, visible[:first])

    def disturb(self, page: list[Scan], below: list[Scan]) -> list[Scan]:
        if self.dice is None or not page:
            return page
        if self.dice.random() < 0.3:
            page = [*page, self.dice.choice(page)]
        strays = [scan for scan in below if scan.readable][:-1]  # not the one asked from
        if strays and self.dice.random() < 0.3:
            page = [*page, self.dice.choice(strays)]
        self.dice.shuffle(page)
        return page


def seen_in(page: Iterable[Scan]) -> Seen:
    readable = [scan for scan in page if scan.readable]
    ids = [(scan.id, instant_at(scan.date) if scan.dated else None) for scan in readable]
    return Seen(ids, unreadable=len({scan.id for scan in page if not scan.readable}))


@dataclass
class Store:
    """What is durable: the position, the gaps, and what was applied."""

    position: Position
    gaps: dict[int, Gap] = field(default_factory=dict)
    applied: set[int] = field(default_factory=set)
    history: int = 0

    def commit(self, page: Iterable[Scan], progress: Progress) -> None:
        self.applied.update(scan.id for scan in page)
        self.position = progress.position
        self.history += progress.history
        self.replay(progress.change)

    def replay(self, change: LedgerChange) -> None:
        for low in change.removed:
            self.gaps.pop(low, None)
        self.gaps.update({gap.low: gap for gap in change.put})

    def knows_missing(self, event_id: int) -> bool:
        return any(gap.low <= event_id <= gap.high for gap in self.gaps.values())


class Follower:
    """Asks as the fetcher does, on a clock of its own; every answer is committed at once."""

    def __init__(
        self, carrier: Carrier, *, first: int = 1, now: float = T0, **settings: object
    ) -> None:
        self.carrier, self.now, self.first = carrier, now, first
        self.settings = settings
        self.poll_interval, self.latency = 1.0, 0.05
        self.store = Store(Position(first - 1, anchored=False))
        self.answered: list[Ask] = []
        self.asked = 0
        self.restart()

    def restart(self) -> None:
        gaps = sorted(self.store.gaps.values())
        self.coverage = Coverage(self.store.position, gaps, **self.settings)  # type: ignore[arg-type]
        self.due = self.now

    def next_ask(self) -> Ask:
        while True:
            if (ask := self.coverage.reread(self.now)) is not None:
                return ask
            if self.now >= self.due:
                return self.coverage.advance(self.now)
            self.now = min(self.due, max(self.coverage.next_reread(), self.now + 0.001))

    def step(self, *, crash: bool = False) -> Progress:
        """One question and its answer; a crash loses the answer."""
        while True:
            ask, begun = self.next_ask(), self.now
            page = self.carrier.page(ask, begun)
            self.now += self.latency
            self.asked += 1
            if page is not None:
                break
            self.coverage.shrink()
        progress = self.coverage.absorb(ask, seen_in(page), begun, self.now)
        if crash:
            self.restart()
            return progress
        self.answered.append(ask)
        self.store.commit(page, progress)
        if progress.at_head:
            shown = {scan.id for scan in page} | self.store.applied  # beyond a jump, at most
            if self.coverage.inclusive is None:  # an exclusive server keeps back the first id
                shown.add(ask.from_id)
            assert {
                scan.id for scan in self.carrier.above(progress.position.cursor, begun)
            } <= shown
        if not ask.reread:
            self.due = self.now if progress.ask_again else begun + self.poll_interval
        self.check(begun)
        return progress

    def catch_up(self, most: int) -> int:
        """Ask until the head is reached; in how many questions."""
        for count in range(1, most + 1):
            if self.step().at_head:
                return count
        raise AssertionError(f"not at the head after {most} questions")

    def check(self, begun: float) -> None:
        """Nothing that can be seen is passed and forgotten; the store has the ledger."""
        cursor = self.store.position.cursor
        for scan in self.carrier.visible(begun):
            if self.first <= scan.id <= cursor and scan.id not in self.store.applied:
                assert self.store.knows_missing(scan.id), f"{scan.id} was passed"
        gaps = sorted(self.store.gaps.values())
        assert len(gaps) == len(self.coverage.ledger)
        assert all(one.high < other.low for one, other in pairwise(gaps))
        assert not gaps or gaps[-1].high <= cursor
        assert sum(ask.reread for ask in self.answered) * 5 <= self.asked

    def settle(self, steps: int) -> int:
        """Ask until all is seen that there is, and nothing is missing; how often that was."""
        wanted = {scan.id for scan in self.carrier.scans if scan.id >= self.first}
        for count in range(steps):
            if wanted <= self.store.applied and not self.store.gaps:
                return count
            self.step()
        raise AssertionError(
            f"after {steps} questions {sorted(wanted - self.store.applied)[:9]} were not seen,"
            f" {len(self.store.gaps)} gaps open, cursor {self.coverage.cursor}"
        )
