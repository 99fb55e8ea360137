"""A copy of a database that is in use: SQLite's own online copy, of one state of it.

The copy is made from a snapshot, so that it need not begin again when somebody writes: a reader of
a database in WAL mode is in nobody's way. Meanwhile the write-ahead log grows, and no longer.

A copy is one file: what the log holds is in it, and its header says that no log belongs to it (see
`lock.instance_lock`). It is written in a folder beside its place (see `partial`) and takes it when
it is whole and durable.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from scand.core.errors import BackupError, StoreBlockedError
from scand.store.access import NO_ROOM
from scand.store.partial import private_file
from scand.store.trouble import explain

PAGES = 2_048
"""Pages copied at a time: 8 MiB, after which an interruption is heard."""


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A file to write, for its owner only; at the end of the block it becomes `target`.

    Raises BackupError where that cannot be, StoreBlockedError where there is no room for it; then
    nothing is left of it.
    """
    with writing(target):
        with private_file(target) as partial:
            yield partial
            _sync(partial)
            os.replace(partial, target)  # noqa: PTH105 - as it says
        _sync(target.parent)


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Around what is done to have `target` written: say what the system has against it."""
    try:
        yield
    except OSError as error:
        blocked = error.errno in NO_ROOM
        hint = "make room, and try again" if blocked else _HINTS.get(error.errno or 0, _ANOTHER)
        kind = StoreBlockedError if blocked else BackupError
        raise kind(f"{target} cannot be written: {error.strerror}", hint) from None


_ANOTHER = "name another file"
_HINTS = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), "make its folder, or name a file in another"),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS), "name a file in a folder that you may write"
    ),
    errno.ENAMETOOLONG: "give it a shorter name",
}


def copy(source: sqlite3.Connection, target: Path) -> None:
    """Copy what `source` is connected to into the empty file `target`."""
    source.execute("BEGIN")
    try:
        _require_room(source, target)
        with closing(sqlite3.connect(target, isolation_level=None)) as connection:
            _fill(connection, source)
    except sqlite3.Error as error:
        raise explain(target, error) from None
    finally:
        source.execute("ROLLBACK")


def _fill(connection: sqlite3.Connection, source: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = OFF")  # what fails is thrown away
    connection.execute("PRAGMA synchronous = OFF")  # `replacing` sees to it, once
    source.backup(connection, pages=PAGES, progress=_let_signals_in)
    connection.execute("PRAGMA journal_mode = DELETE")


def _let_signals_in(_status: int, _remaining: int, _total: int) -> None:
    """Python looks for signals between its own instructions, of which `backup` has none."""


def _require_room(source: sqlite3.Connection, target: Path) -> None:
    ((size,),) = source.execute(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    )
    disk = os.statvfs(target.parent)
    free = disk.f_bavail * disk.f_frsize
    if free < size:
        raise StoreBlockedError(
            f"{target.parent.parent}: a copy takes {(size >> 20) + 1} MiB,"
            f" and {free >> 20} MiB are free",
            "make room, and try again",
        )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
