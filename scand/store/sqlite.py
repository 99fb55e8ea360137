"""The store in production: aiosqlite, an asyncio library, on trio-asyncio's loop.

A transaction is one crossing, from trio through asyncio into the connection's thread, and is
shielded: cancelled half way, its outcome would be unknown. Once in the thread, it runs to its end
whatever becomes of the loop. Nothing outside this package knows of asyncio.

The thread competes with the event loop for the interpreter, and a busy loop can keep it waiting
for as long as it has work; that is no longer than it takes to fill the bounded channels between
the actors. Asking for the interpreter more often (sys.setswitchinterval) was measured to make
commits sooner, smaller and dearer: a fifth less throughput at 100 events a page.
"""

import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiosqlite
import trio
import trio_asyncio

from scand.core.event import EventId
from scand.core.parcel import ORDERS, Key, Order
from scand.core.review import Chosen, Item, Review, Selection
from scand.ports import Checkpoint, PageResult, Receipt
from scand.store.commit import commit
from scand.store.moving import Moved, move_cursor, rewind
from scand.store.old_letters import prune_dead_letters
from scand.store.opening import connect
from scand.store.place import begin
from scand.store.presence import Presence
from scand.store.pruning import prune_events
from scand.store.replaying import choose, discard, replay
from scand.store.transaction import Result, Transaction, run
from scand.store.trouble import explain, explained


class SqliteStore:
    """Implements `ports.Store` on one connection; see `open_store`."""

    def __init__(
        self, connection: aiosqlite.Connection, path: Path, presence: Presence, key: Key
    ) -> None:
        self._connection = connection
        self._path, self._presence = path, presence
        self._key = key
        self._lock = trio.Lock()

    async def begin(self) -> Checkpoint:
        """Count a generation, and say where to go on from."""
        return await self._run(begin())

    async def commit(self, pages: Sequence[PageResult]) -> Receipt:
        """Make pages durable, all of them or none."""
        return await self._run(commit(pages, self._key, time.time()))

    async def move_cursor(self, to: EventId, who: str) -> Moved:
        """Go on with the event after `to`; while no generation of ingest runs."""
        return await self._run(move_cursor(to, time.time(), who))

    async def rewind(self, to: EventId, who: str) -> Moved:
        """Read again from event `to` on; while no generation of ingest runs."""
        return await self._run(rewind(to, time.time(), who))

    async def choose_letters(self, selection: Selection) -> Chosen:
        """The first letters of a selection."""
        return await self._run(choose(selection))

    async def replay_letters(self, numbers: Sequence[int], review: Review) -> list[Item]:
        """Try letters again, all of them or none."""
        return await self._run(replay(numbers, review, self._key, time.time()))

    async def discard_letters(self, numbers: Sequence[int]) -> list[Item]:
        """Give letters up."""
        return await self._run(discard(numbers, time.time()))

    async def prune_dead_letters(self, before: float, limit: int) -> int:
        """Remove letters that were closed `before` (seconds since 1970)."""
        return await self._run(prune_dead_letters(before, limit))

    async def prune_events(self, before: float, limit: int) -> int:
        """Remove events that were committed `before` (seconds since 1970) from the journal."""
        return await self._run(prune_events(before, limit, self._key))

    async def _run(self, transaction: Transaction[Result]) -> Result:
        with trio.CancelScope(shield=True):
            async with self._lock:
                self._presence.require()
                in_thread = trio_asyncio.aio_as_trio(_in_thread)
                with explained(self._path):
                    result: Result = await in_thread(self._connection, transaction)
        await trio.lowlevel.checkpoint_if_cancelled()
        return result


@asynccontextmanager
async def open_store(path: Path, order: Order) -> AsyncIterator[SqliteStore]:
    """Open a store that `opening.prepare` has made ready, for as long as the block runs.

    What the block raises comes out in exception groups, as from a nursery.
    """
    # Opened before aiosqlite has a part in it: its thread would outlive a failure.
    with (
        closing(Presence(path)) as presence,
        closing(await trio.to_thread.run_sync(_connect, path)) as database,
    ):
        presence.opened()
        async with trio_asyncio.open_loop():
            connection = aiosqlite.Connection(lambda: database, iter_chunk_size=1)
            with trio.CancelScope(shield=True):
                await trio_asyncio.aio_as_trio(_start)(connection)
            try:
                yield SqliteStore(connection, path, presence, ORDERS[order])
            finally:
                with trio.CancelScope(shield=True), presence.spared():
                    await trio_asyncio.aio_as_trio(connection.close)()


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return connect(path)
    except sqlite3.Error as error:
        raise explain(path, error) from None


async def _start(connection: aiosqlite.Connection) -> None:
    await connection


async def _in_thread(connection: aiosqlite.Connection, transaction: Transaction[Result]) -> Result:
    # aiosqlite has no public word for "run this in your thread"; a crossing per statement costs
    # a commit some thirty turns of the event loop, and could be left half way.
    result: Result = await connection._execute(run, connection._conn, transaction)  # type: ignore[no-untyped-call]  # noqa: SLF001
    return result
