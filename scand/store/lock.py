"""Who may write a store: one process, which holds the lock on a file beside it."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scand.core.errors import StoreBlockedError, StoreError
from scand.store.access import NO_ROOM, WRITE, refusal


@contextmanager
def instance_lock(path: Path) -> Iterator[None]:
    """Hold the right to write the store at `path`. Raises StoreError if another process does."""
    require_regular(path)
    lock_path = beside(path, ".lock")
    with usable(lock_path):
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        with usable(lock_path):
            _claim(path, descriptor)
        _require_own_log(path)
        with suppress(OSError):  # a full disk has no room for a pid, but the lock holds
            os.pwrite(descriptor, f"{os.getpid()}\n".ljust(_PID).encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)


def _claim(path: Path, lock: int) -> None:
    if not _lock(lock):
        said = os.pread(lock, _PID, 0).decode("ascii", "replace").strip()
        raise StoreError(
            f"{path} is in use by another scand (pid {said or 'unknown'})",
            "stop that one, or give this one a store.path of its own",
        )
    if not _size(path) and _says_set_up(lock):
        raise _gone(path)


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Around what is done with a file of a store: say what the system has against it."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StoreBlockedError(f"{path}: {error.strerror}", _MAKE_ROOM) from None
        hint = _FOLDER.format(os.geteuid())
        unusable = StoreError(f"{path}: {error.strerror}", hint)
        raise refusal(path, WRITE) or unusable from None


_MAKE_ROOM = "make room, and try again"
_FOLDER = "store.path must lie in a directory that exists and that uid {} may write"

_PID = 20
"""Bytes of the lock file that hold a pid; behind them it says so once the store was set up."""

_SET_UP = b"a store was set up here\n"


def _says_set_up(lock: int) -> bool:
    return os.pread(lock, len(_SET_UP), _PID) == _SET_UP


def _gone(path: Path) -> StoreError:
    """What is not there, or empty, would pass for a new store, and its events be forgotten."""
    return StoreError(
        f"{path} is {'gone' if _size(path) is None else 'empty'}, but it held a store before",
        f"put a backup in its place; to begin anew, remove {beside(path, '.lock')} as well",
    )


WRITE_VERSION = 18
"""The byte of a database's header that says whether it has a write-ahead log: 2, else 1."""


def _require_own_log(path: Path) -> None:
    """A log beside a file that was put there would be read as if it were this file's.

    Before the file is opened for SQLite: closing it here would take SQLite's locks away.
    """
    log = beside(path, "-wal")
    if not _size(log) or _size(path) is None:
        return
    own = beside(path, "")
    with usable(own), own.open("rb") as database:
        header = database.read(WRITE_VERSION + 1)
    if header[WRITE_VERSION:] == b"\x01":
        raise StoreError(
            f"{path} is a backup, and {log} belongs to the store that was here before",
            f"remove {log} and {beside(path, '-shm')}: to restore a backup is to go back to it",
        )


def absent(path: Path) -> StoreError:
    """What to say of a store that is not there to be read."""
    log = beside(path, "-wal")
    if log.exists():
        return StoreError(
            f"{path} is gone, but its log {log} is there",
            "put it back beside its log; or remove that, and put a backup in its place",
        )
    if _was_set_up(path):
        return _gone(path)
    return StoreError(f"{path}: no such file", "no scand has run with this store.path yet")


def not_set_up(path: Path) -> StoreError:
    """What to say of a file in a store's place that has nothing in it."""
    if _was_set_up(path):
        return _gone(path)
    return StoreError(
        f"{path} is empty: no store was set up in it yet",
        "start scand; if one runs, its log says what it waits for",
    )


def _was_set_up(path: Path) -> bool:
    with suppress(OSError), beside(path, ".lock").open("rb") as lock:
        return _says_set_up(lock.fileno())
    return False


def mark_set_up(path: Path) -> None:
    """Note beside the store that there is one."""
    with suppress(OSError), beside(path, ".lock").open("r+b") as lock:
        lock.seek(_PID)
        lock.write(_SET_UP)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def require_regular(path: Path) -> None:
    """Raise StoreError if something is at `path` that can be no database: a folder, a device."""
    if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113 - never raise
        raise StoreError(f"{path} is not a file", "point store.path at a file, or at none yet")


def holder(path: Path) -> int | None:
    """The pid of the scand that holds the store at `path`, 0 if it is not known, or None."""
    try:
        with beside(path, ".lock").open(encoding="ascii", errors="replace") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = lock.read(_PID).strip()
                return int(pid) if pid.isdecimal() else 0
    except OSError:
        return None
    return None


def _lock(descriptor: int) -> bool:
    """Whether the lock was to be had. `holder` takes it to look: one refusal proves nothing."""
    for pause in LOCK_PAUSES:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(pause)
        else:
            return True
    return False


LOCK_PAUSES = (0.01, 0.02, 0.04, 0.08)
"""Seconds between attempts at the lock."""


def beside(path: Path, suffix: str) -> Path:
    """The file that goes with a store, where SQLite puts its own: a link is followed first."""
    return Path(os.path.realpath(path) + suffix)
