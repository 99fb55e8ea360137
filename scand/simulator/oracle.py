"""What a client that lost nothing and counted nothing twice must know of every parcel.

Written from the feed's contract alone, in the plainest way, so that it can be trusted to judge.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import Literal, TypedDict

from scand.simulator.dialect import EventId
from scand.simulator.scans import Scan

Order = Literal["event_id", "created_at"]


class Latest(TypedDict):
    """The event that says where the parcel is."""

    event_id: EventId
    type: str
    status_code: str
    created_at: str
    run_id: str | None


class Parcel(TypedDict):
    """One line of `scand export parcels --format jsonl`."""

    parcel_id: int
    latest: Latest
    picked_up_at: str | None
    delivered_at: str | None


# Every instant has seven digits and a Z: the order of the text is the order of time.
_KEYS: dict[str, Callable[[Scan], tuple[str, EventId]]] = {
    "event_id": lambda scan: ("", scan.event_id),
    "created_at": lambda scan: (scan.created_at, scan.event_id),
}


def expected(scans: Iterable[Scan], order: Order = "event_id") -> dict[int, Parcel]:
    """The parcels that follow from these scans, by ParcelId."""
    valid = sorted((scan for scan in scans if scan.valid), key=_parcel_id)
    return {
        parcel_id: _parcel(parcel_id, list(group), _KEYS[order])
        for parcel_id, group in groupby(valid, key=_parcel_id)
    }


def json_lines(parcels: Mapping[int, Parcel]) -> bytes:
    """One parcel per line, ordered by ParcelId: the text of `scand export parcels`."""
    lines = (json.dumps(parcels[each], ensure_ascii=False) for each in sorted(parcels))
    return "".join(f"{line}\n" for line in lines).encode()


def _parcel_id(scan: Scan) -> int:
    return scan.parcel_id


def _parcel(
    parcel_id: int, scans: list[Scan], key: Callable[[Scan], tuple[str, EventId]]
) -> Parcel:
    latest = max(scans, key=key)
    return {
        "parcel_id": parcel_id,
        "latest": {
            "event_id": latest.event_id,
            "type": latest.type,
            "status_code": latest.status_code,
            "created_at": latest.created_at,
            "run_id": latest.run_id,
        },
        "picked_up_at": _first("PICKUP", scans, key),
        "delivered_at": _first("DELIVERY", scans, key),
    }


def _first(kind: str, scans: list[Scan], key: Callable[[Scan], tuple[str, EventId]]) -> str | None:
    of_kind = [scan for scan in scans if scan.type == kind]
    return min(of_kind, key=key).created_at if of_kind else None
