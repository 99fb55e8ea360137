"""A backup: a copy of a store, proven to be whole and to be what its journal says."""

import sqlite3
from pathlib import Path
from typing import NamedTuple

from scand.core.errors import BackupError
from scand.store.copying import replacing
from scand.store.opening import migrations
from scand.store.reading import Reader, open_reader
from scand.store.readonly import at_rest
from scand.store.target import require_free
from scand.store.trouble import explain, require_sound
from scand.store.verify import verify


class Copy(NamedTuple):
    """What is in a copy that was made. `digest` is of its parcels, which its journal proves.

    A schema that is older than this scand's cannot be refolded: then there is none.
    """

    parcels: int
    events: int
    schema: int
    digest: str | None = None


def back_up(path: Path, target: Path, *, force: bool = False) -> Copy:
    """Copy the store at `path`, which may be in use, to `target`, and say what was proven.

    Raises StoreError where that may not be, BackupError where it went wrong; `target` is as it was.
    """
    with open_reader(path, older=True) as reader:
        require_free(target, path, force=force)
        with replacing(target) as partial:
            reader.copy_to(partial)
            return _proven(path, partial)


def _proven(path: Path, partial: Path) -> Copy:
    try:
        with at_rest(partial) as connection:
            reader = Reader(connection)
            schema = reader.schema()
            prove = _refolded if schema == len(migrations()) else _counted
            return prove(path, reader, schema)
    except sqlite3.Error as error:  # what is wrong with the copy is wrong with what was copied
        raise explain(path, error) from None


def _refolded(path: Path, reader: Reader, schema: int) -> Copy:
    result = verify(reader)
    if not result.ok:
        raise BackupError(
            f"{path}: {result.different} of {result.parcels} parcels differ from the journal,"
            " so the copy was not kept",
            "see `scand verify`; keep an earlier backup",
        )
    return Copy(result.parcels, result.events, schema, result.digest)


def _counted(_path: Path, reader: Reader, schema: int) -> Copy:
    """As far as it goes before a migration: the file is sound, and the tables can be read."""
    require_sound(reader.query)
    sql = "SELECT (SELECT count(*) FROM parcels), (SELECT count(*) FROM journal)"
    ((parcels, events),) = reader.query(sql)
    return Copy(parcels, events, schema)
