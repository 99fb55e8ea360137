"""A read-only connection, beside a daemon or without one.

SQLite reads a database in WAL mode with the help of two files beside it. In a folder where the
reader cannot make them, a store at rest is read as it stands (`immutable`). SQLite then looks for
no changes, so this module does: what was written meanwhile makes the reading void.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from scand.core.errors import StoreError
from scand.store.lock import beside
from scand.store.opening import BUSY_TIMEOUT


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write. Raises StoreError and sqlite3.Error."""
    before = _standing(path)
    with closing(_connect(_address(path))) as connection:
        if _reads(connection, at_rest=before.wal is None):
            yield connection
            return
    with at_rest(path) as connection:
        try:
            yield connection
        finally:
            if _standing(path) != before:  # and SQLite was told not to look
                raise StoreError(f"{path} was written while it was read", "run this again")


@contextmanager
def at_rest(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a file that nobody writes: it leaves nothing beside it."""
    with closing(_connect(f"{_address(path)}&immutable=1")) as connection:
        yield connection


def _address(path: Path) -> str:
    return f"file:{quote(os.fsencode(path.absolute()))}?mode=ro"


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None)


class _Standing(NamedTuple):
    """What tells that a store was written: the size and time of its file and of its log.

    An empty log is none: a reader that finds the disk full leaves one behind.
    """

    database: tuple[int, int] | None
    wal: tuple[int, int] | None


def _standing(path: Path) -> _Standing:
    wal = _size_and_time(beside(path, "-wal"))
    return _Standing(_size_and_time(beside(path, "")), wal if wal and wal[0] else None)


def _size_and_time(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _reads(connection: sqlite3.Connection, *, at_rest: bool) -> bool:
    """Whether SQLite can read beside a writer, for which it needs files in the folder."""
    try:
        connection.execute("SELECT 1 FROM sqlite_schema")
    except sqlite3.OperationalError as error:
        codes = {error.sqlite_errorcode, error.sqlite_errorcode & 0xFF}
        if not at_rest or codes.isdisjoint(_NO_FILES_TO_BE_MADE):
            raise
        return False
    return True


_NO_FILES_TO_BE_MADE = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR_SHMSIZE,  # the disk is full
    sqlite3.SQLITE_IOERR_WRITE,  # as above
}
