"""What settings must be of each other, said of the setting that is at odds."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from scand.core.event import MAX_ID, IdKind
from scand.core.ids import KINDS, opaque_id


class Misfit(NamedTuple):
    """A setting of a section, its value, and what is wrong with that."""

    setting: str
    value: object
    why: str


def refuse(misfits: Iterable[Misfit]) -> None:
    """Raise, if there are any, what pydantic makes errors of: one per setting, with its key."""
    errors = [
        InitErrorDetails(
            type=PydanticCustomError("misfit", "{why}", {"why": why}), loc=(setting,), input=value
        )
        for setting, value, why in misfits
    ]
    if errors:
        raise ValidationError.from_exception_data("settings", errors)


def _start_of_integers(start: int | str) -> int | str:
    if start != "head" and not (isinstance(start, int) and 1 <= start <= MAX_ID):
        raise ValueError('an EventId of 1 or more is needed, or "head"')
    return start


def _start_of_opaque(start: int | str) -> int | str:
    return start if start == 1 else opaque_id(start)


START: Mapping[IdKind, Callable[[int | str], int | str]] = {
    "integer": _start_of_integers,
    "opaque": _start_of_opaque,
}
"""By the kind of ids, what checks where to start; raises ValueError. 1 is the beginning of both."""

_OPAQUE_IDS_NEED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "order": (lambda order: order == "created_at", '"created_at": such ids have no order'),
    "limit": (
        lambda limit: limit >= KINDS["opaque"].least_limit,
        "2 or more: a page begins with the last event of the one before",
    ),
    "start_from": (lambda start: start != "head", "an id: their head cannot be looked for"),
    "from": (lambda server: server != "exclusive", '"inclusive": a page begins with FromEventId'),
}


def at_odds_with_opaque_ids(settings: Mapping[str, object]) -> Iterable[Misfit]:
    """The settings that cannot be, where id_kind is "opaque"."""
    for setting, (fits, needed) in _OPAQUE_IDS_NEED.items():
        if not fits(settings[setting]):
            yield Misfit(setting, settings[setting], f'id_kind = "opaque" needs {needed}')
