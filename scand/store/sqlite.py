"""The store in production: aiosqlite, an asyncio library, on trio-asyncio's loop.

A transaction is one crossing, from trio through asyncio into the connection's thread, and is
shielded: cancelled half way, its outcome would be unknown. Once in the thread, it runs to its end
whatever becomes of the loop. Nothing outside this package knows of asyncio.
"""

import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import aiosqlite
import trio
import trio_asyncio

from scand.core.parcel import ORDERS, Key, Order
from scand.ports import Checkpoint, PageResult, Receipt
from scand.store.commit import commit, load
from scand.store.opening import connect
from scand.store.transaction import Result, Transaction, run

SWITCH_INTERVAL = 0.00001
"""Seconds after which the store's thread asks the busy event loop for the interpreter.

A thread that waits asks only when the interpreter was not released for this long. The event loop
releases it at every turn and takes it back at once. So with Python's 5 ms, a loop busy with
shorter turns lets the thread starve: commits of 20 s were measured, and of 0.1 s with this (up to
0.7 s where a turn is shorter than the kernel's timer slack of 50 µs).
"""


class SqliteStore:
    """Implements `ports.Store` on one connection; see `open_store`."""

    def __init__(self, connection: aiosqlite.Connection, key: Key) -> None:
        self._connection = connection
        self._key = key
        self._lock = trio.Lock()

    async def load(self) -> Checkpoint:
        """The durable position."""
        return await self._run(load())

    async def commit(self, pages: Sequence[PageResult]) -> Receipt:
        """Make pages durable, all of them or none."""
        return await self._run(commit(pages, self._key, time.time()))

    async def _run(self, transaction: Transaction[Result]) -> Result:
        with trio.CancelScope(shield=True):
            async with self._lock:
                in_thread = trio_asyncio.aio_as_trio(_in_thread)
                result: Result = await in_thread(self._connection, transaction)
        await trio.lowlevel.checkpoint_if_cancelled()
        return result


@asynccontextmanager
async def open_store(path: Path, order: Order) -> AsyncIterator[SqliteStore]:
    """Open a store that `opening.prepare` has made ready, for as long as the block runs.

    What the block raises comes out in exception groups, as from a nursery.
    """
    # Opened before aiosqlite has a part in it: its thread would outlive a failure.
    with closing(await trio.to_thread.run_sync(connect, path)) as opened, _switching_often():
        async with trio_asyncio.open_loop():
            connection = aiosqlite.Connection(lambda: opened, iter_chunk_size=1)
            with trio.CancelScope(shield=True):
                await trio_asyncio.aio_as_trio(_start)(connection)
            try:
                yield SqliteStore(connection, ORDERS[order])
            finally:
                with trio.CancelScope(shield=True):
                    await trio_asyncio.aio_as_trio(connection.close)()


@contextmanager
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


async def _start(connection: aiosqlite.Connection) -> None:
    await connection


async def _in_thread(connection: aiosqlite.Connection, transaction: Transaction[Result]) -> Result:
    # aiosqlite has no public word for "run this in your thread"; a crossing per statement costs
    # a commit some thirty turns of the event loop, and could be left half way.
    result: Result = await connection._execute(run, connection._conn, transaction)  # type: ignore[no-untyped-call]  # noqa: SLF001
    return result
