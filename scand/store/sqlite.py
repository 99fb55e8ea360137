"""The store in production: aiosqlite, an asyncio library, on trio-asyncio's loop.

A transaction is one crossing between the two worlds and is shielded: cancelled half way, its
outcome would be unknown. Nothing outside this package knows of asyncio.
"""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
import trio
import trio_asyncio

from scand.core.parcel import ORDERS, Key, Order
from scand.ports import Checkpoint, PageResult, Receipt
from scand.store.commit import commit, load
from scand.store.opening import PRAGMAS
from scand.store.transaction import Result, Row, Transaction


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
                run = trio_asyncio.aio_as_trio(_transact)
                result: Result = await run(self._connection, transaction)
        await trio.lowlevel.checkpoint_if_cancelled()
        return result


@asynccontextmanager
async def open_store(path: Path, order: Order) -> AsyncIterator[SqliteStore]:
    """Open a store that `opening.prepare` has made ready, for as long as the block runs."""
    async with trio_asyncio.open_loop():
        opening = trio_asyncio.aio_as_trio(_connect)
        connection = await opening(path)
        try:
            yield SqliteStore(connection, ORDERS[order])
        finally:
            with trio.CancelScope(shield=True):
                await trio_asyncio.aio_as_trio(connection.close)()


async def _connect(path: Path) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, isolation_level=None)
    for pragma in PRAGMAS:
        await connection.execute(pragma)
    return connection


async def _transact(connection: aiosqlite.Connection, transaction: Transaction[Result]) -> Result:
    """`transaction.run`, with aiosqlite's thread at the other end of each statement."""
    await connection.execute("BEGIN IMMEDIATE")
    try:
        result = await _drive(connection, transaction)
        await connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLITE_FULL and others have rolled back already
            await connection.execute("ROLLBACK")
        raise
    return result


async def _drive(connection: aiosqlite.Connection, transaction: Transaction[Result]) -> Result:
    rows: list[Row] | None = None
    while True:
        try:
            statement = transaction.send(rows)  # type: ignore[arg-type]  # None starts it
        except StopIteration as done:
            result: Result = done.value
            return result
        rows = list(await connection.execute_fetchall(*statement))
