"""Bytes of a page -> events, and what had to be turned away.

Two readers. The fast one decodes the whole page into typed structs, in C. Only when that fails
does the careful one look at the page event by event, so that a bad event costs itself alone.
A body whose framing is damaged is `Undecodable`: that may be transport, and costs no event.

| field | accepted | otherwise |
| --- | --- | --- |
| EventId, ParcelId | a JSON integer in 1..2^63-1 | `invalid_event_id`, `invalid_parcel_id` |
| CreatedDateTimeUtc | see `core.instant` | `invalid_created_at` |
| Type | text or number, not blank; case and space around it are folded | `invalid_field` |
| StatusCode | text or number; absent or null is "" | `invalid_field` |
| RunId, CarrierId, UserId | text or number; absent or null is null | `invalid_field` |
| DeviceId, DeviceTransactionId | text or number; absent or null is null | `invalid_field` |
| User, Device | an object; absent or null is null | `invalid_field` |
| any of the first four absent or null | | `missing_field` |

A key given twice counts with its last value; unknown keys are ignored.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec

from scand.core.event import MAX_ID, Reason, Rejected, ScanEvent
from scand.core.instant import parse_instant

_Id = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
_Text = str | int | None
_T = TypeVar("_T")


class Undecodable(Exception):  # noqa: N818 - named for what the page is
    """The page as a whole cannot be read; none of its events has been judged."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a page held, in the order of the page."""

    events: list[ScanEvent]
    rejected: list[Rejected]


class _User(msgspec.Struct, gc=False):
    UserId: _Text = None
    CarrierId: _Text = None
    RunId: _Text = None


class _Device(msgspec.Struct, gc=False):
    DeviceTransactionId: _Text = None
    DeviceId: _Text = None


class _WireEvent(msgspec.Struct, gc=False):
    EventId: _Id
    ParcelId: _Id
    Type: str | int
    CreatedDateTimeUtc: str
    StatusCode: _Text = None
    Device: _Device | None = None
    User: _User | None = None


class _Page(msgspec.Struct, gc=False):
    ScanEvents: list[_WireEvent]


class _RawPage(msgspec.Struct, gc=False):
    ScanEvents: list[msgspec.Raw]


_read_page = msgspec.json.Decoder(_Page).decode
_read_array = msgspec.json.Decoder(list[_WireEvent]).decode
_read_raw_page = msgspec.json.Decoder(_RawPage).decode
_read_raw_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_event = msgspec.json.Decoder(_WireEvent).decode
_read_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

# What msgspec raises for bytes that are not JSON text; RecursionError is its word for deep nesting.
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode_page(body: bytes) -> Decoded:
    """Read one page. Raises Undecodable where the page as a whole cannot be read."""
    try:
        wires = _read_array(body) if _is_array(body) else _read_page(body).ScanEvents
        return Decoded([_normalise(wire) for wire in wires], [])
    except Exception:  # noqa: BLE001 - whatever it is, it is found event by event
        return _decode_carefully(split_page(body))


def split_page(body: bytes) -> list[bytes]:
    """The bytes of each event of a page. Raises Undecodable."""
    try:
        raws = _read_raw_array(body) if _is_array(body) else _read_raw_page(body).ScanEvents
    except msgspec.ValidationError as error:
        raise Undecodable(f"not a page of scan events: {error}") from None
    except _NOT_JSON as error:
        raise Undecodable(f"not JSON: {error}") from None
    return [bytes(raw) for raw in raws]


def decode_event(raw: bytes) -> ScanEvent | Rejected:
    """Read one event with care: what is wrong with it is named."""
    try:
        return _normalise(_read_event(raw))
    except (_Turned, *_NOT_JSON):
        return _diagnose(raw)
    except Exception as error:  # noqa: BLE001 - a mistake of ours costs one event, not the feed
        return Rejected(Reason.PROCESSING_FAILED, repr(error), raw)


def raws_of(body: bytes, events: Iterable[ScanEvent]) -> dict[ScanEvent, bytes]:
    """The bytes that some events of a page were decoded from.

    Where a page nests so deeply that it cannot be read again, an event is written anew.
    """
    anew = {event: msgspec.json.encode(msgspec.structs.asdict(event)) for event in events}
    try:
        read = [(decode_event(raw), raw) for raw in split_page(body)]
    except Undecodable:
        return anew
    return anew | {event: raw for event, raw in read if isinstance(event, ScanEvent)}


def _is_array(body: bytes) -> bool:
    return body.lstrip()[:1] == b"["


def _decode_carefully(raws: list[bytes]) -> Decoded:
    decoded = Decoded([], [])
    for raw in raws:
        match decode_event(raw):
            case ScanEvent() as event:
                decoded.events.append(event)
            case Rejected() as rejected:
                decoded.rejected.append(rejected)
    return decoded


