"""A copy of a store that is in use: whole, proven, and never in the way of what is there."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import scand
from scand.core.errors import BackupError, StoreBlockedError, StoreError
from scand.store import copying
from scand.store.backup import back_up
from scand.store.lock import instance_lock
from scand.store.opening import connect, prepare
from scand.store.reading import open_reader
from scand.store.verify import verify
from tests.store.pages import FEED, contents, keep, names_in, rows

ROOT = Path(scand.__file__).parents[1]
LEAVE = """
import sys, time
from pathlib import Path
from scand.store.copying import replacing
with replacing(Path(sys.argv[1])) as partial:
    partial.write_text("half of a copy")
    print("written", flush=True)
    time.sleep(600)
"""


def test_a_store_in_use_is_copied(path: Path, tmp_path: Path, writer: sqlite3.Connection) -> None:
    """The copy is one file for its owner only, holds all that is committed, and is verified."""
    target = tmp_path / "kept" / "scand.backup"
    target.parent.mkdir()
    done = back_up(path, target)
    assert (done.events, done.parcels) == (50, 7)
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
    assert done.digest
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
    assert not list(tmp_path.glob(".*"))


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
    """Ctrl-C is heard between two chunks, and the half of a copy is gone."""

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(copying, "PAGES", 1)
        patch.setattr(copying, "_let_signals_in", interrupt)
        with pytest.raises(KeyboardInterrupt):
            back_up(path, tmp_path / "copy")
    assert not list(tmp_path.glob("copy*"))
    assert names_in(tmp_path) == {"scand.db", "scand.db-wal", "scand.db-shm"}
    keep(writer, 51)


def test_while_it_is_written_nobody_else_looks(path: Path, tmp_path: Path) -> None:
    """A copy is made where only its owner may enter, whatever the folder allows."""
    with copying.replacing(tmp_path / "copy") as partial, open_reader(path) as reader:
        assert stat.S_IMODE(partial.parent.stat().st_mode) == 0o700
        reader.copy_to(partial)


def test_what_a_killed_one_left_is_removed(
    path: Path, tmp_path: Path, writer: sqlite3.Connection
) -> None:
    """By the next one into the same folder, which leaves alone what is being written there."""
    with subprocess.Popen(
        [sys.executable, "-c", LEAVE, tmp_path / "yesterday"],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as killed:
        assert killed.stdout
        killed.stdout.readline()
        killed.kill()
    left = tmp_path / ".yesterday.partial"
    assert left.exists()
    with copying.replacing(tmp_path / "at once") as partial:
        partial.write_text("half")
        assert not left.exists()
        assert back_up(path, tmp_path / "copy").digest
        assert partial.read_text() == "half"
    assert names_in(tmp_path) == {"at once", "copy", "scand.db", "scand.db-shm", "scand.db-wal"}
    writer.execute("SELECT 1")
