"""Between structs and table rows."""

from collections.abc import Sequence
from typing import Any

import msgspec

from scand.core.event import ScanEvent
from scand.core.parcel import Mark, ParcelState

EVENT_COLUMNS = ScanEvent.__struct_fields__
"""The journal's columns of an event: its fields, in their order."""

PARCEL_COLUMNS = (
    "parcel_id",
    "event_id",
    "type",
    "created_at",
    "status_code",
    "run_id",
    "picked_up_event_id",
    "picked_up_at",
    "delivered_event_id",
    "delivered_at",
)

UPDATE_PARCELS = "ON CONFLICT (parcel_id) DO UPDATE SET " + ", ".join(
    f"{column} = excluded.{column}" for column in PARCEL_COLUMNS[1:]
)
"""The end of an INSERT that replaces what is there."""

EVENTS_AS_JSON = f"json_group_array(json_array({', '.join(EVENT_COLUMNS)}))"
"""SQL for all rows in one value, for the reason given in `bulk`; `read_events` reads it."""

PARCELS_AS_JSON = """json_group_array(json_array(parcel_id, json_array(
    json_array(event_id, parcel_id, type, created_at, status_code, run_id),
    CASE WHEN picked_up_at IS NOT NULL THEN json_array(picked_up_event_id, picked_up_at) END,
    CASE WHEN delivered_at IS NOT NULL THEN json_array(delivered_event_id, delivered_at) END)))"""
"""SQL for all rows in one value; `read_parcels` reads it."""

read_events = msgspec.json.Decoder(list[ScanEvent]).decode
read_parcels = msgspec.json.Decoder(list[tuple[int, ParcelState]]).decode

SELECT_EVENTS = f"SELECT {', '.join(EVENT_COLUMNS)} FROM journal"  # noqa: S608 - constant names
SELECT_PARCELS = f"SELECT {', '.join(PARCEL_COLUMNS)} FROM parcels"  # noqa: S608 - as above

SELECT_BASE = f"SELECT {', '.join(PARCEL_COLUMNS)} FROM base"  # noqa: S608 - as above


def event_from_row(row: Sequence[Any]) -> ScanEvent:
    """A row of EVENT_COLUMNS."""
    return ScanEvent(*row)


def parcel_row(parcel_id: int, state: ParcelState) -> Sequence[Any]:
    """A row of PARCEL_COLUMNS."""
    latest = state.latest
    return (
        parcel_id,
        latest.event_id,
        latest.type,
        latest.created_at,
        latest.status_code,
        latest.run_id,
        *(state.picked_up or _NO_MARK),
        *(state.delivered or _NO_MARK),
    )


_NO_MARK = (None, None)


def parcel_from_row(row: Sequence[Any]) -> tuple[int, ParcelState]:
    """A row of PARCEL_COLUMNS, as ParcelId and state."""
    parcel_id, event_id, kind, created_at, status_code, run_id, *marks = row
    latest = ScanEvent(event_id, parcel_id, kind, created_at, status_code, run_id)
    picked_up = Mark(*marks[:2]) if marks[0] is not None else None
    delivered = Mark(*marks[2:]) if marks[2] is not None else None
    return parcel_id, ParcelState(latest, picked_up, delivered)
