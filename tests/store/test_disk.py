"""The disk that loses power is honest: it loses what it may lose, and keeps what it must."""

import random
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.platter import SECTOR, File
from tests.support.power import Connection, Disk, PowerCut

SEEDS = range(60)


def write_until_cut(disk: Disk, rng: random.Random, synchronous: str) -> int:
    """Commit numbers from 1 on until the power goes; returns the last that was acknowledged."""
    acknowledged = 0
    disk.cut_after(rng.randint(1, 250))
    try:
        connection = disk.connect("a.db")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint = 20")
        connection.execute("CREATE TABLE IF NOT EXISTS numbers (number INTEGER, fill BLOB)")
        for number in range(1, 1_000):
            fill = rng.randbytes(rng.randint(0, 9_000))
            connection.execute("INSERT INTO numbers VALUES (?, ?)", [number, fill])
            acknowledged = number
    except PowerCut:
        pass
    return acknowledged


def left(disk: Disk) -> list[int] | None:
    """The numbers that are read after the cut, or None if they are not what was written."""
    try:
        with closing(disk.connect("a.db")) as connection:
            sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            tables = connection.execute("SELECT * FROM sqlite_schema").fetchall()
            rows = connection.execute("SELECT number FROM numbers").fetchall() if tables else []
    except sqlite3.DatabaseError:
        return None
    numbers = [number for (number,) in rows]
    return numbers if sound and numbers == list(range(1, len(numbers) + 1)) else None


def outcomes(root: Path, synchronous: str) -> tuple[int, int]:
    """In how many runs an acknowledged commit was lost, and in how many the database."""
    lost = damaged = 0
    for seed in SEEDS:
        rng = random.Random(seed)
        disk = Disk(root / str(seed), rng)
        acknowledged = write_until_cut(disk, rng, synchronous)
        numbers = left(disk)
        damaged += numbers is None
        lost += numbers is not None and len(numbers) < acknowledged
    return lost, damaged


def test_full(tmp_path: Path) -> None:
    """With synchronous=FULL no acknowledged commit is lost."""
    assert outcomes(tmp_path, "FULL") == (0, 0)


def test_normal(tmp_path: Path) -> None:
    """With synchronous=NORMAL acknowledged commits are lost, but never the database."""
    lost, damaged = outcomes(tmp_path, "NORMAL")
    assert lost > len(SEEDS) / 10
    assert damaged == 0


def test_off(tmp_path: Path) -> None:
    """With synchronous=OFF databases are lost: writes are torn and out of order."""
    _, damaged = outcomes(tmp_path, "OFF")
    assert damaged > len(SEEDS) / 10


def test_same_seed(tmp_path: Path) -> None:
    """The same seed cuts at the same place and leaves the same."""
    seen = []
    for name in ("one", "other"):
        rng = random.Random(7)
        disk = Disk(tmp_path / name, rng)
        acknowledged = write_until_cut(disk, rng, "NORMAL")
        seen.append((acknowledged, disk.operations, left(disk), rng.random()))
    assert seen[0] == seen[1]


def test_sectors() -> None:
    """A torn write keeps some sectors whole, and around it nothing changes."""
    start, size = SECTOR - 3, 3 * SECTOR
    before, written = bytes(5 * SECTOR), b"\1" * size
    seen = set()
    for seed in range(1_000):
        file = File(before)
        file.write(start, written)
        after = file.after_cut(random.Random(seed))
        assert len(after) == len(before)
        assert not any(after[:start])
        assert not any(after[start + size :])
        borders = [start, SECTOR, 2 * SECTOR, 3 * SECTOR, start + size]
        parts = [set(after[low:high]) for low, high in pairwise(borders)]
        assert all(len(part) == 1 for part in parts)
        seen.add(tuple(part.pop() for part in parts))
    assert len(seen) == 2**4


def test_truncation() -> None:
    """A truncation may or may not have happened, until it is synced."""
    seen = set()
    for seed in range(20):
        file = File(b"before")
        file.truncate(2)
        seen.add(file.after_cut(random.Random(seed)))
        file.sync()
        assert file.after_cut(random.Random(seed)) == b"be"
    assert seen == {b"before", b"be"}


def test_new_file(tmp_path: Path) -> None:
    """A new file may be gone after a cut, and a deleted one be back: the folder was not synced."""
    seen = set()
    for seed in range(20):
        disk = Disk(tmp_path / str(seed), random.Random(seed))
        connection = disk.open("a.db")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TABLE some (number INTEGER)")
        disk.cut()
        seen.add(tuple(sorted(path.name for path in (tmp_path / str(seed)).iterdir())))
    assert {(), ("a.db",), ("a.db", "a.db-journal")} <= seen


def test_dead_connections(tmp_path: Path) -> None:
    """After a cut no connection works, in a transaction or not, and closing one does no harm."""
    disk = Disk(tmp_path, random.Random(1))
    one, other = disk.connect("a.db"), disk.connect("a.db")
    one.execute("CREATE TABLE some (number INTEGER)")
    one.execute("BEGIN IMMEDIATE")
    one.execute("INSERT INTO some VALUES (1)")
    assert one.in_transaction
    disk.cut()
    for connection in (one, other):
        assert not connection.in_transaction
        with pytest.raises(PowerCut):
            connection.execute("SELECT 1")
        connection.close()
    with closing(disk.connect("a.db")) as after:
        assert after.execute("SELECT * FROM some").fetchall() == []
        after.execute("INSERT INTO some VALUES (2)")


def test_two_connections(tmp_path: Path) -> None:
    """Locks and snapshots are SQLite's own."""
    disk = Disk(tmp_path, random.Random(1))
    with closing(disk.connect("a.db")) as one, closing(disk.connect("a.db")) as other:
        one.execute("CREATE TABLE some (number INTEGER)")
        one.execute("BEGIN IMMEDIATE")
        one.execute("INSERT INTO some VALUES (1)")
        assert other.execute("SELECT * FROM some").fetchone() is None
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        one.execute("COMMIT")
        assert other.execute("SELECT * FROM some").fetchone() == (1,)


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("nonsense", ()),
        ("SELECT * FROM nowhere", ()),
        ("INSERT INTO some VALUES (1)", ()),
        ("INSERT INTO some VALUES ('text')", ()),
        ("INSERT INTO some VALUES (0)", ()),
        ("ROLLBACK", ()),
        ("SELECT zeroblob(1 << 40)", ()),
        ("SELECT ?", ()),
        ("SELECT ?", (2**63,)),
        ("SELECT ?", ("\ud800",)),
    ],
)
def test_errors(tmp_path: Path, sql: str, parameters: tuple[object, ...]) -> None:
    """Errors are those of the module sqlite3, with the same codes."""
    caught = []
    table = "CREATE TABLE some (number INTEGER PRIMARY KEY NOT NULL, CHECK (number > 0)) STRICT"
    real = sqlite3.connect(tmp_path / "real.db", isolation_level=None)
    ours: list[sqlite3.Connection | Connection] = [real, Disk(tmp_path, random.Random(1)).open("a")]
    for connection in ours:
        with closing(connection):
            connection.execute(table)
            connection.execute("INSERT INTO some VALUES (1)")
            with pytest.raises(Exception) as error:  # noqa: PT011 - compared below
                connection.execute(sql, parameters).fetchall()
            codes = ("sqlite_errorcode", "sqlite_errorname")
            caught.append([error.type, *(getattr(error.value, code, None) for code in codes)])
    assert caught[0] == caught[1]
