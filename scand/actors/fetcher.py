"""The fetcher: asks what coverage wants to know, and sends on what is new.

Behind, it asks again at once; at the head, every `poll_interval`; in between it looks at gaps.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import trio

from scand.actors.continuity import Policies, Policy, react
from scand.actors.echo import Echo
from scand.actors.isolation import Counting, Isolator, Narrowing
from scand.actors.messages import Page
from scand.actors.pages import fetched, page_of, set_aside
from scand.actors.proof import Betrayal, Proof, Standing
from scand.actors.seeking import seek_head
from scand.core.continuity import Finding, Verdict
from scand.core.course import Ask, Course, Progress, Seen, seen_in
from scand.core.coverage import Coverage
from scand.core.event import ScanEvent
from scand.core.lateness import EdgeWatch
from scand.feed.reader import PageReader, Reading
from scand.live import Live
from scand.ports import Clock, Observer, Request, Unreadable
from scand.records import FeedBetrayed, FoundLate


async def fetch(
    pages: trio.MemorySendChannel[Page],
    reader: PageReader,
    coverage: Course[Any],
    policies: Live[Policies],
    clock: Clock,
    time_of_day: Callable[[float], float],
    observer: Observer,
    *,
    newest: Sequence[ScanEvent] = (),
    from_head: bool = False,
    until_caught_up: bool = False,
) -> str:
    """Follow the feed for ever, or until its head. Ends `pages` when it ends.

    `policies` may be exchanged meanwhile. `time_of_day` turns moments of trio's clock into seconds
    since 1970, whatever is done to `clock`; `newest` are the latest events known of the feed.
    Returns why it did not get to the head, where a policy said to halt.
    """
    fetcher = _Fetcher(
        pages,
        reader,
        coverage,
        policies,
        clock,
        time_of_day,
        observer,
        newest,
        until_caught_up,
    )
    async with pages:
        with reader.pulse.working():
            if from_head:
                coverage.skip_to(await seek_head(reader))
            while not await fetcher.step():
                pass
    return fetcher.halted


class _Fetcher:
    """The fetcher between two questions."""

    def __init__(
        self,
        pages: trio.MemorySendChannel[Page],
        reader: PageReader,
        coverage: Course[Any],
        policies: Live[Policies],
        clock: Clock,
        time_of_day: Callable[[float], float],
        observer: Observer,
        newest: Sequence[ScanEvent],
        until_caught_up: bool,  # noqa: FBT001 - as `fetch` is told
    ) -> None:
        self._pages, self._reader, self._coverage = pages, reader, coverage
        self._policies = policies
        self._clock, self._time_of_day, self._observer = clock, time_of_day, observer
        self._until_caught_up = until_caught_up
        self._proof = Proof(reader, coverage, policies, newest, observer)
        self._echo = Echo()
        self._edge = EdgeWatch()
        self._sequence = 0
        self._polled_at = float("-inf")  # or, where the next poll is due at once
        self._isolator = self._build_isolator()
        self.halted = ""

    def _build_isolator(self) -> Isolator:
        reader, coverage, observer = self._reader, self._coverage, self._observer
        if not isinstance(coverage, Coverage):
            return Narrowing(reader, coverage, observer)
        told = self._policies, self._time_of_day, observer, self._take
        return Counting(reader, coverage, *told)

    async def step(self) -> bool:
        """Ask, and send on what is new. Whether the head is reached and nothing else is wanted."""
        ask = await self._next_ask()
        asked_at = trio.current_time()
        reading = await self._read(ask)
        if reading is None:
            return bool(self.halted)
        seen = seen_in(reading.decoded)
        standing = await self._proof.examine(ask, asked_at, seen, reading.decoded.events)
        if isinstance(standing, Betrayal):
            await self._tell(*standing)
        if standing is not Standing.SAME:
            return bool(self.halted)
        progress = await self._absorb(ask, reading, seen, asked_at)
        if progress.stuck:
            await self._tell(Verdict(Finding.STUCK), "halt")
            return bool(self.halted)
        if not ask.reread:
            at_once = progress.ask_again or self._until_caught_up
            self._polled_at = float("-inf") if at_once else asked_at
        return self._until_caught_up and progress.at_head

    async def _next_ask(self) -> Ask[Any]:
        """Wait until something is to be asked: the next poll, or a look at a gap."""
        while True:
            now = self._time_of_day(trio.current_time())
            if (ask := self._coverage.reread(now)) is not None:
                return ask
            due = self._polled_at + self._policies.now.poll_interval
            if (left := due - trio.current_time()) <= 0:
                return self._coverage.advance(now, prove=self._proof.is_stale)
            left = min(left, max(self._coverage.next_reread() - now, 0.0))
            await self._pause("something new", left)

    async def _read(self, ask: Ask[Any]) -> Reading | None:
        """The answer, or None where something else is to be asked first."""
        reading = await self._reader.read(
            Request(ask.from_id, ask.limit),
            may_be_idle=self._coverage.may_be_idle(ask),
            searching=self._isolator.is_searching(),
        )
        if isinstance(reading, Reading):
            return reading
        if isinstance(reading, Unreadable):
            await self._isolate(ask, reading)
        else:
            self._coverage.shrink()
        return None

    async def _isolate(self, ask: Ask[Any], unreadable: Unreadable) -> None:
        """Get round what makes a page unreadable, or halt before it."""
        measure = await self._isolator.isolate(ask, unreadable)
        if not ask.reread:
            self._polled_at = float("-inf")
        if measure is not None and measure.page is not None:
            page = replace(measure.page, sequence=self._sequence)
            if page.trail is not None:
                self._observer(set_aside(page, page.trail, ask, len(self._coverage.ledger)))
            await self._send(page)
        if measure is not None and measure.halt:
            await self._halt(measure.halt)

    async def _take(self, ask: Ask[Any], reading: Reading) -> None:
        """Take a page that was come upon on the way."""
        await self._absorb(ask, reading, seen_in(reading.decoded), reading.begun)

    async def _absorb(
        self, ask: Ask[Any], reading: Reading, seen: Seen[Any], asked_at: float
    ) -> Progress[Any]:
        begun, now = self._time_of_day(reading.begun), self._time_of_day(trio.current_time())
        progress = self._coverage.absorb(ask, seen, begun, now, today=self._clock.now())
        self._proof.note(reading.decoded.events)
        whole = page_of(self._sequence, ask, reading, progress, asked_at)
        page = self._echo.new_in(whole, reread=ask.reread, repeats=progress.repeats)
        gaps, sequence = len(self._coverage.ledger), page.sequence if page else None
        self._observer(fetched(ask, reading, progress, gaps, whole.trail, sequence))
        if page is not None:
            await self._send(page)
        late_window = self._coverage.late_window
        if (late := self._edge.notice(progress.change.settled, now, late_window)) is not None:
            self._observer(FoundLate(late, late_window))
        return progress

    async def _tell(self, verdict: Verdict, policy: Policy) -> None:
        """Say and record what became of the feed, and do what the policy says."""
        now = self._time_of_day(trio.current_time())
        told = (self._coverage, self._sequence, self._reader.decoder, now)
        page, said = react(verdict, policy, *told)
        if policy == "continue":
            self._proof.forget()
        self._observer(FeedBetrayed(verdict.finding.value, policy, said))
        await self._send(page)
        if policy == "halt":
            await self._halt(said)

    async def _halt(self, said: str) -> None:
        if self._until_caught_up:
            self.halted = said
        else:
            await self._pause("an operator", self._policies.now.halt_pause)

    async def _send(self, page: Page) -> None:
        with self._reader.pulse.waiting("the router"):
            await self._pages.send(page)
        self._sequence += 1

    async def _pause(self, what: str, seconds: float) -> None:
        """Wait so long, or until the policies are others."""
        until = trio.current_time() + seconds
        with self._reader.pulse.waiting(what, until):
            await self._policies.sleep_until(until)
