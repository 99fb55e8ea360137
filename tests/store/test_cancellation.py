"""Cancelled at any moment, a commit happens or it does not, and no transaction stays open."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import pytest
import trio
import trio_asyncio

from scand.core.parcel import ORDERS
from scand.ports import PageResult
from scand.store.reading import open_reader
from scand.store.sqlite import SqliteStore, open_store
from scand.store.transaction import Result, Row, Transaction
from scand.store.verify import verify
from tests.store.pages import expected_parcels, many, page, rows

KEY = ORDERS["event_id"]
CHUNKS, CANCELLATIONS = 10, 100
"""A thousand in all, in stores of a hundred."""

WIDTH = 100
"""Ids that a page has for itself: an event's id tells its page, and so does a cursor."""

Cancel = Callable[[], None]


def nothing() -> None:
    """Happen at a statement."""


class Trial:
    """A store whose commits are cancelled."""

    def __init__(self, store: SqliteStore, seed: int) -> None:
        self.store, self.rng = store, random.Random(seed)
        self.connection = store._connection._conn
        self.pages: list[PageResult] = []
        self.cancelled = 0
        self.inside = 0  # of these, where a transaction was open
        self.at_statement = nothing
        # Once: it would wait for the thread, which may be waiting for us.
        self.connection.set_trace_callback(lambda _: self.at_statement())

    def batch(self) -> list[PageResult]:
        """One to three new pages."""
        first = len(self.pages)
        for number in range(first, first + self.rng.randint(1, 3)):
            lowest = (number + 1) * WIDTH
            scans = many(lowest, self.rng.randint(1, 60), parcels=50)
            self.pages.append(page(*scans, cursor=lowest + WIDTH - 1))
        return self.pages[first:]

    async def commit(self, pages: list[PageResult]) -> None:
        """Commit, cancelled at some moment; that may come too late to be a cancellation."""
        scope = trio.CancelScope()
        under_way = True

        def cancel() -> None:
            self.cancelled += under_way
            self.inside += under_way and self.connection.in_transaction
            scope.cancel()

        moments = (self.after_turns, self.after_a_while, self.in_statement)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.rng.choice(moments), cancel)
            with scope:
                await self.store.commit(pages)
            under_way = False
            nursery.cancel_scope.cancel()
        self.at_statement = nothing

    async def after_turns(self, cancel: Cancel) -> None:
        """Cancel after some turns of the event loop."""
        for _ in range(self.rng.randint(0, 40)):
            await trio.lowlevel.checkpoint()
        cancel()

    async def after_a_while(self, cancel: Cancel) -> None:
        """Cancel after a few milliseconds."""
        await trio.sleep(self.rng.random() * 0.003)
        cancel()

    async def in_statement(self, cancel: Cancel) -> None:
        """Cancel while the store's thread is at a certain statement, and waits for that."""
        token, statements = trio.lowlevel.current_trio_token(), count()
        chosen = self.rng.randint(0, 8)

        def at_statement() -> None:
            if next(statements) == chosen:
                trio.from_thread.run_sync(cancel, trio_token=token)

        self.at_statement = at_statement
        await trio.sleep_forever()


def assert_whole(trial: Trial, other: sqlite3.Connection, *batches: list[PageResult]) -> None:
    """No transaction is open, these batches are there as wholes, and the cursor is the last's."""
    assert not trial.connection.in_transaction
    other.execute("BEGIN IMMEDIATE")  # at once: it has no timeout
    ids = [row[0] for row in other.execute("SELECT event_id FROM journal ORDER BY seq DESC")]
    ((cursor,),) = other.execute("SELECT cursor FROM feed").fetchall()
    other.execute("ROLLBACK")
    for batch in batches:
        events = {event.event_id for one in batch for event in one.events}
        assert len(events.intersection(ids)) in {0, len(events)}
    assert cursor == (ids[0] - ids[0] % WIDTH + WIDTH - 1 if ids else None)


@pytest.mark.parametrize("seed", range(CHUNKS))
async def test_cancellations(path: Path, seed: int) -> None:
    """Alone or with another at its heels, a cancelled commit leaves all of its pages or none."""
    async with open_store(path, "event_id") as store:
        trial = Trial(store, seed)
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
            while trial.cancelled < CANCELLATIONS:
                mine, another = trial.batch(), trial.batch()
                async with trio.open_nursery() as nursery:
                    if trial.rng.random() < 0.3:
                        nursery.start_soon(store.commit, another)
                    await trial.commit(mine)
                assert_whole(trial, other, mine, another)
        assert trial.inside > CANCELLATIONS / 10
        await store.commit(trial.pages)
    with open_reader(path) as reader:
        assert verify(reader).ok
    events = [event for one in trial.pages for event in one.events]
    assert rows(path, "SELECT count(*) FROM journal") == [(len(events),)]
    assert rows(path, "SELECT * FROM parcels ORDER BY 1") == expected_parcels(events, "event_id")


class CrossingOften(SqliteStore):
    """What a store would be that awaits each statement, and is not shielded."""

    async def _run(self, transaction: Transaction[Result]) -> Result:
        async with self._lock:
            await self._execute("BEGIN IMMEDIATE")
            try:
                result = await self._drive(transaction)
                await self._execute("COMMIT")
            except BaseException:
                await self._execute("ROLLBACK")
                raise
            return result

    async def _drive(self, transaction: Transaction[Result]) -> Result:
        answer: list[Row] | None = None
        while True:
            try:
                statement = transaction.send(answer)  # type: ignore[arg-type]
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            answer = await self._execute(*statement)

    async def drain(self) -> None:
        """Wait until the thread has done what it was asked for."""
        await self._execute("SELECT 1")

    async def roll_back(self) -> None:
        """End a transaction that was left open, if one was."""
        with suppress(sqlite3.OperationalError):
            await self._execute("ROLLBACK")

    async def _execute(self, sql: str, parameters: object = ()) -> list[Row]:
        rows = await trio_asyncio.aio_as_trio(self._connection.execute_fetchall)(sql, parameters)
        return list(rows)


async def test_faults_are_found(path: Path) -> None:
    """These cancellations do come inside commits: a store that is not shielded fails the test."""
    failures = 0
    async with open_store(path, "event_id") as store:
        faulty = CrossingOften(store._connection, path, store._presence, KEY)
        trial = Trial(faulty, 1)
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
            while trial.cancelled < CANCELLATIONS:
                mine = trial.batch()
                await trial.commit(mine)
                await faulty.drain()
                try:
                    assert_whole(trial, other, mine)
                except AssertionError:
                    failures += 1
                    await faulty.roll_back()
    assert failures > CANCELLATIONS / 10
