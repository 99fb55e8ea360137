"""Reads one event field by field, to name the first that is wrong.

Slower than the structs in `wire`, and kinder: a number with a fraction is read as it was written
where text is due.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from scand.core.event import Reason, Rejected, ScanEvent
from scand.core.fields import FieldMap, Path, split
from scand.core.ids import Id, Kind, recover_integer
from scand.core.normalise import Normaliser, Turned
from scand.core.wire import Columns

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not JSON text; RecursionError is for deep nesting."""

_T = TypeVar("_T")
_Object = Mapping[str, msgspec.Raw]
_read_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NULL = b"null"


class CarefulReader:
    """Reads events of one shape."""

    def __init__(self, fields: FieldMap, kind: Kind, normaliser: Normaliser) -> None:
        self._kind, self._normaliser = kind, normaliser
        self._paths = {name: split(path) for name, path in fields.of_event().items()}
        self._readers: dict[str, tuple[Callable[[bytes], Any], Reason]] = {
            "event_id": (kind.read, Reason.INVALID_EVENT_ID),
            "parcel_id": (_parcel_id, Reason.INVALID_PARCEL_ID),
            "type": (_text_or_number, Reason.INVALID_FIELD),
            "created_at": (_string, Reason.INVALID_CREATED_AT),
        }

    def event(self, raw: bytes) -> ScanEvent | Rejected:
        """The event, or what is wrong with it."""
        try:
            fields = _read_object(raw)
        except msgspec.ValidationError:
            return Rejected(Reason.NOT_AN_OBJECT, "an event is a JSON object", raw)
        except NOT_JSON as error:
            return Rejected(Reason.NOT_JSON, str(error), raw)
        try:
            return self._normaliser.events(self._columns(fields))[0]
        except Turned as turned:
            event_id = self._kind.recover(self._raw(fields, "event_id"))
            parcel_id = recover_integer(self._raw(fields, "parcel_id"))
            return Rejected(turned.reason, turned.detail, raw, event_id, parcel_id)

    def _columns(self, fields: _Object) -> Columns:
        return [[self._value(fields, name, path)] for name, path in self._paths.items()]

    def _value(self, fields: _Object, name: str, path: Path) -> object:
        raw = _find(fields, path)
        if name in self._readers:
            if raw == _NULL:
                raise Turned(Reason.MISSING_FIELD, f"{'.'.join(path)}: absent or null")
            return _read(raw, path, *self._readers[name])
        return None if raw == _NULL else _read(raw, path, _text_or_number)

    def _raw(self, fields: _Object, name: str) -> bytes:
        """What stands for a field of an event that is rejected, if anything does."""
        try:
            return _find(fields, self._paths[name])
        except Turned:
            return b""


def _find(fields: _Object, path: Path) -> bytes:
    """What stands at `path`; null if nothing does. Raises Turned for what leads nowhere."""
    *objects, last = path
    for depth, key in enumerate(objects, 1):
        raw = bytes(fields.get(key, _NULL))
        if raw == _NULL:
            return _NULL
        fields = _read(raw, path[:depth], _read_object)
    return bytes(fields.get(last, _NULL))


def _read(
    raw: bytes, path: Path, read: Callable[[bytes], _T], reason: Reason = Reason.INVALID_FIELD
) -> _T:
    try:
        return read(raw)
    except (ValueError, RecursionError) as error:  # ValueErrors: no JSON, no UTF-8, no id
        raise Turned(reason, f"{'.'.join(path)}: {error}") from None


_parcel_id = msgspec.json.Decoder(Id).decode
_string = msgspec.json.Decoder(str).decode
_scalar = msgspec.json.Decoder(str | int | float).decode


def _text_or_number(raw: bytes) -> str | int:
    """As the fast reader has it; a fraction as it was written: `1.50` stays `1.50`."""
    value = _scalar(raw)
    return raw.decode("ascii") if isinstance(value, float) else value
