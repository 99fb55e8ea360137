"""What scand holds of one scan, and why one may be turned away."""

import hashlib
from enum import StrEnum
from typing import Literal

import msgspec

from scand.core.instant import Instant

MAX_ID = 2**63 - 1
"""The greatest EventId and ParcelId: what a signed 64-bit column holds."""

EventId = int | str
"""A number in 1..MAX_ID, or text that means nothing but itself: a feed has one kind."""

IdKind = Literal["integer", "opaque"]


class ScanEvent(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One scan, normalised: what the journal keeps of it."""

    event_id: EventId
    parcel_id: int
    type: str
    created_at: Instant
    status_code: str = ""
    run_id: str | None = None
    carrier_id: str | None = None
    user_id: str | None = None
    device_id: int | str | None = None
    device_transaction_id: int | str | None = None


class Reason(StrEnum):
    """Why an event became a dead letter. The list is closed; the README documents each."""

    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    INVALID_EVENT_ID = "invalid_event_id"
    INVALID_PARCEL_ID = "invalid_parcel_id"
    INVALID_CREATED_AT = "invalid_created_at"
    INVALID_FIELD = "invalid_field"
    NOT_IN_CATALOGUE = "not_in_catalogue"
    FAR_FUTURE = "far_future"
    UNREADABLE = "unreadable"
    CONFLICT = "conflict"
    PROCESSING_FAILED = "processing_failed"


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """An event that is not applied, with what is needed to judge it later.

    `event_id` and `parcel_id` are None where they cannot be read; `raw` is the event's bytes as
    served.
    """

    reason: Reason
    detail: str
    raw: bytes
    event_id: EventId | None = None
    parcel_id: int | None = None

    @classmethod
    def of(cls, event: ScanEvent, reason: Reason, detail: str, raw: bytes) -> "Rejected":
        """An event that could be read, and is turned away all the same."""
        return cls(reason, detail, raw, event.event_id, event.parcel_id)

    @property
    def identity(self) -> str:
        """One dead letter per EventId, or per content where the id cannot be read."""
        return f"sha256:{self.digest}" if self.event_id is None else f"id:{self.event_id}"

    @property
    def digest(self) -> str:
        """What tells these bytes from others."""
        return hashlib.sha256(self.raw).hexdigest()