class _Turned(Exception):  # noqa: N818 - internal signal
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def _normalise(wire: _WireEvent) -> ScanEvent:
    try:
        created_at = parse_instant(wire.CreatedDateTimeUtc)
    except ValueError as error:
        raise _Turned(Reason.INVALID_CREATED_AT, f"CreatedDateTimeUtc: {error}") from None
    user, device = wire.User or _NO_USER, wire.Device or _NO_DEVICE
    return ScanEvent(
        wire.EventId,
        wire.ParcelId,
        _fold_type(wire.Type),
        created_at,
        _text(wire.StatusCode) or "",
        _text(user.RunId),
        _text(user.CarrierId),
        _text(user.UserId),
        _storable(device.DeviceId),
        _storable(device.DeviceTransactionId),
    )


_NO_USER, _NO_DEVICE = _User(), _Device()


def _fold_type(value: str | int) -> str:
    folded = str(value).strip().upper()
    if not folded:
        raise _Turned(Reason.INVALID_FIELD, "Type: blank")
    return folded


def _text(value: _Text) -> str | None:
    return str(value) if isinstance(value, int) else value


def _storable(value: _Text) -> _Text:
    return str(value) if isinstance(value, int) and abs(value) > MAX_ID else value


# --- the careful reader ------------------------------------------------------


def _diagnose(raw: bytes) -> ScanEvent | Rejected:
    """Field by field, to name the first that is wrong; reads numbers as text where text is due."""
    try:
        fields = _read_fields(raw)
    except msgspec.ValidationError:
        return Rejected(Reason.NOT_AN_OBJECT, "an event is a JSON object", raw)
    except _NOT_JSON as error:
        return Rejected(Reason.NOT_JSON, str(error), raw)
    try:
        return _normalise(_read_wire(fields))
    except _Turned as turned:
        ids = [_readable_id(fields.get(name)) for name in ("EventId", "ParcelId")]
        return Rejected(turned.reason, turned.detail, raw, *ids)


def _read_wire(fields: Mapping[str, msgspec.Raw]) -> _WireEvent:
    user, device = _object(fields, "User"), _object(fields, "Device")
    return _WireEvent(
        _field(fields, "EventId", _id, Reason.INVALID_EVENT_ID),
        _field(fields, "ParcelId", _id, Reason.INVALID_PARCEL_ID),
        _field(fields, "Type", _text_or_number),
        _field(fields, "CreatedDateTimeUtc", _string, Reason.INVALID_CREATED_AT),
        _optional(fields, "StatusCode"),
        _Device(_optional(device, "DeviceTransactionId"), _optional(device, "DeviceId")),
        _User(*(_optional(user, name) for name in ("UserId", "CarrierId", "RunId"))),
    )


def _field(
    fields: Mapping[str, msgspec.Raw],
    name: str,
    read: Callable[[bytes], _T],
    reason: Reason = Reason.INVALID_FIELD,
) -> _T:
    raw = bytes(fields.get(name, b"null"))
    if raw == b"null":
        raise _Turned(Reason.MISSING_FIELD, f"{name}: absent or null")
    try:
        return read(raw)
    except (ValueError, *_NOT_JSON) as error:
        raise _Turned(reason, f"{name}: {error}") from None


def _optional(fields: Mapping[str, msgspec.Raw], name: str) -> _Text:
    if bytes(fields.get(name, b"null")) == b"null":
        return None
    return _field(fields, name, _text_or_number)


def _object(fields: Mapping[str, msgspec.Raw], name: str) -> Mapping[str, msgspec.Raw]:
    if bytes(fields.get(name, b"null")) == b"null":
        return {}
    return _field(fields, name, _read_fields)


_id = msgspec.json.Decoder(_Id).decode
_string = msgspec.json.Decoder(str).decode
_scalar = msgspec.json.Decoder(str | int | float).decode


def _text_or_number(raw: bytes) -> str | int:
    """As the fast reader has it; a fraction as it was written: `1.50` stays `1.50`."""
    value = _scalar(raw)
    return raw.decode("ascii") if isinstance(value, float) else value


def _readable_id(raw: msgspec.Raw | None) -> int | None:
    """An id of an event that is rejected, so that its place in the feed, or its parcel, is known.

    Read with more leniency than an accepted one: `"12"` and `12.0` tell it well enough.
    """
    text = bytes(raw or b"").strip(b'"')
    try:
        value = msgspec.json.decode(text, type=int, strict=False)
    except _NOT_JSON:
        return None
    return value if 1 <= value <= MAX_ID else None
