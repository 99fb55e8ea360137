"""Collecting the shards' answers, and committing what is complete."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from scand.actors.committer import Committer
from scand.actors.messages import Folded, Page
from scand.actors.processor import deal
from scand.actors.writer import MAX_PAGES, write
from scand.core.coverage import Position
from scand.core.event import Reason, Rejected
from scand.core.parcel import ORDERS, fold
from scand.ports import Checkpoint, PageResult, Receipt
from scand.records import Committed, EventsRejected
from tests.support.parts import Recorder
from tests.support.scans import page_of, scan

KEY = ORDERS["event_id"]
SHARDS = 3


class SlowStore:
    """Commits only when told to; `gate` is set by default."""

    def __init__(self) -> None:
        self.commits: list[list[PageResult]] = []
        self.gate = trio.Event()
        self.busy = trio.Event()

    async def begin(self) -> Checkpoint:
        return Checkpoint(None, [])

    async def commit(self, pages: Sequence[PageResult]) -> Receipt:
        self.busy.set()
        await self.gate.wait()
        self.commits.append(list(pages))
        return Receipt(applied=sum(len(page.events) for page in pages))

    @property
    def cursors(self) -> list[list[int]]:
        return [[page.position.cursor for page in pages] for pages in self.commits]


def answers(page: Page) -> list[Folded]:
    """What the shards make of a page."""
    return [Folded(page, hand, fold(hand, KEY), []) for hand in deal(page.events, SHARDS)]


def pages_of(count: int) -> list[Page]:
    return [
        page_of(number, *(scan(number * 3 + n, parcel_id=n) for n in (1, 2, 3)))
        for number in range(count)
    ]


@pytest.fixture
def store() -> SlowStore:
    return SlowStore()


async def written(store: SlowStore, folded: Sequence[Folded], recorder: Any = None) -> None:
    """Let the writer take these answers one by one, to the end."""
    to_writer, results = trio.open_memory_channel[Folded](0)
    async with trio.open_nursery() as nursery:
        committer = Committer(store, KEY)
        nursery.start_soon(write, results, committer, SHARDS, recorder or Recorder())
        async with to_writer:
            for one in folded:
                await to_writer.send(one)


async def test_pages_are_committed_in_the_order_of_the_feed(store: SlowStore) -> None:
    """However the shards' answers are mixed, the cursor only ever moves forward, page by page."""
    store.gate.set()
    dice = Random(7)
    # each shard answers in the order of pages; the shards among each other as they like
    queues = [list(hand) for hand in zip(*map(answers, pages_of(20)), strict=True)]
    mixed = []
    while any(queues):
        queue = dice.choice([queue for queue in queues if queue])
        mixed.append(queue.pop(0))
    await written(store, mixed)
    committed = [page for pages in store.commits for page in pages]
    assert [page.position.cursor for page in committed] == [3 * n for n in range(1, 21)]
    assert all([e.event_id % 3 for e in page.events] == [1, 2, 0] for page in committed)
    assert all(sorted(page.parcels) == [1, 2, 3] for page in committed)


async def test_an_incomplete_page_is_not_committed(store: SlowStore) -> None:
    """A page that one shard has not answered holds back itself and all after it."""
    store.gate.set()
    first, second = (answers(page) for page in pages_of(2))
    await written(store, [*first[:2], *second])
    assert store.commits == []


async def test_what_waits_goes_into_one_transaction(
    store: SlowStore, nursery: trio.Nursery
) -> None:
    """While the store is busy pages collect, and the next commit takes them all."""
    to_writer, results = trio.open_memory_channel[Folded](100)
    nursery.start_soon(write, results, Committer(store, KEY), SHARDS, Recorder())
    pages = pages_of(6)
    for one in answers(pages[0]):
        await to_writer.send(one)
    await store.busy.wait()
    for page in pages[1:]:
        for one in answers(page):
            await to_writer.send(one)
    store.gate.set()
    await to_writer.aclose()
    await wait_all_tasks_blocked()
    assert store.cursors == [[3], [6, 9, 12, 15, 18]]


async def test_a_transaction_has_a_limit(store: SlowStore) -> None:
    """However many pages wait, a transaction takes MAX_PAGES of them at the most."""
    store.gate.set()
    count = 2 * MAX_PAGES + 5
    to_writer, results = trio.open_memory_channel[Folded](count * SHARDS)
    for page in pages_of(count):
        for one in answers(page):
            to_writer.send_nowait(one)
    await to_writer.aclose()
    await write(results, Committer(store, KEY), SHARDS, Recorder())
    assert [len(pages) for pages in store.commits] == [MAX_PAGES, MAX_PAGES, 5]


async def test_what_a_shard_turns_away_is_not_in_the_journal(store: SlowStore) -> None:
    """A page is committed with its accepted events and with the dead letters of all shards."""
    store.gate.set()
    page = page_of(0, scan(1, parcel_id=1), scan(2, parcel_id=2), scan(3, ParcelId=None))
    dead = Rejected(Reason.NOT_IN_CATALOGUE, "unknown", b"{}", 2)
    folded = answers(page)
    folded[2] = Folded(page, [], {}, [dead])
    recorder = Recorder()
    await written(store, folded, recorder)
    ((result,),) = store.commits
    assert [event.event_id for event in result.events] == [1]
    assert [rejected.event_id for rejected in result.rejected] == [3, 2]
    assert (result.body, result.position) == (page.body, Position(3, anchored=True))
    (said,) = recorder.of(EventsRejected)
    assert said.reasons == {"missing_field": 1, "not_in_catalogue": 1}


async def test_a_commit_is_reported(store: SlowStore) -> None:
    """The observer hears what a transaction made durable, once per transaction."""
    store.gate.set()
    recorder = Recorder()
    await written(store, answers(pages_of(1)[0]), recorder)
    (said,) = recorder.of(Committed)
    assert (said.pages, said.applied, said.cursor) == (1, 3, 3)


async def test_the_writer_ends_with_its_input(store: SlowStore) -> None:
    """Nothing was sent: the writer ends, and nothing is committed."""
    await written(store, [])
    assert store.commits == []


async def test_a_store_that_fails_ends_the_writer(store: SlowStore) -> None:
    """What the store raises goes up, and the results channel is closed."""

    async def fail(_pages: Sequence[PageResult]) -> Receipt:
        raise OSError("disk full")

    store.commit = fail  # type: ignore[method-assign]
    to_writer, results = trio.open_memory_channel[Folded](9)
    for one in answers(pages_of(1)[0]):
        to_writer.send_nowait(one)
    with pytest.raises(OSError, match="disk full"):
        await write(results, Committer(store, KEY), SHARDS, Recorder())
    with pytest.raises(trio.BrokenResourceError):
        to_writer.send_nowait(answers(pages_of(1)[0])[0])
    await to_writer.aclose()
