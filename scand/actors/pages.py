"""What an answer becomes: a page to send on, and a record to tell."""

from typing import Any

from scand.actors.messages import Page
from scand.core.course import Ask, Progress
from scand.core.instant import epoch_of
from scand.core.trail import Trail
from scand.feed.reader import Reading
from scand.records import PageFetched


def page_of(
    sequence: int, ask: Ask[Any], reading: Reading, progress: Progress[Any], asked_at: float
) -> Page:
    """What an answer to `ask`, wanted since `asked_at`, hands on."""
    answered = reading.begun + reading.seconds
    return Page(
        sequence=sequence,
        events=reading.decoded.events,
        rejected=reading.decoded.rejected,
        asked_from=ask.from_id,
        body=reading.body,
        position=progress.position,
        ledger=progress.change,
        history=progress.history,
        trail=Trail(asked_at, reading.begun, answered, reading.decoded_at),
    )


def fetched(
    ask: Ask[Any],
    reading: Reading,
    progress: Progress[Any],
    gaps: int,
    trail: Trail | None,
    sequence: int | None,
) -> PageFetched:
    """What there is to tell of an answer; it went on as page `sequence`, if it did."""
    events = reading.decoded.events
    return PageFetched(
        from_id=ask.from_id,
        events=len(events),
        rejected=len(reading.decoded.rejected),
        seconds=reading.seconds,
        cursor=progress.position.cursor,
        at_head=progress.at_head,
        reread=ask.reread,
        gaps=gaps,
        newest=epoch_of(max(event.created_at for event in events)) if events else None,
        trail=trail,
        sequence=sequence,
    )


def set_aside(page: Page, trail: Trail, ask: Ask[Any], gaps: int) -> PageFetched:
    """A page of which all that is known is the event that breaks it."""
    return PageFetched(
        from_id=page.asked_from,
        events=0,
        rejected=len(page.rejected),
        seconds=trail.answered - trail.asked,
        cursor=page.position.cursor,
        at_head=False,
        reread=ask.reread,
        gaps=gaps,
        newest=None,
        trail=trail,
        sequence=page.sequence,
    )
