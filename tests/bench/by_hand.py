"""The opponent: the loop that a competent engineer writes in an afternoon.

asyncio, httpx, aiosqlite, a transaction per page, the same durability and the same columns. No
breaker, no gap ledger, no dead letters, no verification: what it leaves out is scand's price.

    python -m tests.bench.by_hand URL LIMIT DATABASE
"""

import asyncio
import sys
from typing import Any

import aiosqlite
import httpx

SCHEMA = """
CREATE TABLE event (event_id INTEGER PRIMARY KEY, parcel_id INT, type TEXT, created TEXT,
    status TEXT, run TEXT, carrier TEXT, user TEXT, device INT, device_transaction INT);
CREATE TABLE parcel (parcel_id INTEGER PRIMARY KEY, event_id INT, type TEXT, created TEXT,
    status TEXT, run TEXT, picked_up TEXT, delivered TEXT);
CREATE TABLE place (next_id INT);
INSERT INTO place VALUES (1);
"""
UPSERT = """
INSERT INTO parcel VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (parcel_id) DO UPDATE SET
    event_id = excluded.event_id, type = excluded.type, created = excluded.created,
    status = excluded.status, run = excluded.run,
    picked_up = coalesce(picked_up, excluded.picked_up),
    delivered = coalesce(delivered, excluded.delivered)
"""


def event_row(event: dict[str, Any]) -> tuple[Any, ...]:
    user, device = event["User"], event["Device"]
    return (
        event["EventId"],
        event["ParcelId"],
        event["Type"],
        event["CreatedDateTimeUtc"],
        event["StatusCode"],
        user["RunId"],
        user["CarrierId"],
        user["UserId"],
        device["DeviceId"],
        device["DeviceTransactionId"],
    )


def parcel_row(event: dict[str, Any]) -> tuple[Any, ...]:
    kind, created = event["Type"], event["CreatedDateTimeUtc"]
    return (
        event["ParcelId"],
        event["EventId"],
        kind,
        created,
        event["StatusCode"],
        event["User"]["RunId"],
        created if kind == "PICKUP" else None,
        created if kind == "DELIVERY" else None,
    )


async def main(url: str, limit: int, database: str) -> None:
    """Follow the feed to its head."""
    async with aiosqlite.connect(database) as db, httpx.AsyncClient() as client:
        await db.execute("PRAGMA journal_mode = WAL")
        await db.execute("PRAGMA synchronous = FULL")
        await db.executescript(SCHEMA)
        next_id = 1
        while True:
            params = {"FromEventId": next_id, "Limit": limit}
            page = (await client.get(url, params=params)).json()["ScanEvents"]
            if not page:
                return
            await db.executemany(
                "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [event_row(event) for event in page],
            )
            await db.executemany(UPSERT, [parcel_row(event) for event in page])
            next_id = page[-1]["EventId"] + 1
            await db.execute("UPDATE place SET next_id = ?", (next_id,))
            await db.commit()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
