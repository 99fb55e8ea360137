"""A backup: a copy of a store, proven to be whole and to be what its journal says."""

import sqlite3
from pathlib import Path

from scand.core.errors import BackupError
from scand.store.copying import replacing
from scand.store.reading import Reader, open_reader
from scand.store.readonly import at_rest
from scand.store.target import require_free
from scand.store.trouble import explain
from scand.store.verify import Verification, verify


def back_up(path: Path, target: Path, *, force: bool = False) -> Verification:
    """Copy the store at `path`, which may be in use, to `target`, and say what was proven.

    Raises StoreError where that may not be, BackupError where it went wrong; `target` is as it was.
    """
    with open_reader(path) as reader:
        require_free(target, path, force=force)
        with replacing(target) as partial:
            reader.copy_to(partial)
            return _proven(path, partial)


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
