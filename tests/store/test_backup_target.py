"""Where a backup may be written, and what is never touched for it."""

import os
import re
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from scand.core.errors import BackupError, StoreError
from scand.store.backup import back_up
from scand.store.lock import instance_lock
from scand.store.opening import connect, prepare
from tests.store.pages import FEED, contents, keep, names_in, rows
from tests.store.privileges import without_privileges

PARTS = ("-wal", "-shm", "-journal", ".lock", ".sock", ".before-schema-3")


def test_nothing_is_overwritten_unasked(
    path: Path, tmp_path: Path, writer: sqlite3.Connection
) -> None:
    """A file that is there stays as it is, unless it is to be replaced."""
    target = tmp_path / "copy"
    back_up(path, target)
    before = target.read_bytes()
    keep(writer, 51)
    with pytest.raises(StoreError, match="exists") as caught:
        back_up(path, target)
    assert "--force" in caught.value.hint
    assert target.read_bytes() == before
    back_up(path, target, force=True)
    assert contents(target) == contents(path)
    target.write_bytes(b"")
    back_up(path, target, force=True)
    assert contents(target) == contents(path)


@pytest.mark.parametrize("force", [False, True])
def test_no_other_file_is_replaced(
    path: Path, tmp_path: Path, writer: sqlite3.Connection, *, force: bool
) -> None:
    """A configuration, a token: a wrong name does not cost what is no database."""
    target = tmp_path / "token"
    target.write_text("precious")
    with pytest.raises(StoreError, match="token is there, and is no backup"):
        back_up(path, target, force=force)
    assert target.read_text() == "precious"
    writer.execute("SELECT 1")


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


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("suffix", PARTS)
def test_nothing_that_belongs_to_a_store_is_replaced(
    path: Path, tmp_path: Path, writer: sqlite3.Connection, suffix: str, *, force: bool
) -> None:
    """Not by its name, there or not, nor by another one: what was committed stays."""
    part = path.with_name(path.name + suffix)
    link, other = tmp_path / "link", tmp_path / "other"
    link.symlink_to(part)
    places = [part, link, tmp_path / "." / part.name]
    if not part.exists():
        with pytest.raises(StoreError, match="belongs to the store"):
            back_up(path, part, force=force)
        part.touch()
    other.hardlink_to(part)
    before = names_in(tmp_path)
    for place in (*places, other):
        with pytest.raises(StoreError, match=f"belongs to the store {path}"):
            back_up(path, place, force=force)
    assert names_in(tmp_path) == before
    assert rows(path, "SELECT count(*) FROM journal") == [(50,)]
    writer.execute("SELECT 1")


def test_the_log_of_a_store_that_is_another_is_not_replaced(
    path: Path, tmp_path: Path, writer: sqlite3.Connection
) -> None:
    """Which store it is that a log belongs to makes no difference."""
    (tmp_path / "other.db").touch()
    with pytest.raises(StoreError, match=r"belongs to the store .*other\.db"):
        back_up(path, tmp_path / "other.db-wal", force=True)
    writer.execute("SELECT 1")


@pytest.mark.parametrize(
    ("place", "said", "hint"),
    [
        ("nowhere/copy", "nowhere/copy cannot be written: No such file", "make its folder"),
        ("scand.db/copy", "cannot be written: Not a directory", "make its folder"),
        ("folder", "folder is a folder", "name a file in it"),
        ("/", "/ is a folder", "name a file in it"),
        ("", " is a folder", "name a file in it"),
        ("pipe", "pipe is a device, a pipe or a socket", "name another file"),
        ("/dev/full", "/dev/full is a device, a pipe or a socket", "name another file"),
        ("x" * 250, "cannot be written: File name too long", "give it a shorter name"),
    ],
)
def test_a_place_where_nothing_can_be_written(
    path: Path, tmp_path: Path, writer: sqlite3.Connection, place: str, said: str, hint: str
) -> None:
    """The message names the file, what is there, and what to name instead."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    target = tmp_path / place if place else Path()
    for force in (False, True):
        with pytest.raises((BackupError, StoreError), match=re.escape(said)) as caught:
            back_up(path, target, force=force)
        assert hint in caught.value.hint
    writer.execute("SELECT 1")


def test_a_folder_that_may_not_be_written(path: Path, writer: sqlite3.Connection) -> None:
    """Somebody else's folder is refused with what to name instead."""
    with tempfile.TemporaryDirectory() as name:
        theirs = Path(name)
        back_up(path, theirs / "scand.db")
        (theirs / "scand.db").chmod(0o444)
        theirs.chmod(0o555)
        with without_privileges(), pytest.raises(BackupError, match="Permission denied") as caught:
            back_up(theirs / "scand.db", theirs / "copy")
        assert "that you may write" in caught.value.hint
    writer.execute("SELECT 1")


def test_a_link_in_the_way_is_not_followed(
    path: Path, tmp_path: Path, writer: sqlite3.Connection
) -> None:
    """Whatever others have put where the copy is written, nothing of theirs is touched."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "scand.db").write_text("precious")
    target = tmp_path / "copies" / "copy"
    target.parent.mkdir()
    (target.parent / "copy.partial").symlink_to(precious / "scand.db")
    trap = target.parent / ".copy.partial"
    trap.symlink_to(precious)
    with pytest.raises(BackupError, match="is in the way"):
        back_up(path, target)
    trap.unlink()
    trap.write_text("precious")
    with pytest.raises(BackupError, match="is in the way"):
        back_up(path, target)
    assert trap.read_text() == "precious"
    trap.unlink()
    trap.mkdir()
    trap.chmod(0o777)
    with pytest.raises(BackupError, match="is in the way"):
        back_up(path, target)
    trap.chmod(0o700)
    (trap / "scand.db").symlink_to(precious / "scand.db")
    with pytest.raises(BackupError, match="cannot be written"):
        back_up(path, target)
    (trap / "scand.db").unlink()
    assert back_up(path, target).digest
    assert (precious / "scand.db").read_text() == "precious"
    writer.execute("SELECT 1")
