"""The store without threads: the same transactions, on sqlite3, in the task that asks.

For simulations: under a MockClock, a deadline can fire inside a call that runs in a thread.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import trio

from scand.core.parcel import ORDERS, Key, Order
from scand.core.review import Chosen, Item, Review, Selection
from scand.ports import Checkpoint, Clock, PageResult, Receipt
from scand.runtime.clock import WallClock
from scand.store.commit import commit
from scand.store.old_letters import prune_dead_letters
from scand.store.opening import connect
from scand.store.place import begin
from scand.store.pruning import prune_events
from scand.store.replaying import choose, discard, replay
from scand.store.transaction import Result, Transaction, run
from scand.store.trouble import explained


class SyncStore:
    """Implements `ports.Store`; see `open_sync_store`."""

    def __init__(self, connection: sqlite3.Connection, path: Path, key: Key, clock: Clock) -> None:
        self._connection, self._path = connection, path
        self._key = key
        self._clock = clock

    async def begin(self) -> Checkpoint:
        """Count a generation, and say where to go on from."""
        return await self._run(begin())

    async def commit(self, pages: Sequence[PageResult]) -> Receipt:
        """Make pages durable, all of them or none."""
        return await self._run(commit(pages, self._key, self._clock.now()))

    async def choose_letters(self, selection: Selection) -> Chosen:
        """The first letters of a selection."""
        return await self._run(choose(selection))

    async def replay_letters(self, numbers: Sequence[int], review: Review) -> list[Item]:
        """Try letters again, all of them or none."""
        return await self._run(replay(numbers, review, self._key, self._clock.now()))

    async def discard_letters(self, numbers: Sequence[int]) -> list[Item]:
        """Give letters up."""
        return await self._run(discard(numbers, self._clock.now()))

    async def prune_dead_letters(self, before: float, limit: int) -> int:
        """Remove letters that were closed `before` (seconds since 1970)."""
        return await self._run(prune_dead_letters(before, limit))

    async def prune_events(self, before: float, limit: int) -> int:
        """Remove events that were committed `before` (seconds since 1970) from the journal."""
        return await self._run(prune_events(before, limit, self._key))

    async def _run(self, transaction: Transaction[Result]) -> Result:
        with explained(self._path):
            result = run(self._connection, transaction)
        await trio.lowlevel.checkpoint()
        return result


@contextmanager
def open_sync_store(path: Path, order: Order, clock: Clock | None = None) -> Iterator[SyncStore]:
    """Open a store that `opening.prepare` has made ready, for as long as the block runs."""
    with closing(connect(path)) as connection:
        yield SyncStore(connection, path, ORDERS[order], clock or WallClock())
