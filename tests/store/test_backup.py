"""A copy of a store that is in use: whole, proven, and never in the way of what is there."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scand.core.errors import BackupError, StoreBlockedError, StoreError
from scand.core.parcel import ORDERS
from scand.store import copying
from scand.store.backup import back_up
from scand.store.commit import commit
from scand.store.lock import instance_lock
from scand.store.opening import connect, prepare
from scand.store.reading import open_reader
from scand.store.transaction import run
from scand.store.verify import verify
from tests.store.pages import FEED, contents, many, page, rows
from tests.support.parts import NOON


def keep(connection: sqlite3.Connection, first: int, count: int = 50) -> None:
    """Commit so many events from an id on."""
    pages = [page(*many(first, count))]
    run(connection, commit(pages, ORDERS["event_id"], NOON))


@pytest.fixture
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    """The connection of a daemon, which has committed something."""
    with closing(connect(path)) as connection:
        keep(connection, 1)
        yield connection


def test_a_store_in_use_is_copied(path: Path, tmp_path: Path, writer: sqlite3.Connection) -> None:
    """The copy is one file for its owner only, holds all that is committed, and is verified."""
    target = tmp_path / "kept" / "scand.backup"
    target.parent.mkdir()
    done = back_up(path, target)
    assert (done.ok, done.events, done.parcels) == (True, 50, 7)
    assert list(target.parent.iterdir()) == [target]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert contents(target) == contents(path)
    keep(writer, 51)  # which nobody prevents


def test_what_is_written_meanwhile_is_not_in_it(
    path: Path, tmp_path: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits between two chunks go on; the copy is of one state, and does not begin again."""
    before, commits = contents(path), iter(range(51, 10_000, 50))
    monkeypatch.setattr(copying, "PAGES", 1)
    monkeypatch.setattr(copying, "_let_signals_in", lambda *_: keep(writer, next(commits)))
    done = back_up(path, tmp_path / "copy")
    assert next(commits) > 200
    assert done.ok
    assert contents(tmp_path / "copy") == before


