"""The router deals a page's events to the shards; each processor judges and folds its slice.

A parcel belongs to one shard, so the shards never meet. Every shard gets a slice of every page,
an empty one if need be: a stalled shard stalls the router, and nothing piles up behind it.
"""

from collections.abc import Iterable, Sequence

import trio

from scand.actors.messages import Folded, Page, Slice
from scand.core.decode import Body
from scand.core.event import Reason, Rejected, ScanEvent
from scand.core.judge import Judge, Ruling
from scand.core.parcel import Key, ParcelState, fold
from scand.core.pulse import UNWATCHED, Pulse
from scand.core.trail import Work
from scand.live import Live
from scand.ports import Clock, Observer
from scand.records import OddEvents


async def route(
    pages: trio.MemoryReceiveChannel[Page],
    shards: Sequence[trio.MemorySendChannel[Slice]],
    pulse: Pulse = UNWATCHED,
) -> None:
    """Deal each page to all shards, until `pages` ends."""
    async with pages:
        try:
            async for page in pages:
                hands = deal(page.events, len(shards))
                with pulse.waiting("the processors"):
                    for number, events in enumerate(hands):
                        await shards[number].send(Slice(page, events, number))
        finally:
            for shard in shards:
                shard.close()


def deal(events: Iterable[ScanEvent], shards: int) -> list[list[ScanEvent]]:
    """Split events by parcel, keeping their order."""
    hands: list[list[ScanEvent]] = [[] for _ in range(shards)]
    for event in events:
        hands[event.parcel_id % shards].append(event)
    return hands


async def process(
    slices: trio.MemoryReceiveChannel[Slice],
    results: trio.MemorySendChannel[Folded],
    judge: Live[Judge],
    key: Key,
    clock: Clock,
    observer: Observer,
    pulse: Pulse = UNWATCHED,
) -> None:
    """Judge and fold slices, until `slices` ends."""
    async with slices, results:
        async for piece in slices:
            begun = trio.current_time()
            ruling, parcels = digest(piece.events, judge.now, key, clock.now())
            if ruling.oddities:
                observer(OddEvents(ruling.oddities))
            turned = with_raw(piece.page.body, ruling.turned)
            work = Work(begun, trio.current_time())
            folded = Folded(piece.page, ruling.accepted, parcels, turned, piece.shard, work)
            with pulse.waiting("the writer"):
                await results.send(folded)


def digest(
    events: Sequence[ScanEvent], judge: Judge, key: Key, now: float
) -> tuple[Ruling, dict[int, ParcelState]]:
    """Judge and fold; an event for which that raises costs itself, not its page."""
    try:
        ruling = judge.rule(events, now)
        return ruling, fold(ruling.accepted, key)
    except Exception:  # noqa: BLE001 - whatever it is, it is found event by event
        failed = [
            (event, *why) for event in events if (why := _why_it_fails(event, judge, key, now))
        ]
        culprits = {event for event, _, _ in failed}
        ruling = judge.rule((event for event in events if event not in culprits), now)
        ruling.turned += failed
        return ruling, fold(ruling.accepted, key)


def _why_it_fails(
    event: ScanEvent, judge: Judge, key: Key, now: float
) -> tuple[Reason, str] | None:
    try:
        fold(judge.rule([event, event], now).accepted, key)  # twice, or nothing would be joined
    except Exception as error:  # noqa: BLE001 - becomes the detail of a dead letter
        return Reason.PROCESSING_FAILED, repr(error)
    return None


def with_raw(body: Body, turned: Sequence[tuple[ScanEvent, Reason, str]]) -> list[Rejected]:
    """Events that were turned away, with their bytes as served."""
    if not turned:
        return []
    raws = body.raws_of(event for event, _, _ in turned)
    return [Rejected.of(event, reason, detail, raws[event]) for event, reason, detail in turned]
