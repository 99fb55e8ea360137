"""SQLite's way to files, through a platter that knows what was synced, while there is power.

The real files change as well, so that SQLite reads them, locks them and shares memory beside them
by its own means; they are never synced.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from tests.support.platter import Platter

_JOURNALS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


class Mains:
    """Whether there is power, and until which operation.

    An operation is a write, a truncation, a deletion or a sync.
    """

    def __init__(self, rng: random.Random) -> None:
        self.on = True
        self.operations = 0
        self.last: int | None = None
        self._rng = rng

    def go_off(self) -> None:
        """Cut the power now."""
        self.on, self.last = False, None

    @contextmanager
    def operation(self) -> Iterator[bool]:
        """Do what a disk does; gives whether that comes to its end before the power goes."""
        self.require()
        self.operations += 1
        if self.operations == self.last:
            self.go_off()
        yield self.on or self._rng.random() < 0.5
        self.require()

    def require(self) -> None:
        """Raise an I/O error if there is no power."""
        if not self.on:
            raise apsw.exception_for(apsw.SQLITE_IOERR)


class Vfs(apsw.VFS):
    """Opens and deletes files, on the platter and in the real folder."""

    def __init__(self, name: str, platter: Platter, mains: Mains) -> None:
        self.name = name
        self._platter, self._mains = platter, mains
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - as below: apsw's
        self._mains.require()
        if name is None:  # a temporary file: of no interest after a cut
            return apsw.VFSFile("", name, flags)
        return _File(name, flags, self._platter, self._mains)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802
        with self._mains.operation() as ends:
            self._platter.delete(filename)
            if syncdir and ends:
                self._platter.sync_names()
            if self._mains.on:
                super().xDelete(filename, False)  # noqa: FBT003 - apsw takes no keyword


class _File(apsw.VFSFile):
    """Changes a file, on the platter and in the real folder. Nothing real is ever synced."""

    def __init__(self, name: Any, flags: list[int], platter: Platter, mains: Mains) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._platter, self._mains, self._file = platter, mains, platter.open(path)
        # SQLite's own VFS for Unix syncs the folder with the first sync of these.
        self._name_is_synced = not (flags[0] & apsw.SQLITE_OPEN_CREATE and flags[0] & _JOURNALS)
        super().__init__("", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        with self._mains.operation():
            self._file.write(offset, bytes(data))
            if self._mains.on:
                super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        with self._mains.operation():
            self._file.truncate(newsize)
            if self._mains.on:
                super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802
        with self._mains.operation() as ends:
            if ends:
                self._file.sync()
                if not self._name_is_synced:
                    self._platter.sync_names()
                    self._name_is_synced = True
