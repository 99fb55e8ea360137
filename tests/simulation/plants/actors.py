"""Mistakes in who does what, and what is left of it after a crash."""

import math
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import Any

import trio

from scand.actors import fetcher, isolation, searching
from scand.actors.messages import Folded
from scand.actors.processor import digest, with_raw
from scand.core import covered, frontier
from scand.core.isolation import Found
from scand.runtime import components, daemon
from tests.simulation.plants.garden import plant
from tests.simulation.scheduler import exchanged


@plant("I3", "I7", "I8", "I9")
def lost_slice_on_a_crash() -> AbstractContextManager[None]:
    """A processor survives its crashes, without the slice in its hands."""

    async def sturdy(
        slices: Any, results: Any, judge: Any, key: Any, clock: Any, _observer: Any
    ) -> None:
        async with slices, results:
            while True:
                with suppress(Exception):
                    async for piece in slices:
                        ruling, parcels = digest(piece.events, judge.now, key, clock.now())
                        turned = with_raw(piece.page.body, ruling.turned)
                        await results.send(Folded(piece.page, ruling.accepted, parcels, turned))
                    return

    return exchanged(daemon, process=sturdy)


@plant("I1", "I2", "I3", "I8")
def the_first_shard_speaks_for_all() -> AbstractContextManager[None]:
    """A page counts as complete when one shard has answered."""

    def ready(self: Any) -> list[list[Any]]:
        pages = []
        while self._pages.get(self._next):
            pages.append(self._pages.pop(self._next))
            self._next += 1
        return pages

    def add(self: Any, sequence: int, part: Any) -> None:
        if sequence >= self._next:
            self._pages[sequence].append(part)

    return exchanged(frontier.Frontier, ready=ready, add=add)


@plant("I2", "I3")
def a_crash_keeps_the_cursor() -> AbstractContextManager[None]:
    """The next generation goes on where the last one was, not from the durable cursor."""
    real, run_tree = components.build_coverage, daemon.run_tree
    kept: dict[str, Any] = {}

    def keep(*args: Any) -> Any:
        return kept.setdefault("coverage", real(*args))

    async def forget_first(parts: Any) -> None:
        kept.clear()
        await run_tree(parts)

    return exchanged(daemon, build_coverage=keep, run_tree=forget_first)


@plant("I7")
def a_queue_without_bound() -> AbstractContextManager[None]:
    """The fetcher never waits for the others."""
    real: Any = fetcher.fetch

    async def relay(queue: Any, pages: Any) -> None:
        async with queue, pages:
            async for page in queue:
                await pages.send(page)

    async def hurried(pages: Any, *args: Any, **kwargs: Any) -> None:
        send, receive = trio.open_memory_channel[Any](math.inf)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(relay, receive, pages)
            await real(send, *args, **kwargs)

    return exchanged(daemon, fetch=hurried)


@plant("I3")
def an_echo_by_id() -> AbstractContextManager[None]:
    """Whatever has an id of the page before is dropped, whether it is the same event or not."""
    real = fetcher.Echo.new_in

    def new_in(self: Any, page: Any, **flags: Any) -> Any:
        last = self._last
        known = {event.event_id: event for event in last.events} if last else {}
        events = [known.get(event.event_id, event) for event in page.events]
        return real(self, replace(page, events=events), **flags)

    return exchanged(fetcher.Echo, new_in=new_in)


@plant("I3", "I8", "I9")
def a_broken_event_is_passed_in_silence() -> AbstractContextManager[None]:
    """What breaks its pages is gone round, and nobody files it."""
    return exchanged(isolation.Counting, _knows=lambda *_: True)


@plant("I3")
def a_broken_event_is_taken_for_the_one_before() -> AbstractContextManager[None]:
    """The search ends one id too early."""
    real = searching.isolate

    def isolate(*args: Any, **flags: Any) -> Any:
        ending = yield from real(*args, **flags)
        if isinstance(ending, Found) and ending.last > ending.low:
            return ending._replace(last=ending.last - 1)
        return ending

    return exchanged(searching, isolate=isolate)


@plant("I2", "I3", "I9")
def what_a_broken_event_hides_is_lost() -> AbstractContextManager[None]:
    """It is gone round, and nobody looks for what may be missing before it."""

    def go_round(self: Any, last: int, _now: float) -> int:
        self.cursor, self.anchored, self.high = last, False, max(last, self.high)
        return 0

    return exchanged(covered.Covered, go_round=go_round)
