"""A commit happens or it does not: errors, a full disk, cancellation, kill -9."""

import os
import random
import sqlite3
import threading
from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio

from scand.core.errors import RolledBackError, StoreBlockedError, StoreError
from scand.core.ledger import Gap, LedgerChange, Outcome, Settled
from scand.core.parcel import ORDERS
from scand.store.commit import commit
from scand.store.opening import connect
from scand.store.reading import open_reader
from scand.store.sqlite import open_store
from scand.store.transaction import Result, Row, Statement, Transaction, run
from scand.store.verify import verify
from tests.store.conftest import Opens
from tests.store.pages import contents, many, page, rows
from tests.support.scans import scan

KEY = ORDERS["event_id"]
BEFORE = page(*many(1, 20), scan(21, ParcelId="?"), ledger=LedgerChange(put=[Gap(30, 40, 1.0)]))
EVERYTHING = [
    page(
        *many(11, 20),
        scan(5, 99),
        scan(21, ParcelId="?"),
        scan(50, ParcelId="?"),
        ledger=LedgerChange([30], [Gap(30, 35, 1.0)], [Settled(Outcome.FILLED, 36, 40, 1.0, 2.0)]),
        history=3,
    ),
    page(*many(41, 20)),
]


class BrokenError(Exception):
    """Something that went wrong between two statements."""


def breaking(transaction: Transaction[Result], after: int) -> Transaction[Result]:
    """The transaction, until `after` of its statements have run."""
    answer: list[Row] | None = None
    for _ in range(after):
        try:
            answer = yield transaction.send(answer)  # type: ignore[arg-type]
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
    raise BrokenError


def statements_of(path: Path) -> int:
    """How many statements committing EVERYTHING takes."""
    taken = 0

    def counting() -> Generator[Statement, list[Row], None]:
        nonlocal taken
        transaction = commit(EVERYTHING, KEY, 1.0)
        answer: Any = None
        while True:
            statement = transaction.send(answer)
            taken += 1
            answer = yield statement

    with closing(connect(path)) as connection:
        connection.execute("BEGIN")
        try:
            drive(connection, counting())
        except RuntimeError:  # StopIteration out of a generator
            connection.execute("ROLLBACK")
    return taken


def drive(connection: sqlite3.Connection, transaction: Transaction[None]) -> None:
    answer: Any = None
    while True:
        answer = connection.execute(*transaction.send(answer)).fetchall()


async def test_error_between_statements(opens: Opens, path: Path) -> None:
    """BrokenError between any two statements, a commit leaves no trace, and the next one works."""
    async with opens() as store:
        await store.commit([BEFORE])
        before, number = contents(path), statements_of(path)
        assert number >= 9
        for after in range(number):
            with pytest.raises(RolledBackError):
                await store._run(breaking(commit(EVERYTHING, KEY, 1.0), after))
            assert not store._connection.in_transaction
            assert contents(path) == before
        await store.commit(EVERYTHING)
    with open_reader(path) as reader:
        assert verify(reader).ok
    assert rows(path, "SELECT count(*), max(event_id) FROM journal") == [(50, 60)]


@pytest.mark.parametrize("table", ["journal", "parcels", "dead_letters", "gaps", "settled_gaps"])
@pytest.mark.parametrize("way", ["ABORT", "FAIL", "ROLLBACK"])
async def test_error_in_statement(opens: Opens, path: Path, table: str, way: str) -> None:
    """A statement that SQLite refuses undoes the commit, also where SQLite has done so itself."""
    trigger = (
        f"CREATE TRIGGER refusal BEFORE INSERT ON {table} BEGIN SELECT RAISE({way}, 'refused'); END"
    )
    async with opens() as store:
        await store.commit([BEFORE])
        before = contents(path)
        with closing(sqlite3.connect(path)) as other:
            other.execute(trigger)
        with pytest.raises(RolledBackError, match="refused"):
            await store.commit(EVERYTHING)
        assert not store._connection.in_transaction
        assert contents(path) == before
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TRIGGER refusal")
        await store.commit(EVERYTHING)
    assert rows(path, "SELECT count(*) FROM journal") == [(50,)]


