"""Bytes of a page -> events, and what had to be turned away.

Two readers. The fast one decodes the whole page into typed structs, in C. Only when that fails
does the careful one look at the page event by event, so that a bad event costs itself alone.
A body whose framing is damaged is `Undecodable`: that may be transport, and costs no event.

| field | accepted | otherwise |
| --- | --- | --- |
| event_id, parcel_id | a JSON integer in 1..2^63-1 | `invalid_event_id`, `invalid_parcel_id` |
| event_id, where ids are opaque | text or an integer, see `core.ids` | `invalid_event_id` |
| created_at | see `core.instant` | `invalid_created_at` |
| type | text or number, not blank; case and space around it are folded | `invalid_field` |
| status_code | text or number; absent or null is "" | `invalid_field` |
| run_id, carrier_id, user_id | text or number; absent or null is null | `invalid_field` |
| device_id, device_transaction_id | text or number; absent or null is null | `invalid_field` |
| what leads to a field, such as User | an object; absent or null is null | `invalid_field` |
| any of the first four absent or null | | `missing_field` |

A key given twice counts with its last value; unknown keys are ignored. What the carrier calls each
field, a `FieldMap` says.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from scand.core.careful import NOT_JSON, CarefulReader
from scand.core.event import IdKind, Reason, Rejected, ScanEvent
from scand.core.fields import SAMPLE, FieldMap, split
from scand.core.ids import KINDS
from scand.core.normalise import Normaliser, Turned
from scand.core.wire import Pages, wire_of


class Undecodable(Exception):  # noqa: N818 - named for what the page is
    """The page as a whole cannot be read; none of its events has been judged."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a page held, in the order of the page; `places` are those of the rejected in it."""

    events: list[ScanEvent]
    rejected: list[Rejected]
    places: Sequence[int] = ()

    def in_order(self) -> Sequence[ScanEvent | Rejected]:
        """All of it, in the order of the page."""
        whole: list[ScanEvent | Rejected] = [*self.events]
        for place, item in zip(self.places, self.rejected, strict=True):
            whole.insert(place, item)
        return whole


class Decoder:
    """Reads the pages of a carrier."""

    def __init__(self, fields: FieldMap = SAMPLE, id_kind: IdKind = "integer") -> None:
        self.fields, self.kind = fields, KINDS[id_kind]
        self._normaliser = Normaliser(fields.of_event(), self.kind)
        self._careful = CarefulReader(fields, self.kind, self._normaliser)
        wire = wire_of(fields, self.kind)
        self._fields, self._patiently = wire.fields, wire.patiently
        self._read_event = msgspec.json.Decoder(wire.event).decode
        self._read_page = Pages(split(fields.events), wire.event).read
        self._read_raw_page = Pages(split(fields.events), msgspec.Raw).read

    def page(self, body: bytes) -> Decoded:
        """Read one page. Raises Undecodable where the page as a whole cannot be read."""
        try:
            return Decoded(self._normalise(self._read_page(body)), [])
        except Exception:  # noqa: BLE001 - whatever it is, it is found event by event
            return self.events(self.split(body))

    def split(self, body: bytes) -> list[bytes]:
        """The bytes of each event of a page. Raises Undecodable."""
        try:
            return [bytes(raw) for raw in self._read_raw_page(body)]
        except msgspec.ValidationError as error:
            raise Undecodable(f"not a page of scan events: {error}") from None
        except NOT_JSON as error:
            raise Undecodable(f"not JSON: {error}") from None

    def events(self, raws: Iterable[bytes]) -> Decoded:
        """Read the events of a page one by one."""
        events, rejected, places = [], [], []
        for place, raw in enumerate(raws):
            match self.event(raw):
                case ScanEvent() as event:
                    events.append(event)
                case Rejected() as turned:
                    rejected.append(turned)
                    places.append(place)
        return Decoded(events, rejected, tuple(places))

    def event(self, raw: bytes) -> ScanEvent | Rejected:
        """Read one event with care: what is wrong with it is named."""
        try:
            return self._normalise([self._read_event(raw)])[0]
        except (Turned, ValueError, RecursionError):  # ValueErrors: no JSON, no UTF-8, no id
            return self._careful.event(raw)
        except Exception as error:  # noqa: BLE001 - a mistake of ours costs one event, not the feed
            return Rejected(Reason.PROCESSING_FAILED, repr(error), raw)

    def _normalise(self, wires: Sequence[msgspec.Struct]) -> list[ScanEvent]:
        try:
            columns = [[*map(field, wires)] for field in self._fields]
        except AttributeError:  # an object on the way to a field is null
            columns = [[*map(field, wires)] for field in self._patiently]
        return self._normaliser.events(columns)


@dataclass(frozen=True, slots=True)
class Body:
    """A page as served, and who can read it again."""

    raw: bytes
    decoder: Decoder

    def raws_of(self, events: Iterable[ScanEvent]) -> dict[ScanEvent, bytes]:
        """The bytes that some events of the page were decoded from.

        Where a page nests so deeply that it cannot be read again, an event is written anew.
        """
        anew = {event: msgspec.json.encode(msgspec.structs.asdict(event)) for event in events}
        try:
            read = [(self.decoder.event(raw), raw) for raw in self.decoder.split(self.raw)]
        except Undecodable:
            return anew
        return anew | {event: raw for event, raw in read if isinstance(event, ScanEvent)}
