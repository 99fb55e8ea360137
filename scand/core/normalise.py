"""The values of an event as they came -> the event as scand holds it."""

from collections.abc import Mapping

from scand.core.event import MAX_ID, Reason, ScanEvent
from scand.core.ids import Kind
from scand.core.instant import parse_instant
from scand.core.wire import Text, Values


class Turned(Exception):  # noqa: N818 - what happened to an event, not whose error it was
    """An event is not what it should be."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class Normaliser:
    """Makes events; `names` is what the carrier calls our fields."""

    def __init__(self, names: Mapping[str, str], kind: Kind) -> None:
        self._names, self._check = names, kind.check

    def event(self, values: Values) -> ScanEvent:
        """Raises Turned for values that are no event, and ValueError for an id that is none."""
        event_id, parcel_id, kind, created_at, status, run, carrier, user, device, action = values
        if self._check is not None:
            event_id = self._check(event_id)
        if not (folded := _fold_type(kind)):
            raise Turned(Reason.INVALID_FIELD, f"{self._names['type']}: blank")
        try:
            instant = parse_instant(created_at)
        except ValueError as error:
            detail = f"{self._names['created_at']}: {error}"
            raise Turned(Reason.INVALID_CREATED_AT, detail) from None
        return ScanEvent(
            event_id,
            parcel_id,
            folded,
            instant,
            _text(status) or "",
            _text(run),
            _text(carrier),
            _text(user),
            _storable(device),
            _storable(action),
        )


def _fold_type(value: str | int) -> str:
    return str(value).strip().upper()


def _text(value: Text) -> str | None:
    return str(value) if isinstance(value, int) else value


def _storable(value: Text) -> Text:
    return str(value) if isinstance(value, int) and abs(value) > MAX_ID else value
