"""What the tests of the fetcher share."""

from typing import Any

import pytest
import trio

from scand.actors.continuity import Policies
from scand.actors.fetcher import fetch
from scand.actors.messages import Page
from scand.core.course import Course
from scand.core.decode import Decoder
from scand.live import Live
from tests.support.following import HALT, Follow, Run, reader_of
from tests.support.parts import SimulatedClock
from tests.support.scans import DECODER


@pytest.fixture
def follow() -> Follow:
    """Run a fetcher over a feed for some simulated seconds."""

    async def follow(
        feed: Any,
        seconds: float = 60.0,
        coverage: Course[Any] | None = None,
        policies: Policies = HALT,
        decoder: Decoder = DECODER,
        **options: Any,
    ) -> Run:
        run = Run()
        run.coverage = coverage or run.coverage
        clock = SimulatedClock()
        reader = reader_of(feed, run.recorder, decoder)
        to_router, pages = trio.open_memory_channel[Page](1000)
        with trio.move_on_after(seconds):
            told = (Live(policies), clock, clock.at, run.recorder)
            run.halted = await fetch(to_router, reader, run.coverage, *told, **options)
            run.ended = True
        run.pages = [each async for each in pages]  # ends: the fetcher has closed its end
        await pages.aclose()
        return run

    return follow
