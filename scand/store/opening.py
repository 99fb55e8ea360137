"""Making a database file ready: whose it is, and which schema it has."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from scand.core.errors import StoreError
from scand.core.event import IdKind
from scand.core.fields import SAMPLE
from scand.store.copying import copy, replacing
from scand.store.lock import beside, mark_set_up
from scand.store.trouble import explain, require_sound

APPLICATION_ID = 0x5343414E
"""`SCAN`, in the header of every scand database."""

OLDEST_SQLITE = (3, 37, 0)
"""The first release with STRICT tables."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose feed a store holds. All but `url` must stay what they were: carriers move.

    `fields` are those of the field map that are not the sample's.
    """

    name: str
    id_kind: IdKind
    order: str
    url: str
    fields: Mapping[str, str] = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        """What must stay, by setting."""
        fields = asdict(SAMPLE) | dict(self.fields)
        return {
            "feed.name": self.name,
            "feed.id_kind": self.id_kind,
            "feed.order": self.order,
            **{f"feed.fields.{name}": path for name, path in fields.items()},
        }


class Migrated(NamedTuple):
    """From which schema to which, and where the store is as it was before; None: it was empty."""

    was: int
    now: int
    backup: Path | None


class Prepared(NamedTuple):
    """What is to be told of a store that is ready: its url before, if another; its migration."""

    former_url: str | None
    migrated: Migrated | None


def prepare(path: Path, identity: Identity) -> Prepared:
    """Create, migrate and check the database.

    Raises StoreError. Blocks: a migration of a large store takes its time.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreError(
            f"SQLite {sqlite3.sqlite_version} is too old", "scand needs SQLite 3.37 or newer"
        )
    try:
        with closing(connect(path)) as connection:
            migrated = _migrate(connection, path)
            _require_whole(connection)
            former = _identify(connection, identity)
        mark_set_up(path)
    except sqlite3.Error as error:
        raise explain(path, error) from None
    return Prepared(former, migrated)


def connect(path: Path) -> sqlite3.Connection:
    """A connection that may write: WAL, durable at every commit, transactions left to us.

    Any thread may use it, one at a time.
    """
    connection = sqlite3.connect(
        beside(path, ""),
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        cached_statements=CACHED_STATEMENTS,
        check_same_thread=False,
    )
    try:
        check(connection, path)  # before WAL is switched on: another's database stays as it is
        for pragma in _PRAGMAS:
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection


CACHED_STATEMENTS = 16
"""Prepared statements kept: at 1.2 MB for the largest (`transaction.MAX_ROWS`), 20 MB in all."""

BUSY_TIMEOUT = 5.0
"""Seconds to wait for a program that holds the database: a backup, somebody's shell."""

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # NORMAL loses acknowledged commits at a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA journal_size_limit = 67108864",  # of a log that grew while a reader was long
)


def check(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of a database that is scand's. Raises StoreError for any other."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application, version, tables) != (0, 0, 0):
        raise StoreError(
            f"{path} is an SQLite database, but not one of scand's", "point store.path elsewhere"
        )
    if version > len(migrations()):
        raise StoreError(
            f"{path} has schema {version}; this scand knows schemas up to {len(migrations())}",
            _way_back(path),
        )
    return int(version)


def _way_back(path: Path) -> str:
    hint, kept = "install the scand that wrote it, or a newer one", _kept(path, len(migrations()))
    return f"{hint}; {kept} is the store from before its migration" if kept.exists() else hint


def migrations() -> list[str]:
    """The SQL of each step, in order; step N leads to schema N."""
    folder = files("scand.store") / "migrations"
    scripts = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".sql")), key=lambda i: i.name
    )
    return [script.read_text(encoding="utf-8") for script in scripts]


def _kept(path: Path, schema: int) -> Path:
    """Where a store is kept as it was when it had this schema."""
    return beside(path, f".before-schema-{schema + 1}")


def _migrate(connection: sqlite3.Connection, path: Path) -> Migrated | None:
    present, scripts = check(connection, path), migrations()
    if present == len(scripts):
        return None
    backup = _keep(connection, path, present) if present and _has_data(connection) else None
    for version, script in enumerate(scripts[present:], present + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {script}; PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {version}; COMMIT;"
        )
    return Migrated(present, len(scripts), backup) if present else None


def _require_whole(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.OperationalError if a table is missing that this schema has."""
    with closing(sqlite3.connect(":memory:")) as model:
        for script in migrations():
            model.executescript(script)
        missing = _tables(model) - _tables(connection)
    if missing:
        raise sqlite3.OperationalError(f"no such table: {min(missing)}")


def _tables(connection: sqlite3.Connection) -> set[str]:
    found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return {name for (name,) in found}


def _has_data(connection: sqlite3.Connection) -> bool:
    sql = "SELECT EXISTS (SELECT 1 FROM feed WHERE cursor IS NOT NULL)"
    ((found,),) = connection.execute(sql)
    return bool(found)


def _keep(connection: sqlite3.Connection, path: Path, schema: int) -> Path:
    """Copy the store before it is migrated, for the day on which that is to be undone."""
    kept = _kept(path, schema)
    with replacing(kept) as partial:
        copy(connection, partial)
        with closing(sqlite3.connect(partial, isolation_level=None)) as copied:
            require_sound(copied.execute)
    return kept


def _identify(connection: sqlite3.Connection, identity: Identity) -> str | None:
    row = connection.execute(SELECT_IDENTITY).fetchone()
    if row is None:
        fields = json.dumps(dict(identity.fields), sort_keys=True)
        connection.execute(
            'INSERT INTO feed (one, name, id_kind, "order", url, fields) VALUES (1, ?, ?, ?, ?, ?)',
            (identity.name, identity.id_kind, identity.order, identity.url, fields),
        )
        return None
    stored = identity_from(row)
    require_same(stored, identity)
    if stored.url == identity.url:
        return None
    connection.execute("UPDATE feed SET url = ?", (identity.url,))
    return stored.url


SELECT_IDENTITY = 'SELECT name, id_kind, "order", url, fields FROM feed'


def identity_from(row: Sequence[Any]) -> Identity:
    """A row of `SELECT_IDENTITY`."""
    name, id_kind, order, url, fields = row
    return Identity(name, id_kind, order, url, json.loads(fields))


def require_same(stored: Identity, wanted: Identity) -> None:
    """Raise StoreError for a store that is another feed's."""
    now = wanted.settings()
    for setting, was in stored.settings().items():
        if was != now[setting]:
            raise StoreError(
                f"this store was written with {setting} = {was!r}, not {now[setting]!r}",
                f"set {setting} back, or start a new store under another store.path",
            )
