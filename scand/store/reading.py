"""Reading a store beside its daemon: never in its way, never half of a transaction.

Readers open the file read-only and read in chunks, so that a long export neither blocks the
writer nor keeps the write-ahead log from being checkpointed.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from scand.core.errors import StoreError
from scand.core.event import ScanEvent
from scand.core.parcel import ORDERS, Key, ParcelState
from scand.store.accounts import completeness
from scand.store.copying import copy
from scand.store.letters import DeadLetters
from scand.store.lock import absent, not_set_up, require_regular
from scand.store.opening import (
    SELECT_IDENTITY,
    Identity,
    check,
    identity_from,
    migrations,
)
from scand.store.readonly import read_only
from scand.store.rows import (
    EVENT_COLUMNS,
    SELECT_EVENTS,
    SELECT_PARCELS,
    event_from_row,
    parcel_from_row,
)
from scand.store.trouble import explain

CHUNK = 5_000
"""Rows read at a time."""

BEFORE_ALL = float("-inf")
"""Less than any id in a table, those included that nobody would have written."""


@dataclass(frozen=True, slots=True)
class Journaled:
    """A row of the journal, committed `recorded_at` milliseconds after 1970."""

    seq: int
    event: ScanEvent
    milestone: str | None
    corrects: str | None
    recorded_at: int
    trace_id: bytes | None = None


class Reader:
    """Queries over one read-only connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def schema(self) -> int:
        """Which migration was this store's last."""
        return self._one("PRAGMA user_version")

    def key(self) -> Key:
        """The order in which this store folds."""
        ((order,),) = self._rows('SELECT "order" FROM feed')
        return ORDERS[order]

    def identity(self) -> Identity:
        """Whose feed this store holds."""
        return identity_from(self._rows(SELECT_IDENTITY)[0])

    def summary(self) -> dict[str, Any]:
        """The durable part of `scand status`, all of one moment."""
        with self.snapshot():
            return self._summary()

    def _summary(self) -> dict[str, Any]:
        (feed,) = self._rows("SELECT name, url, cursor, missing_history, pruned_events FROM feed")
        name, url, cursor, missing_history, pruned_events = feed
        newest = self._rows(
            "SELECT event_id, created_at, recorded_at FROM journal ORDER BY seq DESC LIMIT 1"
        )
        return {
            "feed": {"name": name, "url": url},
            "cursor": cursor,
            "events": self._one("SELECT count(*) FROM journal"),
            "pruned_events": pruned_events,
            "parcels": self._one("SELECT count(*) FROM parcels"),
            "completeness": completeness(self._rows, time.time()),
            "last_event": dict(
                zip(("event_id", "created_at", "recorded_at"), newest[0], strict=True)
            )
            if newest
            else None,
            "gaps": {
                "open": self._one("SELECT count(*) FROM gaps"),
                "open_ids": self._one("SELECT coalesce(sum(high - low + 1), 0) FROM gaps"),
                "filled_ids": self._settled("filled"),
                "given_up_ids": self._settled("given_up"),
                "lost_ids": self._settled("lost"),
                "skipped_ids": self._settled("skipped"),
                "history_ids": missing_history,
            },
            "dead_letters": self.dead_letters.summary(),
        }

    @property
    def dead_letters(self) -> DeadLetters:
        """What was not applied."""
        return DeadLetters(self._rows)

    def position(self) -> dict[str, Any]:
        """Where the feed is followed from."""
        ((cursor, high, inclusive),) = self._rows("SELECT cursor, high, inclusive FROM feed")
        known = None if inclusive is None else bool(inclusive)
        return {"cursor": cursor, "high": high, "inclusive": known}

    def audit(self) -> list[dict[str, Any]]:
        """What happened to the feed or its cursor out of the ordinary, oldest first."""
        names = ("at", "action", "was", "now", "detail")
        rows = self._rows(f"SELECT {', '.join(names)} FROM audit ORDER BY id")  # noqa: S608
        return [dict(zip(names, row, strict=True)) for row in rows]

    def parcel(self, parcel_id: int) -> ParcelState | None:
        """The state of one parcel."""
        rows = self._rows(SELECT_PARCELS + " WHERE parcel_id = ?", parcel_id)
        return parcel_from_row(rows[0])[1] if rows else None

    def history(self, parcel_id: int) -> list[Journaled]:
        """The events of one parcel, in commit order."""
        sql = SELECT_JOURNAL + " WHERE parcel_id = ? ORDER BY seq"
        return [journaled(row) for row in self._rows(sql, parcel_id)]

    def parcels(self) -> Iterator[tuple[int, ParcelState]]:
        """All parcels, by ParcelId."""
        sql = SELECT_PARCELS + " WHERE parcel_id > ? ORDER BY parcel_id LIMIT ?"
        for row in self._chunks(sql):
            yield parcel_from_row(row)

    def journal(self) -> Iterator[Journaled]:
        """All events, in commit order."""
        sql = SELECT_JOURNAL + " WHERE seq > ? ORDER BY seq LIMIT ?"
        for row in self._chunks(sql):
            yield journaled(row)

    def events_of_parcels(self, after: float, up_to: int) -> list[ScanEvent]:
        """The events of the parcels with `after` < ParcelId <= `up_to`."""
        sql = SELECT_EVENTS + " WHERE parcel_id > ? AND parcel_id <= ?"
        return [event_from_row(row) for row in self._rows(sql, after, up_to)]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All reads in the block see one state of the store."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def copy_to(self, target: Path) -> None:
        """Copy the store, as it is now, into an empty file."""
        copy(self._connection, target)

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a SELECT, for those who ask what is not asked here."""
        return self._rows(sql, *parameters)

    def _chunks(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Rows in the order of their first column, a chunk per query."""
        last: float = BEFORE_ALL
        while rows := self._rows(sql, last, CHUNK):
            yield from rows
            last = rows[-1][0]

    def _rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, parameters).fetchall()

    def _one(self, sql: str) -> int:
        ((value,),) = self._rows(sql)
        return int(value)

    def _settled(self, outcome: str) -> int:
        sql = "SELECT coalesce(sum(high - low + 1), 0) FROM settled_gaps WHERE outcome = ?"
        ((count,),) = self._rows(sql, outcome)
        return int(count)


