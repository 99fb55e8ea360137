"""Parcels on their way: which one is scanned next, where in its life it is, and by whom."""

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

CARRIERS = ("NC", "PH", "CP", "NW")
FIRST_PARCEL = 5001

Scanned = tuple[str, str]
"""Type and StatusCode."""

_OUT = ("STATUS", "OUT_FOR_DELIVERY")
_IN_TRANSIT = ("STATUS", "IN_TRANSIT")


def _route(transits: int, attempts: int) -> tuple[Scanned, ...]:
    return (
        ("STATUS", "ORDER_RECEIVED"),
        ("STATUS", "PREPARING"),
        ("PICKUP", "DISPATCHED"),
        *(_IN_TRANSIT,) * transits,
        *(_OUT, _IN_TRANSIT) * (attempts - 1),
        _OUT,
        ("DELIVERY", "DELIVERED"),
    )


# One parcel in sixteen needs a second attempt; one is scanned by devices that send no StatusCode.
_ROUTES = (
    *(_route(1 + turn % 4, 1) for turn in range(14)),
    _route(2, 2),
    tuple((kind, "") for kind, _ in _route(2, 1)),
)
_COLLECTION = 3
"""So many scans belong to the run that collects a parcel, the others to the one that brings it."""


class Step(NamedTuple):
    """One scan, but for its id and its time."""

    parcel_id: int
    type: str
    status_code: str
    carrier_id: str
    user_id: str
    run_id: str
    device_id: int


@dataclass(slots=True)
class _UnderWay:
    parcel_id: int
    carrier: str
    runs: tuple[int, int]
    route: tuple[Scanned, ...]
    scans: int = 0

    def scan(self) -> Step:
        kind, status = self.route[self.scans]
        run = self.runs[self.scans >= _COLLECTION]
        self.scans += 1
        user = f"{self.carrier}{1001 + run % 20}"
        return Step(self.parcel_id, kind, status, self.carrier, user, str(run), 100 + run % 9)

    @property
    def delivered(self) -> bool:
        return self.scans == len(self.route)


class Traffic:
    """A fixed number of parcels under way; where one is delivered, a new one takes its place."""

    def __init__(self, dice: Random, parcels: int) -> None:
        self._dice = dice
        self._next_id = FIRST_PARCEL
        # Filled as they are drawn, so that parcels are numbered as they first appear.
        self._slots: list[_UnderWay | None] = [None] * parcels

    def scan(self) -> Step:
        slot = int(self._dice.random() * len(self._slots))
        parcel = self._slots[slot] or self._new_parcel()
        step = parcel.scan()
        self._slots[slot] = None if parcel.delivered else parcel
        return step

    def _new_parcel(self) -> _UnderWay:
        parcel_id = self._next_id
        self._next_id += 1
        draw = self._dice.random
        runs = (100 + int(draw() * 50), 200 + int(draw() * 50))
        route = _ROUTES[int(draw() * len(_ROUTES))]
        return _UnderWay(parcel_id, CARRIERS[int(draw() * len(CARRIERS))], runs, route)
