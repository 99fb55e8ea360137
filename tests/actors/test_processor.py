"""Dealing pages to shards, judging and folding slices."""

import json

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from scand.actors.messages import Folded, Page, Slice
from scand.actors.processor import deal, digest, process, route
from scand.core.catalogue import Catalogue
from scand.core.event import Reason, ScanEvent
from scand.core.judge import Judge
from scand.core.parcel import ORDERS, Key
from scand.live import Live
from scand.records import OddEvents
from tests.support.parts import NOON, Recorder, SimulatedClock
from tests.support.scans import body_of, event_of, page_of, scan

EVENT_ID = ORDERS["event_id"]
OPEN = Judge(Catalogue.of())
STRICT = Judge(Catalogue.of(strict=True))


def raises_for(event_id: int) -> Key:
    def key(item: object) -> object:
        if item.event_id == event_id:  # type: ignore[attr-defined]
            raise ArithmeticError("this one cannot be compared")
        return EVENT_ID(item)

    return key


async def processed(judge: Judge, page: Page, key: Key = EVENT_ID) -> tuple[Folded, Recorder]:
    """The answer of one processor that gets the whole page."""
    to_processor, slices = trio.open_memory_channel[Slice](1)
    to_writer, results = trio.open_memory_channel[Folded](1)
    recorder = Recorder()
    async with to_processor, results, trio.open_nursery() as nursery:
        nursery.start_soon(process, slices, to_writer, Live(judge), key, SimulatedClock(), recorder)
        await to_processor.send(Slice(page, page.events))
        await to_processor.aclose()
        return await results.receive(), recorder


async def test_every_page_goes_to_every_shard() -> None:
    """Each shard gets a slice of each page, in order, with its own parcels' events only."""
    to_router, pages = trio.open_memory_channel[Page](9)
    shards = [trio.open_memory_channel[Slice](9) for _ in range(3)]
    sent = [page_of(0, *(scan(n, parcel_id=n) for n in range(1, 8))), page_of(1, scan(9, 3))]
    for page in sent:
        await to_router.send(page)
    await to_router.aclose()
    await route(pages, [to_shard for to_shard, _ in shards])
    for number, (_, slices) in enumerate(shards):
        got = [piece async for piece in slices]
        assert [piece.page for piece in got] == sent
        assert [[e.parcel_id % 3 for e in piece.events] for piece in got] == [
            [number] * len(piece.events) for piece in got
        ]
        await slices.aclose()


async def test_a_stalled_shard_stalls_the_router(nursery: trio.Nursery) -> None:
    """No shard gets ahead of the slowest by more than its channel holds."""
    to_router, pages = trio.open_memory_channel[Page](100)
    fast_in, fast = trio.open_memory_channel[Slice](100)
    slow_in, slow = trio.open_memory_channel[Slice](2)
    nursery.start_soon(route, pages, [fast_in, slow_in])
    for number in range(50):
        to_router.send_nowait(page_of(number, scan(number + 1)))
    await wait_all_tasks_blocked()
    assert slow.statistics().current_buffer_used == 2
    assert fast.statistics().current_buffer_used == 3
    slow.receive_nowait()
    await wait_all_tasks_blocked()
    assert fast.statistics().current_buffer_used == 4
    nursery.cancel_scope.cancel()


def test_dealing_keeps_the_order_of_a_parcels_events() -> None:
    """The events of a parcel stay together and in order."""
    events = [event_of(n, parcel_id=n % 5) for n in range(1, 60) if n % 5]
    hands = deal(events, 4)
    assert sorted(e.event_id for hand in hands for e in hand) == [e.event_id for e in events]
    for hand in hands:
        assert [e.event_id for e in hand] == sorted(e.event_id for e in hand)
    owners = {e.parcel_id: n for n, hand in enumerate(hands) for e in hand}
    assert all(owners[e.parcel_id] == n for n, hand in enumerate(hands) for e in hand)


async def test_a_strict_catalogue_turns_away_with_the_bytes_as_served() -> None:
    """A dead letter carries the raw bytes of exactly the event that was turned away."""
    odd = scan(2, StatusCode="HELD_AT_CUSTOMS", Extra={"kept": "as served"})
    page = page_of(0, scan(1), odd, scan(3))
    folded, recorder = await processed(STRICT, page)
    assert [event.event_id for event in folded.accepted] == [1, 3]
    assert folded.parcels[1].latest.event_id == 3
    (dead,) = folded.rejected
    assert (dead.reason, dead.event_id) == (Reason.NOT_IN_CATALOGUE, 2)
    assert dead.raw in page.body.raw
    assert json.loads(dead.raw) == odd
    assert not recorder.records