_JOURNAL = ("seq", *EVENT_COLUMNS, "milestone", "corrects", "recorded_at", "trace_id")
SELECT_JOURNAL = f"SELECT {', '.join(_JOURNAL)} FROM journal"  # noqa: S608 - constant names


def journaled(row: tuple[Any, ...]) -> Journaled:
    """What SELECT_JOURNAL finds."""
    seq, *event, milestone, corrects, recorded_at, trace_id = row
    return Journaled(seq, event_from_row(event), milestone, corrects, recorded_at, trace_id)


@contextmanager
def open_reader(path: Path, *, older: bool = False) -> Iterator[Reader]:
    """Open a store for reading. Raises StoreError, also for what happens while it is read.

    One of an `older` schema, which most questions do not fit, is opened where that is asked for.
    """
    require_regular(path)
    try:
        path.stat()
    except FileNotFoundError:
        raise absent(path) from None
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}", "check store.path and its owner") from None
    try:
        with read_only(path) as connection:
            _check_readable(connection, path, older=older)
            yield Reader(connection)
    except sqlite3.Error as error:
        raise explain(path, error) from None


def _check_readable(connection: sqlite3.Connection, path: Path, *, older: bool) -> None:
    version, newest = check(connection, path), len(migrations())
    if not version:
        raise not_set_up(path)
    if version < newest and not older:
        raise StoreError(
            f"{path} has schema {version}; this scand reads schema {newest}",
            "start the daemon once: it brings the store up to date",
        )
    if connection.execute("SELECT one FROM feed").fetchone() is None:
        raise StoreError(f"{path} was not set up to the end", "start the daemon once")


def parcel_document(parcel_id: int, state: ParcelState) -> dict[str, Any]:
    """A parcel as `scand parcel --json` and `scand export parcels` print it."""
    latest = state.latest
    return {
        "parcel_id": parcel_id,
        "latest": {
            "event_id": latest.event_id,
            "type": latest.type,
            "status_code": latest.status_code,
            "created_at": latest.created_at,
            "run_id": latest.run_id,
        },
        "picked_up_at": state.picked_up and state.picked_up.created_at,
        "delivered_at": state.delivered and state.delivered.created_at,
    }


def event_document(row: Journaled) -> dict[str, Any]:
    """An event as `scand export events` prints it."""
    return {
        "seq": row.seq,
        **msgspec.structs.asdict(row.event),
        "milestone": row.milestone,
        "corrects": row.corrects,
        "trace_id": row.trace_id and row.trace_id.hex(),
    }
