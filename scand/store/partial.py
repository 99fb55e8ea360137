"""Where a copy is written: a file in a folder of its own, into which nobody else can look.

SQLite opens by name what it writes. A name that others may use as well can be a link to anybody's
file by then, or have a journal beside it that SQLite would play back. So the copy is made in a
folder that only its owner may enter, and leaves that by renaming.

Whoever writes a copy has it locked. One that was killed has not, and the next copy that is made
beside it removes what it left. Who may rename the folder itself, as the owner of the folder that
it lies in, is trusted.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scand.core.errors import BackupError

_FILE = "scand.db"
_FILES = (_FILE, f"{_FILE}-journal", f"{_FILE}-wal", f"{_FILE}-shm")


@contextmanager
def private_file(target: Path) -> Iterator[Path]:
    """An empty file for its owner only, beside `target`, which is gone after the block.

    Raises OSError, and BackupError where another copy to the same place is under way.
    """
    _remove_dead(target.parent)
    path = target.with_name(f".{target.name}.partial")
    with suppress(FileExistsError):
        path.mkdir(0o700)
    with _entered(path) as folder, _opened(folder, os.O_CREAT) as file:
        if not _lock(file) or not os.fstat(file).st_nlink:
            raise BackupError(f"{target} is being written", "wait for that backup to end")
        os.fchmod(file, 0o600)
        os.ftruncate(file, 0)
        try:
            yield path / _FILE
        finally:
            _remove(path, folder)


@contextmanager
def _entered(path: Path) -> Iterator[int]:
    in_the_way = BackupError(f"{path} is in the way", "remove it, and try again")
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except NotADirectoryError:  # a link is none
        raise in_the_way from None
    try:
        if not _is_private(folder):
            raise in_the_way
        yield folder
    finally:
        os.close(folder)


@contextmanager
def _opened(folder: int, flags: int = 0) -> Iterator[int]:
    file = os.open(_FILE, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600, dir_fd=folder)
    try:
        yield file
    finally:
        os.close(file)


def _is_private(folder: int) -> bool:
    status = os.fstat(folder)
    return status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_dead(parent: Path) -> None:
    """Remove what killed copies have left here: each may be as large as a store.

    A file that is empty may be about to be locked.
    """
    for path in parent.glob(".*.partial"):
        with suppress(OSError, BackupError), _entered(path) as folder, _opened(folder) as file:
            if os.fstat(file).st_size and _lock(file):
                _remove(path, folder)


def _remove(path: Path, folder: int) -> None:
    for name in _FILES:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
    with suppress(OSError):  # somebody has put something there
        path.rmdir()
