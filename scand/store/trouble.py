"""What SQLite says, in an operator's words: which file, what is wrong, and what to do.

| | at the start | while running |
| --- | --- | --- |
| the disk is full, another program holds the lock, the disk fails | a pause | a pause |
| the file may not be written, or not be opened | exit status 2 | a pause |
| damaged, not a database | exit status 2 | exit status 2 |
| anything else | exit status 2 | a crash of ingest: it may be our mistake |

Commands other than the daemon do not pause: they end with exit status 1.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from scand.core.errors import RolledBackError, StoreBlockedError, StoreError
from scand.store.access import READ, WRITE, refusal
from scand.store.lock import beside


class _Trouble(NamedTuple):
    """What to say, behind the path; `passes`: it may be over by itself at any time."""

    said: str
    hint: str
    passes: bool = False


_KEEP_IT = "keep the file: it is needed to find out what happened"
_TROUBLES = {
    sqlite3.SQLITE_NOTADB: _Trouble(
        " is not an SQLite database",
        "if it was scand's, keep it and put a backup in its place; else point store.path elsewhere",
    ),
    sqlite3.SQLITE_CORRUPT: _Trouble(
        " is damaged",
        "put a backup in its place; keep this file, `sqlite3 FILE .recover` may read what is left",
    ),
    sqlite3.SQLITE_CANTOPEN: _Trouble(
        " cannot be opened: no such folder, no permission, or not a file",
        "check store.path, its owner and its folder's",
    ),
    sqlite3.SQLITE_READONLY: _Trouble(
        " cannot be written", "check its owner and mode, and its folder's"
    ),
    sqlite3.SQLITE_BUSY: _Trouble(
        " is locked by another program", "end that program, and try again", passes=True
    ),
    sqlite3.SQLITE_FULL: _Trouble(
        " cannot grow: the disk is full", "make room, and try again", passes=True
    ),
    sqlite3.SQLITE_IOERR: _Trouble(
        " cannot be read or written: the disk fails", "see what the kernel logs of it", passes=True
    ),
    sqlite3.SQLITE_NOMEM: _Trouble(" needs more memory than there is", "make room", passes=True),
}
_PASS_WHILE_RUNNING = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
_USES = {sqlite3.SQLITE_CANTOPEN: READ, sqlite3.SQLITE_READONLY: WRITE}
"""What a file was wanted for."""

_MISSING = ("no such table: ", "no such column: ")
"""How SQLite begins what it says of a schema that is not what the migrations have made."""

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def explain(path: Path, error: sqlite3.Error) -> StoreError:
    """An SQLite error while opening or reading."""
    code = _code(path, error)
    if found := _denied(path, code) or _log_lost(path, code):
        return found
    trouble = _TROUBLES.get(code, _Trouble(f": {error}", _KEEP_IT))
    if str(error).startswith(_MISSING):
        trouble = _TROUBLES[sqlite3.SQLITE_CORRUPT]._replace(said=f" is damaged: {error}")
    kind = StoreBlockedError if trouble.passes else StoreError
    return kind(f"{path}{trouble.said}", trouble.hint)


def _denied(path: Path, code: int) -> StoreError | None:
    """The file that may not be used, where that is the reason."""
    if code not in _USES:
        return None
    files = (beside(path, suffix) for suffix in ("", "-wal", "-shm"))
    return next((said for file in files if (said := refusal(file, _USES[code]))), None)


def _log_lost(path: Path, code: int) -> StoreError | None:
    """A log that was deleted under a daemon: its index is there, and leads nowhere."""
    log, index = beside(path, "-wal"), beside(path, "-shm")
    if code != sqlite3.SQLITE_IOERR or not index.exists():
        return None
    if log.exists() and log.stat().st_size:  # a reader makes an empty one
        return None
    return StoreError(
        f"{log} was deleted while a scand was running",
        "stop that one, and start it again: at its end it saves what was in there",
    )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Around a transaction: raise StoreBlockedError and StoreError for what is no bug."""
    try:
        yield
    except (RolledBackError, sqlite3.Error) as raised:
        error = raised.__cause__ if isinstance(raised, RolledBackError) else raised
        if not isinstance(error, sqlite3.Error):
            raise
        code = _code(path, error)
        if code in _PASS_WHILE_RUNNING or ((known := _TROUBLES.get(code)) and known.passes):
            said, hint, _ = _TROUBLES[code]
            raise StoreBlockedError(f"{path}{said}", hint) from None
        if code in _DAMAGED:
            raise explain(path, error) from None
        raise


def require_sound(query: Callable[[str], Iterable[tuple[Any, ...]]]) -> None:
    """Raise sqlite3.DatabaseError where SQLite finds the file itself damaged."""
    ((said,),) = query("PRAGMA quick_check(1)")
    if said != "ok":
        damaged = sqlite3.DatabaseError(said)
        damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT  # as when SQLite meets it by itself
        raise damaged


def _code(path: Path, error: sqlite3.Error) -> int:
    """SQLite's result code without its extension; what the module itself raises has none."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    # for the files beside a database, SQLite calls a full disk an I/O error
    return sqlite3.SQLITE_FULL if code == sqlite3.SQLITE_IOERR and _is_full(path) else code


_LEAST_ROOM = 64 << 10
"""Bytes: SQLite's shared memory takes 32 KiB."""


def _is_full(path: Path) -> bool:
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _LEAST_ROOM
