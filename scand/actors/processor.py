"""The router deals a page's events to the shards; each processor judges and folds its slice.

A parcel belongs to one shard, so the shards never meet. Every shard gets a slice of every page,
an empty one if need be: a stalled shard stalls the router, and nothing piles up behind it.
"""

from collections.abc import Iterable, Sequence

import trio

from scand.actors.messages import Folded, Page, Slice
from scand.core.decode import raws_of
from scand.core.event import Reason, Rejected, ScanEvent
from scand.core.judge import Judge
from scand.core.parcel import Key, ParcelState, fold
from scand.ports import Clock, Observer
from scand.records import OddEvents


async def route(
    pages: trio.MemoryReceiveChannel[Page], shards: Sequence[trio.MemorySendChannel[Slice]]
) -> None:
    """Deal each page to all shards, until `pages` ends."""
    async with pages:
        try:
            async for page in pages:
                for shard, events in zip(shards, deal(page.events, len(shards)), strict=True):
                    await shard.send(Slice(page, events))
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
    judge: Judge,
    key: Key,
    clock: Clock,
    observer: Observer,
) -> None:
    """Judge and fold slices, until `slices` ends."""
    async with slices, results:
        async for piece in slices:
            ruling = judge.rule(piece.events, clock.now())
            if ruling.oddities:
                observer(OddEvents(ruling.oddities))
            accepted, parcels, failed = fold_safely(ruling.accepted, key)
            turned = with_raw(piece.page.body, [*ruling.turned, *failed])
            await results.send(Folded(piece.page, accepted, parcels, turned))


Turned = tuple[ScanEvent, Reason, str]


def fold_safely(
    events: Sequence[ScanEvent], key: Key
) -> tuple[Sequence[ScanEvent], dict[int, ParcelState], list[Turned]]:
    """Fold; an event that makes the fold raise costs itself, not its page."""
    try:
        return events, fold(events, key), []
    except Exception:  # noqa: BLE001 - whatever it is, it is found event by event
        failed = [(event, *why) for event in events if (why := _why_it_fails(event, key))]
        culprits = {event for event, _, _ in failed}
        sound = [event for event in events if event not in culprits]
        return sound, fold(sound, key), failed


def _why_it_fails(event: ScanEvent, key: Key) -> tuple[Reason, str] | None:
    try:
        fold([event, event], key)  # twice, or nothing would be joined
    except Exception as error:  # noqa: BLE001 - becomes the detail of a dead letter
        return Reason.PROCESSING_FAILED, repr(error)
    return None


def with_raw(body: bytes, turned: Sequence[Turned]) -> list[Rejected]:
    """Events that were turned away, with their bytes as served."""
    if not turned:
        return []
    raws = raws_of(body, [event for event, _, _ in turned])
    return [
        Rejected(reason, detail, raws[event], event.event_id) for event, reason, detail in turned
    ]
