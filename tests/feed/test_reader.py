"""Where bodies are read: small ones at once, large ones beside everything else."""

import threading
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import trio

from scand.core.decode import Decoder
from scand.core.pulse import Pulse
from scand.feed.breaker import Breaker
from scand.feed.interpreting import LARGE, in_thread
from scand.feed.pacing import Backoff
from scand.feed.reader import PageReader, Reading
from scand.ports import Answered, Request
from tests.hostile.carrier import good, page_of
from tests.support.parts import Recorder, ScriptedFeed

SMALL = page_of([good(7)])
HUGE = SMALL + b" " * LARGE


@pytest.mark.parametrize(("body", "apart"), [(SMALL, 0), (HUGE, 1)])
async def test_a_large_body_is_read_aside(body: bytes, apart: int) -> None:
    """What may take long is handed to whoever runs it elsewhere, and read all the same."""
    handed: list[Callable[[], Any]] = []

    async def aside(read: Callable[[], Any]) -> Any:
        handed.append(read)
        return read()

    reader = PageReader(
        ScriptedFeed(Answered(body)),
        Breaker(5, 30.0),
        Backoff(0.25, 60.0, Random(1)),
        Recorder(),
        Decoder(),
        retry_after_cap=900.0,
        refused_pause=60.0,
        timeout=30.0,
        pulse=Pulse("fetcher"),
        aside=aside,
    )
    reading = await reader.read(Request(1, 100), may_be_idle=True)
    assert isinstance(reading, Reading)
    assert [event.event_id for event in reading.decoded.events] == [7]
    assert len(handed) == apart


async def test_a_thread_leaves_the_event_loop_alone() -> None:
    """While a body is read, other tasks run: this one has to wait for one of them."""
    here, gone_on = threading.get_ident(), threading.Event()

    def read() -> Any:
        gone_on.wait()
        return threading.get_ident()

    async def go_on() -> None:
        gone_on.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(go_on)
        assert await in_thread(read) != here
