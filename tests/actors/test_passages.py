"""What becomes of the events of a commit, as those who trace it are told."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from scand.actors.committer import Committer
from scand.actors.messages import Folded, Page, Slice
from scand.actors.processor import process, route
from scand.actors.writer import write
from scand.core.catalogue import SHIPPED, Catalogue
from scand.core.errors import RolledBackError
from scand.core.judge import Judge
from scand.core.parcel import ORDERS
from scand.core.traces import Sampler
from scand.core.trail import Sighting
from scand.live import Live
from scand.ports import PageResult, Receipt
from scand.records import Committed
from scand.store.opening import prepare
from tests.store.pages import FEED, rows
from tests.support.parts import Recorder, SimulatedClock
from tests.support.scans import page_of, scan
from tests.support.sync_store import SyncStore, open_sync_store

KEY = ORDERS["event_id"]
SALT = b"0123456789abcdef"
SHARDS = 3


class Refusing:
    """A store that cannot take one event."""

    def __init__(self, real: SyncStore, event_id: int) -> None:
        self._real, self._event_id, self.begin = real, event_id, real.begin

    async def commit(self, pages: Sequence[PageResult]) -> Receipt:
        if any(event.event_id == self._event_id for page in pages for event in page.events):
            raise RolledBackError("refused")
        return await self._real.commit(pages)


class Ingest:
    """Everything behind the fetcher, on a store in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        prepare(path, FEED)

    async def take(
        self, *pages: Page, rate: float | None = None, refused: int = 0, strict: bool = False
    ) -> list[Sighting]:
        """Who is traced of these pages, of which each is a commit of its own."""
        recorder, clock = Recorder(), SimulatedClock()
        judge = Judge(Catalogue.of(SHIPPED, strict=strict))
        to_router, routed = trio.open_memory_channel[Page](0)
        to_writer, results = trio.open_memory_channel[Folded](100)
        shards = [trio.open_memory_channel[Slice](1) for _ in range(SHARDS)]
        with open_sync_store(self.path, "event_id", clock) as store:
            committer = Committer(Refusing(store, refused), KEY)
            sampler = Live[Sampler | None](Sampler(SALT, rate, 1.0))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(write, results, committer, SHARDS, recorder, sampler)
                nursery.start_soon(route, routed, [send for send, _ in shards])
                for _, mine in shards:
                    told = (Live(judge), KEY, clock, recorder)
                    nursery.start_soon(process, mine, to_writer.clone(), *told)
                to_writer.close()
                async with to_router:
                    for page in pages:
                        await to_router.send(page)
        passages = [each for record in recorder.of(Committed) for each in record.passages]
        assert [passage.sequence for passage in passages] == [page.sequence for page in pages]
        return [sighting for passage in passages for sighting in passage.sightings]


@pytest.fixture
def ingest(tmp_path: Path) -> Ingest:
    return Ingest(tmp_path / "s.db")


def told(sightings: Sequence[Sighting]) -> list[tuple[object, str, str]]:
    return [(each.event.event_id, each.outcome, each.reason) for each in sightings]


async def test_everybody(ingest: Ingest) -> None:
    """What is applied has its trace in the journal, and was in the hands of a shard."""
    sightings = await ingest.take(page_of(0, *(scan(n, parcel_id=n) for n in range(1, 9))))
    assert told(sightings) == [(n, "applied", "") for n in range(1, 9)]
    kept = dict(rows(ingest.path, "SELECT event_id, trace_id FROM journal"))
    assert kept == {each.event.event_id: each.trace_id for each in sightings}
    assert len(set(kept.values())) == 8
    assert all(each.work and each.work.begun <= each.work.ended for each in sightings)


async def test_duplicates_and_conflicts(ingest: Ingest) -> None:
    """Each of several under one id is told for itself, all in one trace."""
    await ingest.take(page_of(0, scan(1)))
    sightings = await ingest.take(page_of(0, scan(1), scan(2), scan(2), scan(2, parcel_id=5)))
    assert told(sightings) == [
        (1, "duplicate", ""),
        (2, "applied", ""),
        (2, "duplicate", ""),
        (2, "dead_letter", "conflict"),
    ]
    assert len({each.trace_id for each in sightings[1:]}) == 1


async def test_nobody_but(ingest: Ingest) -> None:
    """Corrections, conflicts and dead letters of any kind are traced whatever the rate."""
    first = page_of(0, scan(9, 1, "DELIVERY"), scan(10, 2))
    assert await ingest.take(first, rate=0.0) == []
    sightings = await ingest.take(
        page_of(0, scan(5, 1, "DELIVERY"), scan(6, 2)),
        page_of(1, scan(10, 3), scan(11, "?")),
        rate=0.0,
    )
    assert told(sightings) == [
        (5, "applied", ""),
        (10, "dead_letter", "conflict"),
        (11, "dead_letter", "invalid_parcel_id"),
    ]
    change = sightings[0].change
    assert change is not None
    assert change.old is not None
    assert change.old.event_id == 9
    assert [each.work is None for each in sightings] == [False, False, True]
    kept = rows(ingest.path, "SELECT event_id FROM journal WHERE trace_id IS NOT NULL")
    assert kept == [(5,)]
    letters = dict(rows(ingest.path, "SELECT event_id, trace_id FROM dead_letters"))
    assert letters == {each.event.event_id: each.trace_id for each in sightings[1:]}


async def test_turned_away_by_a_shard(ingest: Ingest) -> None:
    """An event that is not in a strict catalogue was judged, and its bytes wait nowhere."""
    page = page_of(0, scan(1), scan(2, StatusCode="ODD"))
    (sighting,) = await ingest.take(page, rate=0.0, strict=True)
    assert told([sighting]) == [(2, "dead_letter", "not_in_catalogue")]
    assert sighting.work is not None
    assert sighting.event.raw == b""


async def test_what_cannot_be_committed(ingest: Ingest) -> None:
    """The event that a commit fails for is told as such; the others keep their traces."""
    page = page_of(0, scan(1), scan(2), scan(3))
    sightings = await ingest.take(page, refused=2)
    assert told(sightings) == [
        (1, "applied", ""),
        (2, "dead_letter", "processing_failed"),
        (3, "applied", ""),
    ]
    kept = rows(ingest.path, "SELECT event_id FROM journal WHERE trace_id IS NOT NULL")
    assert kept == [(1,), (3,)]
    assert rows(ingest.path, "SELECT trace_id FROM dead_letters") == [(sightings[1].trace_id,)]
