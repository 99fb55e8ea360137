"""A disk that forgets what was not synced when power is cut, for SQLite under test.

SQLite writes real files through a VFS in Python, which remembers what of them was synced. A power
cut turns the files into what a disk might have kept (`platter`). Shared memory and locks are the
real ones: WAL works as it does in production, also with several connections.

The SQLite under test is the one that apsw brings along. While a connection of a disk is open, no
other SQLite in this process may touch its files: closing one would drop the locks of the other.
"""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import apsw

from scand.store.opening import _PRAGMAS, CACHED_STATEMENTS
from tests.support.platter import Platter
from tests.support.vfs import Mains, Vfs

_numbers = count()


class PowerCut(BaseException):
    """The power went. No handler of errors may outlive that, so it is none."""


class Disk:
    """A folder on a disk that can lose power; what is in the folder already counts as synced."""

    def __init__(self, root: Path, rng: random.Random) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root, self.rng = root, rng
        self._platter, self._mains = Platter(), Mains(rng)
        self._vfs = Vfs(f"power-{next(_numbers)}", self._platter, self._mains)
        self._connections: list[Connection] = []

    @property
    def operations(self) -> int:
        """How many writes, truncations, deletions and syncs it has been asked for."""
        return self._mains.operations

    def connect(self, name: str) -> "Connection":
        """Open a database as production does, with the power on again after a cut."""
        connection = self.open(name)
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
        except BaseException:
            connection.close()
            raise
        return connection

    def open(self, name: str) -> "Connection":
        """Open a database as the module sqlite3 does; `opening.connect` can be given this."""
        self._mains.on = True
        with self.watch():
            real = apsw.Connection(
                str(self._root / name), vfs=self._vfs.name, statementcachesize=CACHED_STATEMENTS
            )
        connection = Connection(self, real)
        self._connections.append(connection)
        return connection

    def cut(self) -> None:
        """Cut the power: no connection works any more, and files are what the disk kept of them."""
        self._mains.go_off()
        for connection in self._connections:
            connection.abandon()
        self._connections.clear()
        self._platter.cut(self.rng)

    def cut_after(self, operations: int) -> None:
        """Cut the power in the middle of that operation from now; the statement raises PowerCut."""
        self._mains.last = self._mains.operations + operations

    def forget(self, connection: "Connection") -> None:
        """A connection that was closed is none to be cut."""
        self._connections.remove(connection)

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Run SQLite: raise PowerCut if the power goes meanwhile, else what sqlite3 would raise."""
        try:
            yield
        except apsw.Error as error:
            if self._mains.on:
                raise as_sqlite3(error) from error
        if not self._mains.on:  # no error tells of a cut in the checkpoint that follows a commit
            self.cut()
            raise PowerCut


class Rows(list[tuple[Any, ...]]):
    """The rows of a statement, all of them read."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows."""
        return self

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        return self.pop(0) if self else None


class Connection:
    """The part of sqlite3.Connection that the store uses, in autocommit mode."""

    def __init__(self, disk: Disk, real: apsw.Connection) -> None:
        self._disk, self._real = disk, real
        self._dead = False

    @property
    def in_transaction(self) -> bool:
        """Whether one is open; none is once the power is gone."""
        return not self._dead and self._real.in_transaction

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run a statement to its end. Raises sqlite3.Error or PowerCut."""
        if self._dead:
            raise PowerCut
        rows = Rows()
        with self._disk.watch():
            rows.extend(self._real.execute(sql, parameters))
        return rows

    def executescript(self, script: str) -> None:
        """Run many statements. Raises sqlite3.Error or PowerCut."""
        self.execute(script)

    def close(self) -> None:
        """Close; the last to do so writes the log back. Raises PowerCut; does nothing after it."""
        if self._dead:
            return
        with self._disk.watch():
            self._real.close()
        self._dead = True
        self._disk.forget(self)

    def abandon(self) -> None:
        """Let go of what the operating system had for a program that is no more."""
        self._dead = True
        with suppress(apsw.Error):  # it would write the log back
            self._real.close()


def as_sqlite3(error: apsw.Error) -> sqlite3.Error:
    """Return what the module sqlite3 would raise where apsw raises `error`."""
    code = getattr(error, "extendedresult", None)
    if code is None:
        return sqlite3.ProgrammingError(str(error))
    kind = _KINDS.get(code & 0xFF, sqlite3.DatabaseError)
    same = kind(str(error))
    same.sqlite_errorcode = code
    names = apsw.mapping_extended_result_codes | apsw.mapping_result_codes
    same.sqlite_errorname = str(names.get(code, names[code & 0xFF]))
    return same


_KINDS: dict[int, type[sqlite3.Error]] = {
    **dict.fromkeys(
        (
            sqlite3.SQLITE_ERROR,
            sqlite3.SQLITE_PERM,
            sqlite3.SQLITE_ABORT,
            sqlite3.SQLITE_BUSY,
            sqlite3.SQLITE_LOCKED,
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_INTERRUPT,
            sqlite3.SQLITE_IOERR,
            sqlite3.SQLITE_FULL,
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_PROTOCOL,
            sqlite3.SQLITE_SCHEMA,
        ),
        sqlite3.OperationalError,
    ),
    sqlite3.SQLITE_CONSTRAINT: sqlite3.IntegrityError,
    sqlite3.SQLITE_MISMATCH: sqlite3.IntegrityError,
    sqlite3.SQLITE_TOOBIG: sqlite3.DataError,
    sqlite3.SQLITE_INTERNAL: sqlite3.InternalError,
    sqlite3.SQLITE_NOTFOUND: sqlite3.InternalError,
    sqlite3.SQLITE_MISUSE: sqlite3.InterfaceError,
    sqlite3.SQLITE_RANGE: sqlite3.InterfaceError,
}
