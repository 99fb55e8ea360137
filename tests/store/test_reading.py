"""Reading beside the daemon: one state, never in its way, also where nothing may be written."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trio

from scand.core.errors import StoreError
from scand.core.ledger import Gap, LedgerChange, Outcome, Settled
from scand.core.parcel import ORDERS
from scand.store import reading, readonly
from scand.store.commit import commit
from scand.store.lock import instance_lock, mark_set_up
from scand.store.opening import connect, prepare
from scand.store.reading import event_document, open_reader, parcel_document
from scand.store.sqlite import open_store
from scand.store.transaction import run
from scand.store.verify import verify
from tests.store.pages import FEED, expected_parcels, many, page
from tests.store.privileges import as_owner, without_privileges
from tests.support.scans import scan

KEY = ORDERS["event_id"]
NO_LETTERS = {"open": 0, "replayed": 0, "superseded": 0, "discarded": 0, "pruned": 0}


def put(path: Path, *pages: object) -> None:
    """Commit pages and close the store."""
    with closing(connect(path)) as connection:
        run(connection, commit(pages, KEY, 1.0))  # type: ignore[arg-type]


# --- what it says ------------------------------------------------------------


def test_summary_of_a_new_store(path: Path) -> None:
    """Of a store that has seen nothing, the summary says so."""
    with open_reader(path) as reader:
        summary = reader.summary()
    assert summary["feed"] == {"name": FEED.name, "url": FEED.url}
    assert (summary["cursor"], summary["events"], summary["last_event"]) == (None, 0, None)
    assert set(summary["gaps"].values()) == {0}
    assert summary["dead_letters"] == {**NO_LETTERS, "by_reason": {}}


def test_summary(path: Path) -> None:
    """The summary counts events, parcels, ids in gaps by their fate, and letters by reason."""
    settled = [
        Settled(Outcome.FILLED, 3, 4, 1.0, 2.0),
        Settled(Outcome.FILLED, 8, 8, 1.0, 2.0),
        Settled(Outcome.GIVEN_UP, 5, 7, 1.0, 2.0),
    ]
    ledger = LedgerChange(put=[Gap(20, 29, 1.0), Gap(40, 40, 1.0)], settled=settled)
    bad = [scan(90, ParcelId="?"), scan(91, ParcelId="?"), scan(92, CreatedDateTimeUtc="?")]
    put(path, page(*many(1, 9), scan(50), scan(44), *bad, ledger=ledger, history=12))
    with open_reader(path) as reader:
        summary = reader.summary()
    assert (summary["cursor"], summary["events"], summary["parcels"]) == (50, 11, 7)
    assert summary["last_event"]["event_id"] == 44
    assert summary["gaps"] == {
        "open": 2,
        "open_ids": 11,
        "filled_ids": 3,
        "given_up_ids": 3,
        "lost_ids": 0,
        "skipped_ids": 0,
        "history_ids": 12,
    }
    reasons = {"invalid_created_at": 1, "invalid_parcel_id": 2}
    assert summary["dead_letters"] == {**NO_LETTERS, "open": 3, "by_reason": reasons}


def test_parcel(path: Path) -> None:
    """A parcel has its state, and its events in commit order; an unknown one has neither."""
    put(path, page(scan(9, 5, "DELIVERY"), scan(3, 6), scan(2, 5, "PICKUP")))
    with open_reader(path) as reader:
        state, history = reader.parcel(5), reader.history(5)
        assert (reader.parcel(7), reader.history(7)) == (None, [])
    assert state is not None
    document = parcel_document(5, state)
    assert document["latest"]["event_id"] == 9
    assert document["picked_up_at"] == document["delivered_at"] == state.latest.created_at
    assert [(row.seq, row.event.event_id, row.milestone) for row in history] == [
        (1, 9, "delivered"),
        (3, 2, "picked_up"),
    ]


def test_documents(path: Path) -> None:
    """An exported event names every field, its number, and what it caused."""
    put(path, page(scan(9, 5, "PICKUP")))
    with open_reader(path) as reader:
        (document,) = map(event_document, reader.journal())
    assert document == {
        "seq": 1,
        "event_id": 9,
        "parcel_id": 5,
        "type": "PICKUP",
        "created_at": "2021-05-11T21:11:34.1506147Z",
        "status_code": "",
        "run_id": "100",
        "carrier_id": None,
        "user_id": None,
        "device_id": None,
        "device_transaction_id": None,
        "milestone": "picked_up",
        "corrects": None,
        "trace_id": None,
    }


@pytest.mark.parametrize("chunk", [1, 2, 6, 7, 8, 14, 100])
def test_chunks(path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """An export is whole and in order, wherever its chunks end."""
    monkeypatch.setattr(reading, "CHUNK", chunk)
    result = page(*reversed(many(1, 14)))
    put(path, result)
    with open_reader(path) as reader:
        assert [row.event for row in reader.journal()] == result.events
        assert [row.seq for row in reader.journal()] == list(range(1, 15))
        parcels = dict(reader.parcels())
    expected = expected_parcels(result.events, "event_id")
    assert list(parcels) == [row[0] for row in expected]
    assert [state.latest.event_id for state in parcels.values()] == [row[1] for row in expected]


# --- beside a writer ---------------------------------------------------------


async def test_consistent(path: Path) -> None:
    """While commits go on, every summary and every verification sees one state."""
    size, done = 20, trio.Event()

    async def keep_committing() -> None:
        async with open_store(path, "event_id") as store:
            for number in range(150):
                await store.commit([page(*many(number * size + 1, size))])
            done.set()

    seen = set()

    def look() -> None:
        with open_reader(path) as reader:
            summary, result = reader.summary(), verify(reader)
        assert result.ok
        assert result.events % size == 0
        assert summary["events"] == (summary["cursor"] or 0)
        seen.add(result.events)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_committing)
        while not done.is_set():
            await trio.to_thread.run_sync(look)
    assert len(seen) > 3


async def test_export_does_not_hold_the_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two chunks of an export, the log can be written back to the end."""
    monkeypatch.setattr(reading, "CHUNK", 5)
    async with open_store(path, "event_id") as store:
        await store.commit([page(*many(1, 20))])
        with open_reader(path) as reader:
            journal = reader.journal()
            first = [next(journal) for _ in range(7)]
            await store.commit([page(*many(21, 20))])
            with closing(sqlite3.connect(path)) as other:
                busy, *_ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            assert busy == 0
            rest = list(journal)
    assert [row.event.event_id for row in first + rest] == list(range(1, 41))


