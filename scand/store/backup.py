"""A backup: a copy of a store, proven to be whole and to be what its journal says."""

import os
import sqlite3
from pathlib import Path

from scand.core.errors import BackupError, StoreError
from scand.store.copying import replacing
from scand.store.lock import beside, holder, require_regular
from scand.store.reading import Reader, open_reader
from scand.store.readonly import at_rest
from scand.store.trouble import explain
from scand.store.verify import Verification, verify


def back_up(path: Path, target: Path, *, force: bool = False) -> Verification:
    """Copy the store at `path`, which may be in use, to `target`, and say what was proven.

    Raises StoreError where that may not be, BackupError where it went wrong; `target` is as it was.
    """
    with open_reader(path) as reader:
        _require_free(path, target, force=force)
        with replacing(target) as partial:
            reader.copy_to(partial)
            return _proven(path, partial)


def _require_free(path: Path, target: Path, *, force: bool) -> None:
    require_regular(target)
    if not os.path.lexists(target):
        return
    if target.exists() and target.samefile(path):
        raise StoreError(f"{target} is the store itself", "name another file")
    if holder(target) is not None:
        raise StoreError(f"{target} is the store of a scand that runs", "name another file")
    if not force:
        raise StoreError(f"{target} exists", "name another file, or say --force to replace it")
    log = beside(target, "-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(f"{target} is in use: {log} belongs to it", "name another file")


def _proven(path: Path, partial: Path) -> Verification:
    try:
        with at_rest(partial) as connection:
            result = verify(Reader(connection))
    except sqlite3.Error as error:  # what is wrong with the copy is wrong with what was copied
        raise explain(path, error) from None
    if not result.ok:
        raise BackupError(
            f"{path}: {result.different} of {result.parcels} parcels differ from the journal,"
            " so the copy was not kept",
            "see `scand verify`; keep an earlier backup",
        )
    return result
