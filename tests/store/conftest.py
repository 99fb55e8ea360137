"""Both implementations of the store, each on a real file."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from scand.core.parcel import Order
from scand.store.opening import connect, prepare
from scand.store.sqlite import SqliteStore, open_store
from tests.store.pages import FEED, keep
from tests.support.sync_store import SyncStore, open_sync_store

AnyStore = SqliteStore | SyncStore
Opens = Callable[..., AbstractAsyncContextManager[AnyStore]]


@asynccontextmanager
async def _open_sync(path: Path, order: Order) -> AsyncIterator[SyncStore]:
    with open_sync_store(path, order) as store:
        yield store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a store that is ready to be opened."""
    path = tmp_path / "scand.db"
    prepare(path, FEED)
    return path


@pytest.fixture
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    """The connection of a daemon, which has committed something."""
    with closing(connect(path)) as connection:
        keep(connection, 1)
        yield connection


@pytest.fixture(params=[open_store, _open_sync], ids=["aiosqlite", "sync"])
def opens(request: pytest.FixtureRequest, path: Path) -> Opens:
    """Return what opens the store at `path`, again and again if need be."""

    def opens_it(order: Order = "event_id") -> AbstractAsyncContextManager[Any]:
        return request.param(path, order)

    return opens_it