def test_a_copy_is_restored(path: Path, tmp_path: Path, writer: sqlite3.Connection) -> None:
    """Put in the place of a store, it is one, and goes on as that store did."""
    restored = tmp_path / "clean" / "scand.db"
    restored.parent.mkdir()
    back_up(path, restored)
    assert prepare(restored, FEED) == (None, None)
    with closing(connect(restored)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
        for each in (connection, writer):
            keep(each, 51)
    assert contents(restored) == contents(path)
    with open_reader(restored) as reader:
        assert verify(reader).ok


def test_the_log_of_another_store_is_refused(
    path: Path, tmp_path: Path, writer: sqlite3.Connection
) -> None:
    """A backup that lies beside the log of what was there before would be mixed with it."""
    back_up(path, tmp_path / "copy")
    crashed = tmp_path / "crashed" / "scand.db"
    crashed.parent.mkdir()
    keep(writer, 51)
    for suffix in ("-wal", "-shm"):
        crashed.with_name(crashed.name + suffix).write_bytes(Path(f"{path}{suffix}").read_bytes())
    (tmp_path / "copy").rename(crashed)
    before = crashed.read_bytes()
    with (
        pytest.raises(StoreError, match="belongs to the store that was here") as caught,
        instance_lock(crashed),
    ):
        pass
    assert f"remove {crashed}-wal and {crashed}-shm" in caught.value.hint
    assert crashed.read_bytes() == before
    for suffix in ("-wal", "-shm"):
        crashed.with_name(crashed.name + suffix).unlink()
    with instance_lock(crashed):
        prepare(crashed, FEED)
    assert rows(crashed, "SELECT count(*) FROM journal") == [(50,)]


def test_nothing_is_overwritten_unasked(
    path: Path, tmp_path: Path, writer: sqlite3.Connection
) -> None:
    """A file that is there stays as it is, unless it is to be replaced."""
    target = tmp_path / "copy"
    target.write_text("precious")
    with pytest.raises(StoreError, match="exists") as caught:
        back_up(path, target)
    assert "--force" in caught.value.hint
    assert target.read_text() == "precious"
    back_up(path, target, force=True)
    assert contents(target) == contents(path)
    keep(writer, 51)
    back_up(path, target, force=True)
    assert contents(target) == contents(path)


def test_no_store_is_replaced(path: Path, tmp_path: Path, writer: sqlite3.Connection) -> None:
    """Not the store itself, not one that a daemon holds or another program has open."""
    with pytest.raises(StoreError, match="the store itself"):
        back_up(path, path, force=True)
    other = tmp_path / "other.db"
    prepare(other, FEED)
    with instance_lock(other), pytest.raises(StoreError, match="a scand that runs"):
        back_up(path, other, force=True)
    with closing(connect(other)) as connection:
        keep(connection, 1)
        with pytest.raises(StoreError, match="is in use"):
            back_up(path, other, force=True)
    assert rows(other, "SELECT count(*) FROM journal") == [(50,)]
    assert rows(path, "SELECT count(*) FROM journal") == [(50,)]
    writer.execute("SELECT 1")


@pytest.mark.parametrize("place", ["nowhere/copy", "folder"])
def test_a_place_where_nothing_can_be_written(
    path: Path, tmp_path: Path, writer: sqlite3.Connection, place: str
) -> None:
    """The message names the file."""
    (tmp_path / "folder").mkdir()
    with pytest.raises((BackupError, StoreError), match=place):
        back_up(path, tmp_path / place)
    writer.execute("SELECT 1")


def test_a_store_that_is_wrong_is_not_kept(
    path: Path, tmp_path: Path, writer: sqlite3.Connection
) -> None:
    """The copy before stays where a store differs from its journal, or is damaged."""
    target = tmp_path / "copy"
    back_up(path, target)
    good = contents(target)
    writer.execute("UPDATE parcels SET type = 'X' WHERE parcel_id = 3")
    with pytest.raises(BackupError, match="1 of 7 parcels differ"):
        back_up(path, target, force=True)
    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:  # a root page of a table, behind SQLite's back
        ((number,),) = rows(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'parcels'")
        file.seek((number - 1) * 4096)
        file.write(b"\xff" * 64)
    with pytest.raises(StoreError, match="is damaged"):
        back_up(path, target, force=True)
    assert contents(target) == good
    assert not (tmp_path / "copy.partial").exists()


def test_a_full_disk(
    path: Path, tmp_path: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What there is no room for is not begun."""
    full = os.statvfs_result((4096, 4096, 9, 1, 1, 9, 9, 9, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    with pytest.raises(StoreBlockedError, match=r"a copy takes \d+ MiB, and 0 MiB are free"):
        back_up(path, tmp_path / "copy")
    assert not list(tmp_path.glob("copy*"))
    writer.execute("SELECT 1")


def test_two_at_once(path: Path, tmp_path: Path, writer: sqlite3.Connection) -> None:
    """A second backup to the same place is refused, and the first one is not disturbed."""
    target = tmp_path / "copy"
    with copying.replacing(target) as partial:
        with pytest.raises(BackupError, match="is being written"):
            back_up(path, target)
        with open_reader(path) as reader:
            reader.copy_to(partial)
    assert contents(target) == contents(path)
    writer.execute("SELECT 1")


def test_an_interrupted_one_leaves_nothing(
    path: Path, tmp_path: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is heard between two chunks; a rest of a killed one is overwritten."""

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(copying, "PAGES", 1)
        patch.setattr(copying, "_let_signals_in", interrupt)
        with pytest.raises(KeyboardInterrupt):
            back_up(path, tmp_path / "copy")
    assert not list(tmp_path.glob("copy*"))
    (tmp_path / "copy.partial").write_bytes(b"\xff" * 1_000_000)
    assert back_up(path, tmp_path / "copy").ok
    keep(writer, 51)
