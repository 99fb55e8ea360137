"""Where the database of a simulation lives, and what a process that is killed leaves behind."""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any, Protocol

from scand.store import opening
from tests.support.power import Disk, PowerCut

SHELF = Path("/dev/shm")
NAME = "scand.db"


class Rows(Protocol):
    """What a statement returns."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows."""
        ...


class Connection(Protocol):
    """What transactions need of a connection."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run a statement."""
        ...


class Backend(Protocol):
    """A database across the lives of the processes that use it."""

    def open(self, identity: opening.Identity) -> Connection:
        """Make ready what is there, as a process does that starts."""
        ...

    def kill(self) -> None:
        """The process is no more; what it had given to the operating system stays."""
        ...

    def close(self) -> None:
        """The process ends by itself."""
        ...

    def discard(self) -> None:
        """The simulation is over."""
        ...


class Memory:
    """No file at all: the quickest. A process that is killed leaves what it had committed."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)

    def open(self, identity: opening.Identity) -> Connection:
        """As `opening.prepare` does, on the one connection that there is."""
        opening._migrate(self._connection, Path(NAME))
        opening._identify(self._connection, identity)
        return self._connection

    def kill(self) -> None:
        """SQLite's recovery rolls back what was under way."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """The database would be gone."""

    def discard(self) -> None:
        """Forget everything."""
        self._connection.close()


class File:
    """A real file, opened as in production. Killed, the next process gets a copy of it as it is."""

    def __init__(self) -> None:
        self._folder = Path(mkdtemp(prefix="scand-", dir=SHELF if SHELF.is_dir() else None))
        self._life = 0
        self._connection: sqlite3.Connection | None = None

    def open(self, identity: opening.Identity) -> Connection:
        """As in production."""
        opening.prepare(self._path, identity)
        self._connection = opening.connect(self._path)
        return self._connection

    def kill(self) -> None:
        """Closing would tidy up, which a killed process does not: so the copy comes first."""
        before = self._path
        self._life += 1
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{before}{suffix}", f"{self._path}{suffix}")
        self.close()

    def close(self) -> None:
        """The last connection to be closed writes the log back."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def discard(self) -> None:
        """Remove the files."""
        self.close()
        shutil.rmtree(self._folder)

    @property
    def _path(self) -> Path:
        return self._folder / f"{self._life}-{NAME}"


class Power:
    """A disk that forgets what was not synced. See `tests.support.power`."""

    def __init__(self, rng: Random) -> None:
        self._folder = Path(mkdtemp(prefix="scand-", dir=SHELF if SHELF.is_dir() else None))
        self.disk, self._rng = Disk(self._folder, rng), rng
        self._connection: Any = None

    def open(self, identity: opening.Identity) -> Connection:
        """As `opening.prepare` does, through the disk."""
        while True:
            with suppress(PowerCut):
                self._connection = self._opened(identity)
                return self._connection  # type: ignore[no-any-return]

    def _opened(self, identity: opening.Identity) -> Any:
        """The power may go in the middle of a recovery, too."""
        if self._rng.random() < 0.2:
            self.disk.cut_after(self._rng.randint(1, 6))
        connection: Any = self.disk.open(NAME)
        for pragma in opening._PRAGMAS:
            connection.execute(pragma)
        opening._migrate(connection, Path(NAME))
        opening._identify(connection, identity)
        self.disk._mains.last = None
        return connection

    def kill(self) -> None:
        """The power goes."""
        self.disk.cut()

    def close(self) -> None:
        """Close, as a process does that ends."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def discard(self) -> None:
        """Remove the files; the power may go while they are closed, too."""
        with suppress(PowerCut):
            self.close()
        shutil.rmtree(self._folder)


def build(kind: str, rng: Random) -> Backend:
    """The backend that a plan names."""
    if kind == "power":
        return Power(rng)
    return File() if kind == "file" else Memory()
