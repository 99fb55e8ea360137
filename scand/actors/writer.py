"""The checkpoint writer: whatever is complete when the store is free goes into one transaction.

So a page is committed at once while the feed is slow, and many together while it is fast, without
a timer. What waits meanwhile waits in the channels, whose bounds stand in `runtime.ingest`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

import trio

from scand.actors.committer import Committer
from scand.actors.messages import Folded
from scand.actors.passages import passages
from scand.core.event import EventId, Reason, Rejected
from scand.core.frontier import Frontier
from scand.core.ledger import Outcome, Settled
from scand.core.traces import Sampler, Traced
from scand.core.trail import Passage
from scand.live import Live
from scand.ports import Observer, PageResult, Receipt
from scand.records import Committed, EventsRejected

MAX_PAGES = 64
"""Pages in one transaction at the most: it bounds how long a commit takes."""

NOBODY: Live[Sampler | None] = Live(None)


async def write(
    results: trio.MemoryReceiveChannel[Folded],
    committer: Committer,
    shards: int,
    observer: Observer,
    sampler: Live[Sampler | None] = NOBODY,
) -> None:
    """Commit pages in the order of the feed, until `results` ends.

    `sampler` chooses who is traced; without one, nobody is.
    """
    frontier: Frontier[Folded] = Frontier(shards)
    async with results:
        async for folded in results:
            frontier.add(folded.page.sequence, folded)
            _take_waiting(results, frontier)
            ready = frontier.ready()
            for start in range(0, len(ready), MAX_PAGES):
                batch = ready[start : start + MAX_PAGES]
                pages, cursor = _assembled(batch, sampler.now), batch[-1][0].page.position[0]
                begun = trio.current_time()
                receipt, failed = await committer.commit(pages)
                seconds = trio.current_time() - begun
                told = passages(batch, pages, receipt, failed)
                _report(pages, cursor, receipt, failed, seconds, told, observer)


def _take_waiting(results: trio.MemoryReceiveChannel[Folded], frontier: Frontier[Folded]) -> None:
    try:
        while True:
            folded = results.receive_nowait()
            frontier.add(folded.page.sequence, folded)
    except (trio.WouldBlock, trio.EndOfChannel):
        return


def _assembled(batch: Iterable[Sequence[Folded]], sampler: Sampler | None) -> list[PageResult]:
    now = trio.current_time()
    if sampler is None:
        return [assemble(parts) for parts in batch]
    return [assemble(parts, sampler.choose(parts[0].page.events, now)) for parts in batch]


def assemble(parts: Sequence[Folded], traced: Traced | None = None) -> PageResult:
    """Put the shards' answers to one page together again; no parcel has two shards."""
    page = parts[0].page
    events = page.events
    if any(part.rejected for part in parts):
        accepted = {id(event) for part in parts for event in part.accepted}
        events = [event for event in events if id(event) in accepted]
    return PageResult(
        events=events,
        parcels=dict(chain.from_iterable(part.parcels.items() for part in parts)),
        rejected=[*page.rejected, *chain.from_iterable(part.rejected for part in parts)],
        asked_from=page.asked_from,
        body=page.body,
        position=page.position,
        ledger=page.ledger,
        history=page.history,
        incident=page.incident,
        traced=traced,
    )


def _report(
    pages: Sequence[PageResult],
    cursor: EventId,
    receipt: Receipt,
    failed: Sequence[Rejected],
    seconds: float,
    told: Sequence[Passage],
    observer: Observer,
) -> None:
    settled = [gap for page in pages for gap in page.ledger.settled]
    observer(
        Committed(
            pages=len(pages),
            applied=receipt.applied,
            duplicates=receipt.duplicates,
            conflicts=receipt.conflicts,
            dead_letters=receipt.dead_letters,
            milestones=len(receipt.milestones),
            cursor=cursor,
            gaps_filled=_ids(gap for gap in settled if gap.outcome is Outcome.FILLED),
            gaps_given_up=_ids(gap for gap in settled if gap.outcome is Outcome.GIVEN_UP),
            seconds=seconds,
            superseded=receipt.superseded,
            gaps_lost=_ids(gap for gap in settled if gap.outcome is Outcome.LOST),
            passages=told,
        )
    )
    rejected = chain(failed, chain.from_iterable(page.rejected for page in pages))
    reasons = Counter(item.reason for item in rejected)
    if receipt.conflicts:
        reasons[Reason.CONFLICT] += receipt.conflicts
    if reasons:
        observer(EventsRejected({reason.value: count for reason, count in reasons.items()}))


def _ids(gaps: Iterable[Settled]) -> int:
    return sum(gap.high - gap.low + 1 for gap in gaps)
