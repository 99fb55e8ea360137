"""Committing what can be committed, and finding what cannot."""

from collections.abc import Callable, Sequence

import pytest

from scand.actors.committer import CHANCES, Committer
from scand.core.coverage import Position
from scand.core.errors import RolledBackError, StoreError
from scand.core.event import Reason
from scand.core.ledger import Gap, LedgerChange
from scand.core.parcel import ORDERS, fold
from scand.ports import Checkpoint, PageResult, Receipt
from tests.support.scans import page_of, scan

KEY = ORDERS["event_id"]


def result_of(*ids: int, broken: int = 0) -> PageResult:
    """A page with these events, and `broken` malformed ones behind them."""
    bad = [scan(1000 + number, ParcelId=None) for number in range(broken)]
    page = page_of(0, *(scan(event_id, parcel_id=event_id % 5 + 1) for event_id in ids), *bad)
    return PageResult(
        events=page.events,
        parcels=fold(page.events, KEY),
        rejected=page.rejected,
        asked_from=1,
        body=page.body,
        position=Position(max(ids, default=0), anchored=True),
        ledger=LedgerChange(put=[Gap(90, 91, 0.0)]),
        history=7,
    )


class FussyStore:
    """Refuses a commit that holds what it cannot stand, or of which `luck` says so."""

    def __init__(self, *poison: int, luck: Callable[[int], bool] = lambda _: False) -> None:
        self.poison, self.luck = set(poison), luck
        self.tries = 0
        self.commits: list[list[PageResult]] = []

    async def begin(self) -> Checkpoint:
        return Checkpoint(None, [])

    async def commit(self, pages: Sequence[PageResult]) -> Receipt:
        self.tries += 1
        ids = {event.event_id for page in pages for event in page.events}
        if ids & self.poison or self.luck(self.tries):
            raise RolledBackError("this cannot be stored")
        self.commits.append(list(pages))
        dead = sum(len(page.rejected) for page in pages)
        return Receipt(applied=len(ids), dead_letters=dead)

    @property
    def stored(self) -> list[int]:
        pages = [page for pages in self.commits for page in pages]
        return sorted(event.event_id for page in pages for event in page.events)

    @property
    def positions(self) -> list[int | None]:
        pages = [page for pages in self.commits for page in pages]
        return [page.position and page.position.cursor for page in pages]


async def test_what_can_be_committed_takes_one_transaction() -> None:
    """Nothing is halved where nothing fails."""
    store = FussyStore()
    receipt, failed = await Committer(store, KEY).commit([result_of(1, 2), result_of(3)])
    assert (store.tries, failed, receipt.applied) == (1, [], 3)


@pytest.mark.parametrize("culprits", [(1,), (57,), (100,), (3, 4), (1, 50, 100)])
async def test_an_event_that_cannot_be_committed_costs_itself(culprits: tuple[int, ...]) -> None:
    """It is found by halving and becomes a dead letter; everything else is committed."""
    store = FussyStore(*culprits)
    pages = [result_of(*range(start, start + 20)) for start in range(1, 101, 20)]
    receipt, failed = await Committer(store, KEY).commit(pages)
    assert store.stored == sorted(set(range(1, 101)) - set(culprits))
    assert [(dead.event_id, dead.reason) for dead in failed] == [
        (culprit, Reason.PROCESSING_FAILED) for culprit in culprits
    ]
    assert b'"EventId": %d' % culprits[0] in failed[0].raw
    assert (receipt.applied, receipt.dead_letters) == (100 - len(culprits), len(culprits))
    assert store.tries < 25 * len(culprits)


async def test_the_cursor_moves_with_the_last_part_of_a_page() -> None:
    """What is left of a page after a crash in between is fetched again."""
    store = FussyStore(2)
    await Committer(store, KEY).commit([result_of(1, 2, 3, 4, broken=2)])
    assert store.positions[-1] == 4
    assert set(store.positions[:-1]) == {None}
    last = store.commits[-1][0]
    assert (last.history, last.ledger.put) == (7, [Gap(90, 91, 0.0)])
    others = [page for pages in store.commits[:-1] for page in pages]
    assert {(page.history, page.ledger) for page in others} == {(0, LedgerChange())}


async def test_a_careful_generation_commits_event_by_event() -> None:
    """Each event has a transaction of its own; what the page means comes last."""
    store = FussyStore()
    page = result_of(1, 2, 3, broken=2)
    receipt, _ = await Committer(store, KEY, careful=True).commit([page])
    sizes = [len(page.events) + len(page.rejected) for (page,) in store.commits]
    assert sizes == [1, 1, 1, 1, 1, 0]
    assert store.positions == [None] * 5 + [3]
    assert (receipt.applied, receipt.dead_letters) == (3, 2)


async def test_bad_luck_is_no_poison() -> None:
    """An event that fails once or twice on its own is committed after all."""
    store = FussyStore(luck=lambda attempt: attempt < CHANCES)
    _, failed = await Committer(store, KEY).commit([result_of(1)])
    assert (failed, store.stored) == ([], [1])


async def test_a_page_without_events_that_fails_is_a_crash() -> None:
    """There is nobody to blame, and nothing is claimed to be durable."""
    store = FussyStore(luck=lambda _: True)
    with pytest.raises(RolledBackError, match="cannot be stored"):
        await Committer(store, KEY).commit([result_of(1, 2)])
    assert store.commits == []


async def test_a_store_that_cannot_be_used_is_not_an_events_fault() -> None:
    """The error of a deleted file goes up as it came."""

    class Gone(FussyStore):
        async def commit(self, _: Sequence[PageResult]) -> Receipt:
            self.tries += 1
            raise StoreError("deleted")

    store = Gone()
    with pytest.raises(StoreError):
        await Committer(store, KEY).commit([result_of(1, 2)])
    assert store.tries == 1


async def test_what_may_be_durable_is_not_taken_apart() -> None:
    """Where the outcome is unknown, the next generation finds out."""

    class Silent(FussyStore):
        async def commit(self, pages: Sequence[PageResult]) -> Receipt:
            await super().commit(pages)
            raise ConnectionError("the reply is lost")

    store = Silent()
    with pytest.raises(ConnectionError):
        await Committer(store, KEY).commit([result_of(1, 2), result_of(3)])
    assert store.tries == 1
