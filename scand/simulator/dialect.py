"""What the API of another carrier does differently, though it means the same.

As text: `opaque,event_id=id,run_id=run.number` or `exclusive,head=204`. The names are those that
scand's section [feed.fields] has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

EventId = int | str

_SAMPLE = {
    "events": "ScanEvents",
    "event_id": "EventId",
    "parcel_id": "ParcelId",
    "type": "Type",
    "created_at": "CreatedDateTimeUtc",
    "status_code": "StatusCode",
    "run_id": "User.RunId",
    "carrier_id": "User.CarrierId",
    "user_id": "User.UserId",
    "device_id": "Device.DeviceId",
    "device_transaction_id": "Device.DeviceTransactionId",
}
_HEADS = (200, 204, 404)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The defaults are those of the carrier that the sample is from."""

    opaque: bool = False  # ids are UUIDs, and events come in no order but the feed's
    exclusive: bool = False  # a page begins after FromEventId
    bare: bool = False  # a page is the array, without an object around it
    head: int = 200  # the status of an answer that has nothing to show
    names: Mapping[str, str] = field(default_factory=dict)  # of fields, where they are others

    def __post_init__(self) -> None:
        if self.head not in _HEADS:
            raise ValueError(f"dialect head: {self.head} is not one of 200, 204, 404")
        for name, path in self.names.items():
            if name not in _SAMPLE:
                raise ValueError(f"dialect: unknown field {name!r}: known are {', '.join(_SAMPLE)}")
            if not all(path.split(".")):
                raise ValueError(f"dialect {name}: {path!r} is not a name, nor names with dots")

    def event_id(self, seed: int, number: int) -> EventId:
        """The id of the event with this number."""
        if not self.opaque:
            return number
        digest = blake2b(f"{seed}/{number}".encode(), digest_size=16).digest()
        return str(UUID(bytes=digest, version=4))

    def event(self, raw: bytes) -> bytes:
        """An event in the names of this dialect."""
        moves = {_SAMPLE[name]: path for name, path in self.names.items() if name != "events"}
        if not moves:
            return raw
        event = msgspec.json.decode(raw)
        taken = [(path, _take(event, at.split("."))) for at, path in moves.items()]
        for path, value in taken:
            if value is not _ABSENT:
                _put(event, path.split("."), value)
        return msgspec.json.encode(event)

    def page(self, events: Iterable[bytes]) -> bytes:
        """A page of events."""
        keys = [] if self.bare else self.names.get("events", _SAMPLE["events"]).split(".")
        opening = b"".join(b"{" + msgspec.json.encode(key) + b":" for key in keys)
        return opening + b"[" + b",".join(events) + b"]" + b"}" * len(keys)


_ABSENT = object()


def _take(event: dict[str, Any], keys: list[str]) -> object:
    """Remove what stands there, and the object around it if it is empty then."""
    *objects, last = keys
    if not objects:
        return event.pop(last, _ABSENT)
    inner = event.get(objects[0], {})
    value = _take(inner, [*objects[1:], last])
    if not inner:
        event.pop(objects[0], None)
    return value


def _put(event: dict[str, Any], keys: list[str], value: object) -> None:
    for key in keys[:-1]:
        event = event.setdefault(key, {})
    event[keys[-1]] = value


def parse_dialect(text: str) -> Dialect:
    """Read words and `name=value`. ValueError names the culprit and what is known."""
    given: dict[str, Any] = {}
    names: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (part.strip() for part in item.partition("="))
        if name in _WORDS and not equals:
            given[name] = True
        elif name == "head":
            given[name] = int(value) if value.isascii() and value.isdigit() else value
        elif name in _SAMPLE and equals:
            names[name] = value
        else:
            raise ValueError(
                f"unknown dialect {item!r}: known are {', '.join(_WORDS)}, head=204, head=404, and"
                f" name=path for {', '.join(_SAMPLE)}"
            )
    return Dialect(**given, names=names)


_WORDS = ("opaque", "exclusive", "bare")
