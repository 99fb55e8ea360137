"""The oracle: what a client that lost nothing must know. It shares no code with scand."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.simulation.scans import Item, Row

Parcel = dict[str, Any]

MILESTONES = (("picked_up", "PICKUP"), ("delivered", "DELIVERY"))


def fold(rows: Iterable[Row], order: str) -> dict[int, Parcel]:
    """The parcels that follow from these events, by ParcelId, as columns of the store."""
    by_parcel: dict[int, list[Row]] = {}
    for row in rows:
        by_parcel.setdefault(row["parcel_id"], []).append(row)
    return {parcel_id: parcel_of(mine, order) for parcel_id, mine in by_parcel.items()}


def parcel_of(rows: list[Row], order: str) -> Parcel:
    """One parcel, from all its events."""
    ordered = sorted(rows, key=lambda row: row["event_id"])
    if order == "created_at":  # a stable sort: EventId decides between equals
        ordered.sort(key=lambda row: row["created_at"])
    latest = ordered[-1]
    parcel = {name: latest[name] for name in _LATEST}
    for milestone, kind in MILESTONES:
        first = next((row for row in ordered if row["type"] == kind), None)
        parcel[f"{milestone}_event_id"] = first and first["event_id"]
        parcel[f"{milestone}_at"] = first and first["created_at"]
    return parcel


_LATEST = ("parcel_id", "event_id", "type", "created_at", "status_code", "run_id")


class Promise(NamedTuple):
    """What is served at a place, one thing after the other, without a break and for ever.

    It must be found if it was shown within `late_window` of the first one `beyond` it.
    """

    variants: list[Item]
    beyond: float

    @property
    def late_by(self) -> float:
        """Seconds after the first one beyond it."""
        return self.variants[0].shown_at - self.beyond


def promises(items: Iterable[Item]) -> list[Promise]:
    """What must be found, if it is not too late."""
    places: dict[tuple[int, int], list[Item]] = {}
    for item in items:
        places.setdefault((item.epoch, item.place), []).append(item)
    beyond = _first_beyond(places)
    return [Promise(variants, beyond[at]) for at, variants in places.items() if _for_ever(variants)]


def late(items: Iterable[Item]) -> set[int]:
    """The places that are shown after one beyond them."""
    places = {(item.epoch, item.place): [item] for item in reversed(list(items))}
    beyond = _first_beyond(places)
    return {
        place for (epoch, place), (item,) in places.items() if item.shown_at > beyond[epoch, place]
    }


def _first_beyond(places: dict[tuple[int, int], list[Item]]) -> dict[tuple[int, int], float]:
    """When the first place beyond each was shown, within its epoch."""
    beyond: dict[tuple[int, int], float] = {}
    epoch, earliest = -1, float("inf")
    for at in sorted(places, reverse=True):
        if at[0] != epoch:
            epoch, earliest = at[0], float("inf")
        beyond[at] = earliest
        earliest = min(earliest, places[at][0].shown_at)
    return beyond


def _for_ever(variants: list[Item]) -> bool:
    """Whether from the first one on there is always one to be had."""
    ends = [item.gone_at for item in variants]
    return ends[-1] == float("inf") and all(
        following.shown_at <= end for end, following in zip(ends, variants[1:], strict=False)
    )