async def test_an_open_catalogue_applies_and_counts() -> None:
    """Unknown pairs and absent run ids are applied, and reported with how many there were."""
    page = page_of(0, scan(1, StatusCode="X"), scan(2, StatusCode="X"), scan(3, User=None))
    folded, recorder = await processed(OPEN, page)
    assert [event.event_id for event in folded.accepted] == [1, 2, 3]
    assert folded.rejected == []
    (odd,) = recorder.of(OddEvents)
    assert sorted(odd.oddities.values()) == [1, 2]


async def test_an_event_that_breaks_the_fold_costs_itself() -> None:
    """The fold raises for one event: it is a dead letter, the others of its page are applied."""
    page = page_of(0, scan(1), scan(2, Extra="culprit"), scan(3), scan(4, parcel_id=2))
    folded, _ = await processed(OPEN, page, raises_for(2))
    assert [event.event_id for event in folded.accepted] == [1, 3, 4]
    assert {number: state.latest.event_id for number, state in folded.parcels.items()} == {
        1: 3,
        2: 4,
    }
    (dead,) = folded.rejected
    assert (dead.reason, dead.event_id) == (Reason.PROCESSING_FAILED, 2)
    assert json.loads(dead.raw)["Extra"] == "culprit"
    assert "cannot be compared" in dead.detail


def test_a_sound_page_is_folded_once() -> None:
    """Nothing is turned away where nothing raises."""
    events = [event_of(1), event_of(2, kind="PICKUP")]
    ruling, parcels = digest(events, OPEN, EVENT_ID, NOON)
    assert (ruling.accepted, ruling.turned) == (events, [])
    assert parcels[1].picked_up is not None


class FussyCatalogue(Catalogue):
    """Has a mistake in it that one event brings to light."""

    def oddity(self, event: ScanEvent) -> str | None:
        if event.event_id == 2:
            raise ZeroDivisionError("nobody thought of this one")
        return super().oddity(event)


async def test_an_event_that_breaks_the_judge_costs_itself() -> None:
    """A mistake in a rule costs the events that meet it, and no other."""
    page = page_of(0, scan(1), scan(2), scan(3, StatusCode="ODD"))
    folded, recorder = await processed(Judge(FussyCatalogue(frozenset())), page)
    assert [event.event_id for event in folded.accepted] == [1, 3]
    (dead,) = folded.rejected
    assert (dead.reason, dead.event_id) == (Reason.PROCESSING_FAILED, 2)
    assert "nobody thought" in dead.detail
    assert recorder.of(OddEvents)


async def test_the_raw_bytes_survive_a_page_with_malformed_events() -> None:
    """An event turned away beside one that did not decode still gets its own bytes."""
    page = page_of(0, scan(1, StatusCode="ODD"), scan(2, ParcelId=None), scan(3))
    folded, _ = await processed(STRICT, page)
    (dead,) = folded.rejected
    assert json.loads(dead.raw) == scan(1, StatusCode="ODD")


@pytest.mark.parametrize("empty", [page_of(0), page_of(0, scan(1, ParcelId=0))])
async def test_a_page_without_events_is_answered(empty: Page) -> None:
    """A shard answers for every page, so that the writer can count."""
    folded, _ = await processed(OPEN, empty)
    assert (folded.page, folded.accepted, folded.parcels) == (empty, [], {})


async def test_the_stages_end_with_their_input() -> None:
    """When the fetcher has closed its channel, router and processors end and close theirs."""
    to_router, pages = trio.open_memory_channel[Page](1)
    to_shard, slices = trio.open_memory_channel[Slice](1)
    to_writer, results = trio.open_memory_channel[Folded](1)
    await to_router.aclose()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(route, pages, [to_shard])
        nursery.start_soon(process, slices, to_writer, OPEN, EVENT_ID, SimulatedClock(), Recorder())
    with pytest.raises(trio.EndOfChannel):
        results.receive_nowait()
    await results.aclose()


async def test_a_dead_shard_ends_the_router() -> None:
    """A shard that has gone is an error, not a silent loss; the other channels are closed."""
    to_router, pages = trio.open_memory_channel[Page](1)
    shards = [trio.open_memory_channel[Slice](1) for _ in range(2)]
    await shards[1][1].aclose()
    to_router.send_nowait(page_of(0, scan(1)))
    with pytest.raises(trio.BrokenResourceError):
        await route(pages, [to_shard for to_shard, _ in shards])
    assert shards[0][1].statistics().open_send_channels == 0
    assert to_router.statistics().open_receive_channels == 0
    await to_router.aclose()
    await shards[0][1].aclose()


def test_the_body_of_a_page_is_what_the_decoder_reads() -> None:
    """The helper of these tests speaks the carrier's format."""
    assert json.loads(body_of(scan(7)))["ScanEvents"][0]["EventId"] == 7