async def test_disk_full(opens: Opens, path: Path) -> None:
    """A commit that finds the disk full leaves no trace, and works once there is room."""
    large = [page(*many(100, 20_000))]

    def set_room(pages: int) -> Generator[Statement, list[Row], None]:
        yield Statement(f"PRAGMA max_page_count = {pages}")

    async with opens() as store:
        await store.commit([BEFORE])
        before, ((pages,),) = contents(path), rows(path, "PRAGMA page_count")
        for room in (0, 1, 20, 100):
            await store._run(set_room(pages + room))
            with pytest.raises(StoreBlockedError, match="full"):
                await store.commit(large)
            assert not store._connection.in_transaction
            assert contents(path) == before
        await store._run(set_room(2**30))
        await store.commit(large)
        await store.commit(EVERYTHING)
    with open_reader(path) as reader:
        assert verify(reader).ok


async def test_unfinished_commit_statement(path: Path) -> None:
    """Where COMMIT itself fails, the transaction is rolled back."""

    class FailsToCommit:
        """A connection whose COMMIT is refused."""

        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection

        @property
        def in_transaction(self) -> bool:
            return self._connection.in_transaction

        def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
            if sql == "COMMIT":
                raise sqlite3.OperationalError("disk I/O error")
            return self._connection.execute(sql, parameters)

    with closing(connect(path)) as connection:
        before = contents(path)
        with pytest.raises(RolledBackError, match="I/O"):
            run(FailsToCommit(connection), commit([BEFORE], KEY, 1.0))  # type: ignore[arg-type]
        assert not connection.in_transaction
        assert contents(path) == before


async def test_locked(opens: Opens, path: Path) -> None:
    """A store that another program has locked refuses the commit, and takes the next."""

    def be_impatient() -> Generator[Statement, list[Row], None]:
        yield Statement("PRAGMA busy_timeout = 20")

    async with opens() as store:
        await store._run(be_impatient())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBlockedError, match="locked"):
                await store.commit([BEFORE])
        await store.commit([BEFORE])
    assert rows(path, "SELECT count(*) FROM journal") == [(20,)]


# --- cancellation ------------------------------------------------------------


async def test_cancelled_commit_completes(opens: Opens, path: Path) -> None:
    """A cancelled commit is committed, and the cancellation is delivered after it."""
    async with opens() as store:
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.commit([BEFORE])
        assert scope.cancelled_caught
        assert not store._connection.in_transaction
    assert rows(path, "SELECT count(*) FROM journal") == [(20,)]


async def test_random_ends(path: Path) -> None:
    """Cancelled as a whole, a store closes after its last commit and leaves no thread behind."""
    rng, size, before = random.Random(2), 30, threads()
    for _ in range(40):
        with trio.move_on_after(rng.random() * 0.03):
            async with open_store(path, "event_id") as store, trio.open_nursery() as nursery:
                position = (await store.begin()).position
                numbers = count(position.cursor + 1 if position else 1, size)
                for _ in range(2):
                    nursery.start_soon(commit_for_ever, store, numbers, size)
        assert threads() == before
    assert not path.with_name(path.name + "-wal").exists()
    with open_reader(path) as reader:
        result = verify(reader)
    assert result.ok
    assert result.events % size == 0
    assert result.events > size


async def commit_for_ever(store: Any, numbers: Any, size: int) -> None:
    while True:
        await store.commit([page(*many(next(numbers), size))])


def threads() -> set[str]:
    """What opening a store changes in the process, but for trio's own idle threads."""
    ours = [thread for thread in threading.enumerate() if "worker" in thread.name]
    for thread in ours:
        thread.join(1)  # it says that it ends just before it does
    return {thread.name for thread in ours if thread.is_alive()}


async def test_a_damaged_file(path: Path) -> None:
    """Damage ends in an error that says what to do: starting again would not mend it."""
    await commit_some(path, range(20))
    os.truncate(path, 40_960)
    with pytest.raises(StoreError, match="is damaged") as caught:
        await commit_some(path, range(20, 40))
    assert "backup" in caught.value.hint


async def commit_some(path: Path, numbers: Sequence[int]) -> None:
    async with open_store(path, "event_id") as store:
        for number in numbers:
            await store.commit([page(*many(number * 500 + 1, 500))])
