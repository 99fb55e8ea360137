"""The store in production: aiosqlite, an asyncio library, on trio-asyncio's loop.

A transaction is one crossing, from trio through asyncio into the connection's thread, and is
shielded: cancelled half way, its outcome would be unknown. Once in the thread, it runs to its end
whatever becomes of the loop. Nothing outside this package knows of asyncio.

The thread competes with the event loop for the interpreter, and a busy loop can keep it waiting
for as long as it has work; that is no longer than it takes to fill the bounded channels between
the actors. Asking for the interpreter more often (sys.setswitchinterval) was measured to make
commits sooner, smaller and dearer: a fifth less throughput at 100 events a page.
"""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiosqlite
import trio
import trio_asyncio

from scand.core.parcel import ORDERS, Key, Order
from scand.ports import Checkpoint, PageResult, Receipt
from scand.store.commit import commit, load
from scand.store.opening import connect
from scand.store.transaction import Result, Transaction, run


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
    with closing(await trio.to_thread.run_sync(connect, path)) as opened:
        async with trio_asyncio.open_loop():
            connection = aiosqlite.Connection(lambda: opened, iter_chunk_size=1)
            with trio.CancelScope(shield=True):
                await trio_asyncio.aio_as_trio(_start)(connection)
            try:
                yield SqliteStore(connection, ORDERS[order])
            finally:
                with trio.CancelScope(shield=True):
                    await trio_asyncio.aio_as_trio(connection.close)()


async def _start(connection: aiosqlite.Connection) -> None:
    await connection


async def _in_thread(connection: aiosqlite.Connection, transaction: Transaction[Result]) -> Result:
    # aiosqlite has no public word for "run this in your thread"; a crossing per statement costs
    # a commit some thirty turns of the event loop, and could be left half way.
    result: Result = await connection._execute(run, connection._conn, transaction)  # type: ignore[no-untyped-call]  # noqa: SLF001
    return result