async def test_snapshot_does_not_hold_the_writer(path: Path) -> None:
    """While a verification reads one state, commits go on, and it does not see them."""
    async with open_store(path, "event_id") as store:
        await store.commit([page(*many(1, 20))])
        with open_reader(path) as reader:
            with reader.snapshot():
                assert len(list(reader.journal())) == 20
                await store.commit([page(*many(21, 20))])
                assert len(list(reader.journal())) == 20
            assert len(list(reader.journal())) == 40


def test_reader_cannot_write(path: Path) -> None:
    """A reader's connection is read-only, and an error in a snapshot ends it."""
    with open_reader(path) as reader:
        with pytest.raises(sqlite3.OperationalError, match="readonly"), reader.snapshot():
            reader._connection.execute("DELETE FROM feed")
        assert not reader._connection.in_transaction
        assert reader.summary()["events"] == 0


def test_error_while_reading(path: Path) -> None:
    """What SQLite finds wrong while it reads is told in an operator's words."""
    put(path, page(*many(1, 2_000)))
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * (path.stat().st_size - 3 * 4096))
    with pytest.raises(StoreError, match="is damaged") as caught, open_reader(path) as reader:
        list(reader.journal())
    assert "keep this file" in caught.value.hint


# --- stores that are not ready -----------------------------------------------


def test_no_store(tmp_path: Path) -> None:
    """A store that does not exist is not made by looking at it."""
    path = tmp_path / "scand.db"
    with pytest.raises(StoreError, match="no such file"), open_reader(path):
        pass
    assert not path.exists()


def test_empty_store(tmp_path: Path) -> None:
    """A file that no daemon has set up yet is told from a broken one."""
    path = tmp_path / "scand.db"
    path.touch()
    with (
        pytest.raises(StoreError, match="is empty: no store was set up") as caught,
        open_reader(path),
    ):
        pass
    assert "start scand" in caught.value.hint


