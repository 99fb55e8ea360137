"""Pages as the writer commits them, and what a store holds afterwards."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from scand.core.coverage import Position
from scand.core.decode import Body
from scand.core.event import ScanEvent
from scand.core.ledger import LedgerChange
from scand.core.parcel import ORDERS, Order, fold
from scand.ports import PageResult
from scand.store.commit import commit
from scand.store.opening import Identity
from scand.store.transaction import run
from tests.support.parts import NOON
from tests.support.scans import DECODER, body_of, scan

FEED = Identity("carrier", "integer", "event_id", "https://carrier.test/v1/scans")


def at(second: int) -> str:
    """An instant, `second` seconds into a certain hour."""
    return f"2021-05-11T21:{second // 60:02}:{second % 60:02}.1506147Z"


def page(
    *scans: Mapping[str, Any],
    order: Order = "event_id",
    cursor: int | None = None,
    ledger: LedgerChange = LedgerChange(),  # noqa: B008 - immutable
    history: int = 0,
    asked_from: int = 1,
) -> PageResult:
    """The scans as the carrier serves them, decoded and folded."""
    body = body_of(*scans)
    decoded = DECODER.page(body)
    highest = max((event.event_id for event in decoded.events), default=0)
    return PageResult(
        events=decoded.events,
        parcels=fold(decoded.events, ORDERS[order]),
        rejected=decoded.rejected,
        asked_from=asked_from,
        body=Body(body, DECODER),
        position=Position(highest if cursor is None else cursor, anchored=True),
        ledger=ledger,
        history=history,
    )


def many(first: int, count: int, *, parcels: int = 7) -> list[dict[str, Any]]:
    """Scans with ids from `first` on, dealt to a few parcels."""
    kinds = ("PICKUP", "STATUS", "DELIVERY")
    return [
        scan(number, number % parcels + 1, kinds[number % 3])
        for number in range(first, first + count)
    ]


def keep(connection: sqlite3.Connection, first: int, count: int = 50) -> None:
    """Commit so many events from an id on."""
    pages = [page(*many(first, count))]
    run(connection, commit(pages, ORDERS["event_id"], NOON))


def names_in(folder: Path) -> set[str]:
    """What lies in a folder."""
    return {file.name for file in folder.iterdir()}


def rows(path: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What a query finds in the file."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, parameters).fetchall()


TABLES = (
    *("journal", "parcels", "dead_letters", "dead_letter_history"),
    *("gaps", "settled_gaps", "feed", "base", "pruned_ids"),
)


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All that the file holds."""
    return {table: rows(path, f"SELECT * FROM {table} ORDER BY 1") for table in TABLES}


Marks = tuple[int | None, str | None]


def expected_parcels(events: Iterable[ScanEvent], order: Order) -> list[tuple[Any, ...]]:
    """The rows of the table, told by the words of the design and not by the fold's code."""
    by_parcel: dict[int, list[ScanEvent]] = {}
    for event in events:
        by_parcel.setdefault(event.parcel_id, []).append(event)
    return [
        _expected_row(parcel_id, known, order) for parcel_id, known in sorted(by_parcel.items())
    ]


def _expected_row(parcel_id: int, events: Sequence[ScanEvent], order: Order) -> tuple[Any, ...]:
    if order == "event_id":
        ranked = sorted(events, key=lambda event: event.event_id)
    else:
        ranked = sorted(events, key=lambda event: (event.created_at, event.event_id))
    latest = ranked[-1]
    return (
        parcel_id,
        latest.event_id,
        latest.type,
        latest.created_at,
        latest.status_code,
        latest.run_id,
        *_first("PICKUP", ranked),
        *_first("DELIVERY", ranked),
    )


def _first(kind: str, ranked: Sequence[ScanEvent]) -> Marks:
    for event in ranked:
        if event.type == kind:
            return event.event_id, event.created_at
    return None, None
