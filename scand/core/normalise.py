"""The values of events as they came -> the events as scand holds them.

A page goes column by column: most of a column is as it should be, and C finds that out. Whatever
is wrong with one event costs its page a second look, event by event.
"""

from collections.abc import Mapping, Sequence

from scand.core.event import MAX_ID, Reason, ScanEvent
from scand.core.ids import Kind
from scand.core.instant import parse_instants
from scand.core.wire import Columns, Text

_STRINGS = {str, type(None)}


class Turned(Exception):  # noqa: N818 - what happened to an event, not whose error it was
    """An event is not what it should be."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class Normaliser:
    """Makes events; `names` is what the carrier calls our fields."""

    def __init__(self, names: Mapping[str, str], kind: Kind) -> None:
        self._names, self._check = names, kind.check

    def events(self, columns: Columns) -> list[ScanEvent]:
        """Raises Turned where values are no event, and ValueError where an id is none."""
        event_ids, parcel_ids, kinds, created_at, statuses, *texts, device, action = columns
        if self._check is not None:
            event_ids = [*map(self._check, event_ids)]
        types = self._types(kinds)
        try:
            instants = parse_instants(created_at)
        except ValueError as error:
            detail = f"{self._names['created_at']}: {error}"
            raise Turned(Reason.INVALID_CREATED_AT, detail) from None
        normal = (
            *(event_ids, parcel_ids, types, instants),
            [status or "" for status in _texts(statuses)],
            *map(_texts, texts),
            *map(_storable, (device, action)),
        )
        return [*map(ScanEvent, *normal)]

    def _types(self, column: Sequence[str | int]) -> list[str]:
        folded = {kind: str(kind).strip().upper() for kind in set(column)}
        if not all(folded.values()):
            raise Turned(Reason.INVALID_FIELD, f"{self._names['type']}: blank")
        return [folded[kind] for kind in column]


def _texts(column: Sequence[Text]) -> Sequence[str | None]:
    if _STRINGS.issuperset(map(type, column)):
        return column  # type: ignore[return-value]  # it has just been looked at
    return [str(value) if isinstance(value, int) else value for value in column]


def _storable(column: Sequence[Text]) -> Sequence[Text]:
    return [
        str(value) if isinstance(value, int) and abs(value) > MAX_ID else value for value in column
    ]