def test_a_store_that_was_emptied(path: Path) -> None:
    """What held a store before is not to be set up anew, but to be put back."""
    with instance_lock(path):
        mark_set_up(path)
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="empty, but it held a store before"), open_reader(path):
        pass


def test_half_set_up(path: Path) -> None:
    """A store whose daemon died between the tables and the first row is told as such."""
    with closing(connect(path)) as connection:
        connection.execute("DELETE FROM feed")
    with pytest.raises(StoreError, match="not set up") as caught, open_reader(path):
        pass
    assert "start the daemon" in caught.value.hint
    prepare(path, FEED)
    with open_reader(path) as reader:
        assert reader.summary()["cursor"] is None


def test_locked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that another program keeps to itself is reported as locked."""
    monkeypatch.setattr(readonly, "BUSY_TIMEOUT", 0.02)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked"), open_reader(path):
            pass


# --- a folder that may not be written ----------------------------------------


@pytest.fixture
def sealed(path: Path) -> Iterator[Path]:
    """Return a store with events, in a folder that nobody but its owner may write."""
    put(path, page(*many(1, 20)))
    with tempfile.TemporaryDirectory() as name:
        store = Path(name) / "scand.db"
        shutil.copyfile(path, store)
        seal(store)
        yield store
        store.parent.chmod(0o755)


def linked(store: Path) -> Path:
    """Another name for a store."""
    link = store.with_name("link.db")
    unseal(store)
    link.symlink_to(store)
    seal(store)
    return link


def seal(store: Path) -> None:
    for file in store.parent.iterdir():
        file.chmod(0o444)
    store.parent.chmod(0o555)


def unseal(store: Path) -> None:
    store.parent.chmod(0o755)
    for file in store.parent.iterdir():
        file.chmod(0o644)


def test_at_rest(sealed: Path) -> None:
    """A store at rest is read where SQLite can make no file beside it, also through a link."""
    for path in (sealed, linked(sealed)):
        with without_privileges(), open_reader(path) as reader:
            assert (reader.summary()["events"], verify(reader).ok) == (20, True)
    assert {file.name for file in sealed.parent.iterdir()} == {"scand.db", "link.db"}


def test_daemon_running(sealed: Path) -> None:
    """A store that is being written is read as of its last commit, with no right to write."""
    unseal(sealed)
    with closing(connect(sealed)) as writer:
        run(writer, commit([page(*many(21, 20))], KEY, 1.0))
        seal(sealed)
        with without_privileges(), open_reader(sealed) as reader:
            assert (reader.summary()["events"], verify(reader).ok) == (40, True)
            with as_owner():
                run(writer, commit([page(*many(41, 20))], KEY, 1.0))
            assert (reader.summary()["events"], verify(reader).ok) == (60, True)


def test_after_kill(sealed: Path, tmp_path: Path) -> None:
    """What a killed daemon left in its log is read, also with no right to write."""
    unseal(sealed)
    copy = tmp_path / "copy"
    copy.mkdir()
    with closing(connect(sealed)) as writer:
        run(writer, commit([page(*many(21, 20))], KEY, 1.0))
        for file in sealed.parent.iterdir():
            shutil.copyfile(file, copy / file.name)
    for file in copy.iterdir():
        shutil.copyfile(file, sealed.parent / file.name)
    seal(sealed)
    with without_privileges(), open_reader(sealed) as reader:
        assert (reader.summary()["events"], verify(reader).ok) == (40, True)


def test_log_without_index(sealed: Path) -> None:
    """Where the log cannot be read, the store is refused: without it, it would be an old one."""
    unseal(sealed)
    sealed.with_name("scand.db-wal").write_bytes(b"\0" * 100)
    for path in (sealed, linked(sealed)):
        with without_privileges(), pytest.raises(StoreError), open_reader(path):
            pass


def test_written_while_at_rest(sealed: Path) -> None:
    """A daemon that starts while a store is read as if at rest makes the reading void."""

    def read_too_long() -> None:
        with open_reader(sealed) as reader:
            assert len(list(reader.journal())) == 20
            with as_owner():
                unseal(sealed)
                put(sealed, page(*many(21, 20)))

    with without_privileges(), pytest.raises(StoreError, match="while it was read"):
        read_too_long()
