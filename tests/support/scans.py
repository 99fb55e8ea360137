"""Scans as the carrier writes them, and pages made of them by the real decoder."""

import json
from typing import Any

from scand.actors.messages import Page
from scand.core.coverage import Position
from scand.core.decode import Body, Decoder
from scand.core.event import ScanEvent
from scand.core.ledger import LedgerChange

DECODER = Decoder()
"""For the carrier's own names."""


def scan(event_id: int, parcel_id: int = 1, kind: str = "STATUS", **fields: Any) -> dict[str, Any]:
    """One event of the feed."""
    return {
        "EventId": event_id,
        "ParcelId": parcel_id,
        "Type": kind,
        "CreatedDateTimeUtc": "2021-05-11T21:11:34.1506147Z",
        "StatusCode": "",
        "User": {"RunId": "100"},
    } | fields


def body_of(*scans: object) -> bytes:
    """The scans as one answer of the carrier."""
    return json.dumps({"ScanEvents": scans}).encode()


def event_of(*args: Any, **fields: Any) -> ScanEvent:
    """The event that a scan decodes to."""
    return DECODER.page(body_of(scan(*args, **fields))).events[0]


def page_of(sequence: int, *scans: dict[str, Any]) -> Page:
    """A page as the fetcher sends it on."""
    body = body_of(*scans)
    decoded = DECODER.page(body)
    cursor = max((one["EventId"] for one in scans), default=0)
    return Page(
        sequence=sequence,
        events=decoded.events,
        rejected=decoded.rejected,
        asked_from=1,
        body=Body(body, DECODER),
        position=Position(cursor, anchored=True),
        ledger=LedgerChange(),
        history=0,
    )
