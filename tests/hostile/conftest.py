"""The whole tree over a raw carrier, in simulated time, on a real store file."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from scand.feed.http import HttpFeed, open_client
from scand.live import Live
from scand.runtime.daemon import run_tree
from scand.runtime.parts import Parts
from scand.store.opening import Identity, prepare
from scand.store.reading import event_document, open_reader, parcel_document
from tests.support.parts import URL, Recorder, SimulatedClock, settings
from tests.support.sync_store import open_sync_store


@dataclass
class Followed:
    """What came of following a carrier to its head."""

    events: dict[int, dict[str, Any]]
    parcels: dict[int, dict[str, Any]]
    dead: list[tuple[str, bytes, int | None]]
    cursor: int
    recorder: Recorder


PATIENCE = 3600.0
"""Simulated seconds that following may take."""

Follow = Callable[..., Followed]


@pytest.fixture
def follow(tmp_path: Path) -> Follow:
    """Follow a carrier until its head is committed; `feed` holds settings."""

    async def run(carrier: httpx.AsyncBaseTransport, **feed: Any) -> Followed:
        recorder = Recorder()
        order = feed.get("order", "event_id")
        path, clock = tmp_path / "scand.db", SimulatedClock()
        prepare(path, Identity("carrier", "integer", order, URL))
        config = settings(path, feed=feed)
        with open_sync_store(path, order, clock) as store:
            async with open_feed(carrier, config.feed) as http:
                parts = Parts(Live(config), http, store, clock, recorder, until_caught_up=True)
                with trio.fail_after(PATIENCE):
                    await run_tree(parts)
        return _followed(path, recorder)

    def in_simulated_time(carrier: httpx.AsyncBaseTransport, **feed: Any) -> Followed:
        clock = trio.testing.MockClock(autojump_threshold=0)
        return trio.run(partial(run, carrier, **feed), clock=clock)

    return in_simulated_time


def _followed(path: Path, recorder: Recorder) -> Followed:
    with open_reader(path) as reader:
        events = {row.event.event_id: event_document(row) for row in reader.journal()}
        parcels = {number: parcel_document(number, state) for number, state in reader.parcels()}
        cursor = reader.summary()["cursor"]
    with closing(sqlite3.connect(path)) as connection:
        dead = connection.execute("SELECT reason, raw, event_id FROM dead_letters ORDER BY id")
        return Followed(events, parcels, dead.fetchall(), cursor, recorder)


@asynccontextmanager
async def open_feed(transport: httpx.AsyncBaseTransport, feed: Any) -> AsyncIterator[HttpFeed]:
    async with open_client(transport=transport) as client:
        yield HttpFeed(
            client=client,
            url=URL,
            timeout=feed.timeout,
            max_body=feed.max_body,
            token_file=feed.token_file,
        )
