"""Where a backup may be written: never over a store, nor over what belongs to one."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from scand.core.errors import StoreError
from scand.store.copying import writing
from scand.store.lock import beside, holder
from scand.store.opening import migrations

_ELSEWHERE = "name another file"
_SUFFIXES = ("-wal", "-shm", "-journal", ".lock", ".sock")
_MAGIC = b"SQLite format 3\0"
_KEPT = ".before-schema-"
_PART = re.compile(rf"(.+)({'|'.join(map(re.escape, _SUFFIXES))}|{re.escape(_KEPT)}\d+)", re.DOTALL)
"""A store and, behind its name, what belongs to it."""


def require_free(target: Path, store: Path, *, force: bool) -> None:
    """Raise StoreError, or BackupError, if a backup of `store` may not be written to `target`."""
    with writing(target):
        _require_no_part(target, store)
        if not os.path.lexists(target):
            return
        _require_replaceable(target)
        if not force:
            raise StoreError(f"{target} exists", "name another file, or say --force to replace it")


def _require_no_part(target: Path, store: Path) -> None:
    there = target.exists()
    if there and target.samefile(store):
        raise StoreError(f"{target} is the store itself", _ELSEWHERE)
    owner = _owner(target)
    if there and any(target.samefile(part) for part in _parts(store)):
        owner = store
    if owner:
        raise StoreError(f"{target} belongs to the store {owner}", _ELSEWHERE)


def _owner(target: Path) -> Path | None:
    """The store that a file belongs to, by its own name or that of what it is a link to."""
    folder = os.path.realpath(target.parent)
    for name in (os.path.join(folder, target.name), os.path.realpath(target)):  # noqa: PTH118
        part = _PART.fullmatch(name)
        if part and Path(part[1]).is_file():
            return Path(part[1])
    return None


def _parts(store: Path) -> Iterator[Path]:
    """The files that belong to a store."""
    kept = (f"{_KEPT}{schema}" for schema in range(1, len(migrations()) + 1))
    return (part for suffix in (*_SUFFIXES, *kept) if (part := beside(store, suffix)).exists())


def _require_replaceable(target: Path) -> None:
    if target.is_dir():
        raise StoreError(f"{target} is a folder", "name a file in it")
    if target.exists() and not target.is_file():
        raise StoreError(f"{target} is a device, a pipe or a socket", _ELSEWHERE)
    if holder(target) is not None:
        raise StoreError(f"{target} is the store of a scand that runs", _ELSEWHERE)
    if target.exists() and _beginning(target) not in {_MAGIC, b""}:
        raise StoreError(f"{target} is there, and is no backup", _ELSEWHERE)
    log = beside(target, "-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(f"{target} is in use: {log} belongs to it", _ELSEWHERE)


def _beginning(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(len(_MAGIC))
