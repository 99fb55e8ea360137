"""What became of the events that are traced: told once, when their commit is durable."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from scand.actors.messages import Folded
from scand.core.event import Reason, Rejected, ScanEvent
from scand.core.traces import Traced
from scand.core.trail import Passage, Sighting, Work
from scand.ports import PageResult, Receipt


def passages(
    batch: Sequence[Sequence[Folded]],
    pages: Sequence[PageResult],
    receipt: Receipt,
    failed: Sequence[Rejected],
) -> list[Passage]:
    """A passage for every page of a commit, or none while nobody is traced."""
    if all(page.traced is None for page in pages):
        return []
    fates = _Fates(receipt, failed)
    return [
        Passage(parts[0].page.sequence, _whole(parts), [*fates.of(parts, page, page.traced)])
        for parts, page in zip(batch, pages, strict=True)
        if page.traced is not None
    ]


def _whole(parts: Sequence[Folded]) -> Work | None:
    works = [part.work for part in parts if part.work is not None]
    if not works:
        return None
    return Work(min(work.begun for work in works), max(work.ended for work in works))


class _Fates:
    """What became of the events of a commit, wherever that was out of the ordinary."""

    def __init__(self, receipt: Receipt, failed: Sequence[Rejected]) -> None:
        self._changes = dict(receipt.milestones)
        self._repeated = {id(event) for event in receipt.repeated}
        self._disputed = {id(event) for event in receipt.disputed}
        self._failed = {item.event_id for item in failed if item.event_id is not None}
        corrections = {event_id for event_id, change in receipt.milestones if change.old}
        disputed = {event.event_id for event in receipt.disputed}
        self._always = corrections | disputed | self._failed

    def of(self, parts: Sequence[Folded], page: PageResult, traced: Traced) -> Iterator[Sighting]:
        """Those of a page who are traced."""
        works = {part.shard: part.work for part in parts}
        wanted = traced.events | self._always
        for event in page.events if wanted else ():
            if event.event_id in wanted:
                work = works.get(event.parcel_id % len(parts))
                yield self._sighting(event, traced.trace_id(event.event_id), work)
        for item in parts[0].page.rejected:
            yield _dead_letter(item, traced, None)
        for part in parts:
            for item in part.rejected:
                yield _dead_letter(item, traced, part.work)

    def _sighting(self, event: ScanEvent, trace_id: bytes, work: Work | None) -> Sighting:
        outcome, reason = self._outcome(event)
        change = self._changes.get(event.event_id) if outcome == "applied" else None
        return Sighting(event, trace_id, outcome, reason, work, change)

    def _outcome(self, event: ScanEvent) -> tuple[str, str]:
        if id(event) in self._disputed:
            return "dead_letter", Reason.CONFLICT
        if event.event_id in self._failed:
            return "dead_letter", Reason.PROCESSING_FAILED
        return ("duplicate" if id(event) in self._repeated else "applied"), ""


def _dead_letter(item: Rejected, traced: Traced, work: Work | None) -> Sighting:
    told = replace(item, raw=b"")  # it may wait, and be large
    return Sighting(told, traced.trace_id_of(item), "dead_letter", item.reason, work)
