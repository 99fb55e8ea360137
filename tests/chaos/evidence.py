"""What a daemon left behind in its files, read without touching them."""

import fcntl
import shutil
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.processes import PATIENCE, Running


@dataclass(frozen=True)
class Evidence:
    """A store at rest, as a reader with nothing but SQLite sees it."""

    integrity: str
    cursor: int
    applied: frozenset[int]
    dead: frozenset[int]
    missing: frozenset[int]
    dead_letters: frozenset[bytes]

    def assert_never_ahead(self, served: set[int]) -> None:
        """What was served below the cursor is committed, or still looked for; nothing is above."""
        assert self.integrity == "ok"
        passed = {event_id for event_id in served if event_id <= self.cursor}
        lost = passed - self.applied - self.dead - self.missing
        assert not lost
        ahead = {event_id for event_id in self.applied if event_id > self.cursor}
        assert not ahead


def left_behind(store: Path) -> Evidence:
    """Read a copy: to open the store itself would recover it, and that is scand's to do."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / store.name
        for suffix in ("", "-wal"):
            if (source := Path(f"{store}{suffix}")).exists():
                shutil.copyfile(source, f"{copy}{suffix}")
        with closing(sqlite3.connect(copy)) as connection:
            return _read(connection)


def _read(connection: sqlite3.Connection) -> Evidence:
    def ids(sql: str) -> Iterator[int]:
        return (row[0] for row in connection.execute(sql))

    ((integrity,),) = connection.execute("PRAGMA quick_check(1)")
    gaps = connection.execute("SELECT low, high FROM gaps").fetchall()
    return Evidence(
        integrity,
        next(ids("SELECT cursor FROM feed"), None) or 0,
        frozenset(ids("SELECT event_id FROM journal")),
        frozenset(ids("SELECT event_id FROM dead_letters WHERE event_id IS NOT NULL")),
        frozenset(each for low, high in gaps for each in range(low, high + 1)),
        frozenset(raw for (raw,) in connection.execute("SELECT raw FROM dead_letters")),
    )


_WRITE_LOCK = 120
"""The byte of the -shm file that a writer of SQLite's WAL holds for as long as it writes."""

_FLOCK = "hhqqi4x"
"""struct flock: type, whence, start, length, pid."""


def wait_for_commit(daemon: Running, store: Path, looks: int = 1) -> None:
    """Return while the daemon writes a transaction, after so many looks that found it at that."""
    deadline = time.monotonic() + PATIENCE
    question = struct.pack(_FLOCK, fcntl.F_WRLCK, 0, _WRITE_LOCK, 1, 0)
    with Path(f"{store}-shm").open("rb+") as shm:
        while looks:
            answer = fcntl.fcntl(shm, fcntl.F_GETLK, question)
            held, *_, pid = struct.unpack(_FLOCK, answer)
            looks -= held != fcntl.F_UNLCK and pid == daemon.pid
            assert time.monotonic() < deadline, f"no commit any more:\n{daemon.output}"
