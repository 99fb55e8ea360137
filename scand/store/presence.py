"""Whether the files of an open store are still those that were opened.

SQLite does not mind: it goes on with what it has open, and what it writes there nobody finds again.
What is looked at stays as it is while a store is open: its connection keeps both files, and lets
nobody take the database out of WAL mode.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from scand.core.errors import StaleStoreError, StoreError
from scand.store.lock import WRITE_VERSION, beside, usable
from scand.store.readonly import read_only


class _Files(NamedTuple):
    """The database by its inode, its mode by a byte of its header, its log by its inode."""

    database: int
    mode: bytes
    log: int


_NOTHING = _Files(0, b"", 0)


class Presence:
    """What lies at the path of a store: made before the store is opened, closed behind it.

    Else SQLite's locks on the file would go when this lets go of it.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._log = path, beside(path, "-wal")
        with usable(path):
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._opened = _NOTHING

    def opened(self) -> None:
        """From now on it is to stay as it is."""
        self._opened = self._look()

    def close(self) -> None:
        """Look no more."""
        os.close(self._file)

    def require(self) -> None:
        """Raise StoreError if it is not what was opened."""
        now, opened = self._look(), self._opened
        if now == opened:
            return
        if now.database != opened.database:
            raise StoreError(
                f"{self._path} was deleted, moved or replaced while scand was running",
                "put it back, or a backup in its place",
            )
        if now.mode != opened.mode:
            raise StoreError(
                f"{self._path} was overwritten while scand was running",
                f"to go back to a backup, put it there now, while scand is stopped, and remove"
                f" {self._log} and {beside(self._path, '-shm')}",
            )
        raise StaleStoreError(
            f"{self._log} was deleted while scand was running",
            "start scand again: at its end it has saved what was in there",
        )

    @contextmanager
    def spared(self) -> Iterator[None]:
        """Have the store closed in the block without its log being written into a stranger."""
        if self._look().mode == self._opened.mode:
            yield
            return
        with ExitStack() as stack:
            with suppress(StoreError, sqlite3.Error):  # the last to close it, and it cannot write
                stack.enter_context(read_only(self._path))
            yield

    def _look(self) -> _Files:
        mode = os.pread(self._file, 1, WRITE_VERSION)
        return _Files(_inode_of(self._path), mode, _inode_of(self._log))


def _inode_of(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
