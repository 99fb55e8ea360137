"""The carrier's JSON as typed structs, made for a field map: what msgspec decodes at full speed.

A struct is made for each object on the way to a field. Its members stand in the order of the
carrier's sample, since keys that come in the order of the members are found at once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from scand.core.fields import FieldMap, Path, split
from scand.core.ids import Id, Kind

Text = str | int | None
"""What a field holds that need not be there."""

Columns = Sequence[Sequence[Any]]
"""For each field of `ScanEvent`, in their order, its values in some events, as they came."""

_ORDER = (
    *("event_id", "parcel_id", "type", "created_at", "status_code"),
    *("device_transaction_id", "device_id", "user_id", "carrier_id", "run_id"),
)

Tree = dict[str, "str | Tree"]
"""By the carrier's key: the name of our field, or what is in the object."""


Element = TypeVar("Element")


class Wire(NamedTuple):
    """What decodes events of one shape, and takes their fields out, in the order of `ScanEvent`'s.

    `fields` raise AttributeError where an object on the way is null; then `patiently` serves.
    """

    event: type[msgspec.Struct]
    fields: Sequence[Callable[[msgspec.Struct], Any]]
    patiently: Sequence[Callable[[msgspec.Struct], Any]]


def wire_of(fields: FieldMap, kind: Kind) -> Wire:
    """The struct for an event, and what takes the fields out of one."""
    required = {"event_id": kind.wire, "parcel_id": Id, "type": str | int, "created_at": str}
    paths = {name: split(path) for name, path in fields.of_event().items()}
    struct = _struct(_tree(paths), required)
    places = [[*map(_attribute, path[:-1]), name] for name, path in paths.items()]
    at_once = [attrgetter(".".join(place)) for place in places]
    return Wire(struct, at_once, [partial(_reach, place) for place in places])


class Pages(Generic[Element]):
    """Reads pages: an object that holds the array at some path, or the bare array."""

    def __init__(self, array: Path, element: type[Element]) -> None:
        bare: Any = list[element]  # type: ignore[valid-type]  # it is made while scand runs
        page = bare
        for key in reversed(array):
            page = msgspec.defstruct("Page", [("inner", page)], rename={"inner": key}, gc=False)
        self._read_array = msgspec.json.Decoder(bare).decode
        self._read_page = msgspec.json.Decoder(page).decode
        self._array_in = attrgetter(".".join(["inner"] * len(array)))

    def read(self, body: bytes) -> list[Element]:
        """The elements of a page. Raises what msgspec raises."""
        is_bare = body.lstrip()[:1] == b"["
        elements: list[Element] = (
            self._read_array(body) if is_bare else self._array_in(self._read_page(body))
        )
        return elements


def _tree(paths: Mapping[str, Path]) -> Tree:
    tree: Tree = {}
    for name in _ORDER:
        *objects, last = paths[name]
        below: Any = tree
        for key in objects:
            below = below.setdefault(key, {})
        below[last] = name
    return tree


def _struct(tree: Tree, required: Mapping[str, Any]) -> type[msgspec.Struct]:
    """Frozen, so that an empty one can be the default of an object that may be absent."""
    members: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    rename = {}
    for key, below in tree.items():
        name = below if isinstance(below, str) else _attribute(key)
        rename[name] = key
        if isinstance(below, str):
            needed = name in required
            members.append((name, required[name]) if needed else (name, Text, None))
        elif _leads_to(below, required):
            members.append((name, _struct(below, required)))
        else:
            inner = _struct(below, required)
            members.append((name, inner | None, inner()))
    return msgspec.defstruct("Wire", members, rename=rename, kw_only=True, frozen=True, gc=False)


def _leads_to(tree: Tree, names: Iterable[str]) -> bool:
    return any(
        below in names if isinstance(below, str) else _leads_to(below, names)
        for below in tree.values()
    )


def _attribute(key: str) -> str:
    """A name for the object under a key, which need be no identifier."""
    return "in_" + key.encode().hex()


def _reach(place: Sequence[str], event: msgspec.Struct) -> object:
    value: object = event
    for attribute in place:
        value = getattr(value, attribute, None)
    return value
