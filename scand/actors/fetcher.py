"""The fetcher: asks what coverage wants to know, and sends on what is new.

Behind, it asks again at once; at the head, every `poll_interval`; in between it looks at gaps.
"""

from dataclasses import replace

import trio

from scand.actors.messages import Page
from scand.core.coverage import Ask, Coverage, Progress, Seen
from scand.core.decode import Decoded
from scand.core.head import find_head
from scand.core.instant import epoch_of
from scand.feed.reader import PageReader, Reading
from scand.ports import Clock, Observer, Request, TooLarge
from scand.records import PageFetched


async def fetch(
    pages: trio.MemorySendChannel[Page],
    reader: PageReader,
    coverage: Coverage,
    poll_interval: float,
    clock: Clock,
    observer: Observer,
    *,
    from_head: bool = False,
    until_caught_up: bool = False,
) -> None:
    """Follow the feed for ever, or until its head. Ends `pages` when it ends."""
    async with pages:
        if from_head:
            coverage.skip_to(await seek_head(reader))
        sequence, due = 0, trio.current_time()
        echo = Echo()
        while True:
            ask = await _next_ask(coverage, due, clock)
            asked_at = trio.current_time()
            reading = await reader.read(
                Request(ask.from_id, ask.limit), may_be_idle=coverage.may_be_idle(ask)
            )
            if isinstance(reading, TooLarge):
                coverage.shrink()
                continue
            progress = coverage.absorb(ask, _seen(reading.decoded), reading.begun, clock.now())
            observer(_fetched(ask, reading, progress, gaps=len(coverage.ledger)))
            page = echo.new_in(_page(sequence, ask, reading, progress))
            if page is not None:
                await pages.send(page)
                sequence += 1
            if until_caught_up and progress.at_head:
                return
            if not ask.reread:
                at_once = progress.ask_again or until_caught_up
                due = trio.current_time() if at_once else asked_at + poll_interval


async def seek_head(reader: PageReader) -> int:
    """The greatest id of the feed, or 0 while it is empty."""
    search = find_head()
    question = next(search)
    while True:
        reading = await reader.read(Request(question, 1), may_be_idle=True)
        if isinstance(reading, TooLarge):  # cannot be: a limit of 1 is retried by the reader
            continue
        shown = _seen(reading.decoded)
        unreadable = [question] * shown.unreadable  # something is there, or beyond
        ids = [seen for seen, _ in shown.ids if seen >= question] or unreadable
        try:
            question = search.send(min(ids, default=None))
        except StopIteration as found:
            head: int = found.value
            return head


class Echo:
    """Drops what the page before showed already: a poll repeats the cursor's event."""

    def __init__(self) -> None:
        self._last: Page | None = None

    def new_in(self, page: Page) -> Page | None:
        """The page without the echo, or None where nothing remains to be committed."""
        last = self._last
        follows = last is None or page.asked_from >= last.position.cursor  # and looks at no gap
        if follows and (page.events or page.rejected):
            self._last = page
        if last is not None and page.asked_from <= last.position.cursor:
            known = {*last.events, *last.rejected}
            page = replace(
                page,
                events=[event for event in page.events if event not in known],
                rejected=[item for item in page.rejected if item not in known],
            )
        news = page.events or page.rejected or any(page.ledger) or page.history
        return page if news else None


async def _next_ask(coverage: Coverage, due: float, clock: Clock) -> Ask:
    """Wait until something is to be asked: the next poll, or a look at a gap."""
    while True:
        now = clock.now()
        if (ask := coverage.reread(now)) is not None:
            return ask
        if (left := due - trio.current_time()) <= 0:
            return coverage.advance()
        await trio.sleep(min(left, max(coverage.next_reread() - now, 0.0)))


def _seen(decoded: Decoded) -> Seen:
    ids = [(event.event_id, event.created_at) for event in decoded.events]
    located = [(item.event_id, None) for item in decoded.rejected if item.event_id is not None]
    unreadable = {item.raw for item in decoded.rejected if item.event_id is None}
    return Seen([*ids, *located], len(unreadable))


def _page(sequence: int, ask: Ask, reading: Reading, progress: Progress) -> Page:
    return Page(
        sequence=sequence,
        events=reading.decoded.events,
        rejected=reading.decoded.rejected,
        asked_from=ask.from_id,
        body=reading.body,
        position=progress.position,
        ledger=progress.change,
        history=progress.history,
    )


def _fetched(ask: Ask, reading: Reading, progress: Progress, gaps: int) -> PageFetched:
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
    )
