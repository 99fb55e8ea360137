"""The events of a world, one after the other: drawn by its seed, rendered once.

Two streams of chance: one moves the parcels, the other draws the faults. So a world with faults
has the same traffic as the one without.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from random import Random

import msgspec

from scand.simulator.dialect import Dialect, EventId
from scand.simulator.faults import DataFaults
from scand.simulator.plan import WorldPlan
from scand.simulator.traffic import Step, Traffic

TICKS = 10_000_000
"""The carrier counts in 100 ns."""

UPLOAD_DELAY = 1.5
"""Seconds, at most, from a scan to its arrival: so ids are not in the order of creation."""


class Scan(msgspec.Struct, frozen=True, gc=False):
    """One event as the carrier knows it, and as it is served."""

    event_id: EventId
    parcel_id: int
    type: str
    status_code: str
    created_at: str
    run_id: str
    raw: bytes
    arrives: float  # seconds from the start
    visible: float  # the same, or later
    valid: bool = True
    known: bool = True
    repeated: bool = False
    whole: bytes = b""  # of a malformed one: as it should have been
    number: int = 0  # counts ids, those that are missing as well


def scans(plan: WorldPlan, starts_at: int) -> Iterator[Scan]:
    """Every scan in the order of numbers. `starts_at` is in ticks since 1970."""
    traffic_dice = Random(f"{plan.seed}/traffic")  # noqa: S311 - chance on demand, no secret
    dice = Random(f"{plan.seed}/faults")  # noqa: S311 - as above
    traffic = Traffic(traffic_dice, plan.under_way)
    number, index, dialect = plan.start_id, 0, plan.dialect
    while plan.events is None or index < plan.events:
        while dice.random() < plan.faults.missing:
            number += 1
        arrives = plan.arrival(index)
        delay = UPLOAD_DELAY * traffic_dice.random()
        created_at = instant(starts_at + int((arrives - delay) * TICKS))
        event_id = dialect.event_id(plan.seed, number)
        scan = _scan(number, event_id, traffic.scan(), created_at, arrives)
        yield _spoken(_mishap(scan, plan, index, dice), dialect)
        number, index = number + 1, index + 1


def repaired(scan: Scan) -> Scan:
    """A scan as it should have been from the start."""
    return scan if scan.valid else msgspec.structs.replace(scan, raw=scan.whole, valid=True)


def instant(ticks: int) -> str:
    """`2021-05-11T21:11:34.1506147Z`."""
    seconds, fraction = divmod(ticks, TICKS)
    return f"{_second(seconds)}.{fraction:07d}Z"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


_TEMPLATE = (
    '{"EventId":%s,"ParcelId":%d,"Type":"%s","CreatedDateTimeUtc":"%s","StatusCode":"%s",'
    '"Device":{"DeviceTransactionId":%d,"DeviceId":%d},'
    '"User":{"UserId":"%s","CarrierId":"%s","RunId":"%s"}}'
)


def _scan(number: int, event_id: EventId, step: Step, created_at: str, arrives: float) -> Scan:
    parcel_id, kind, status, carrier, user, run, device = step
    written = event_id if event_id == number else f'"{event_id}"'
    values = (written, parcel_id, kind, created_at, status, number, device, user, carrier, run)
    raw = (_TEMPLATE % values).encode()
    scanned = (event_id, parcel_id, kind, status, created_at, run, raw, arrives, arrives)
    return Scan(*scanned, number=number)


def _spoken(scan: Scan, dialect: Dialect) -> Scan:
    if not dialect.names:
        return scan
    whole = dialect.event(scan.whole) if scan.whole else b""
    return msgspec.structs.replace(scan, raw=dialect.event(scan.raw), whole=whole)


# --- Mishaps -----------------------------------------------------------------

_UNKNOWN = {
    "PICKUP": (("PICKUP", "LOCKER_EMPTIED"),),
    "STATUS": (("STATUS", "HELD_AT_CUSTOMS"), ("RETURN", "REQUESTED"), ("WEIGHED", "")),
    "DELIVERY": (("DELIVERY", "LEFT_WITH_NEIGHBOUR"),),
}
"""What takes the place of a known pair. The milestones stay, their StatusCode is a new one."""

_ABSENT = object()
_BROKEN: tuple[tuple[str, object], ...] = (
    ("ParcelId", _ABSENT),
    ("ParcelId", 0),
    ("ParcelId", "unknown"),
    ("ParcelId", 2**63),
    ("CreatedDateTimeUtc", _ABSENT),
    ("CreatedDateTimeUtc", "yesterday"),
    ("CreatedDateTimeUtc", "2021-02-30T25:61:00.0000000Z"),
    ("Type", ["PICKUP"]),
    ("Type", None),
    ("StatusCode", {"code": "DELIVERED"}),
    ("EventId", "unreadable"),
    ("EventId", None),
)
_BROKEN_OPAQUE = tuple((name, "" if value == "unreadable" else value) for name, value in _BROKEN)


def _mishap(scan: Scan, plan: WorldPlan, index: int, dice: Random) -> Scan:
    # The dice fall alike whatever the probabilities are: more of one fault moves no other.
    unknown, malformed, repeated, late, choice, lateness = (dice.random() for _ in range(6))
    faults = plan.faults
    if unknown < faults.unknown:
        scan = _renamed(scan, choice)
    if malformed < faults.malformed:
        broken = _BROKEN_OPAQUE if plan.dialect.opaque else _BROKEN
        raw = _broken(scan.raw, broken[int(choice * len(broken))])
        scan = msgspec.structs.replace(scan, raw=raw, valid=False, whole=scan.raw)
    if repeated < faults.duplicates:
        scan = msgspec.structs.replace(scan, repeated=True)
    if late < faults.late and scan.arrives >= -plan.late_horizon:
        visible = _visible_late(plan, faults, index, lateness)
        scan = msgspec.structs.replace(scan, visible=visible)
    return scan


def _visible_late(plan: WorldPlan, faults: DataFaults, index: int, lateness: float) -> float:
    successor = 0.0 if index < plan.at_start else plan.arrival(index + 1)
    return successor + lateness * faults.late_by


def _renamed(scan: Scan, choice: float) -> Scan:
    kinds = _UNKNOWN[scan.type]
    kind, status = kinds[int(choice * len(kinds))]
    event = msgspec.json.decode(scan.raw)
    raw = msgspec.json.encode({**event, "Type": kind, "StatusCode": status})
    return msgspec.structs.replace(scan, type=kind, status_code=status, raw=raw, known=False)


def _broken(raw: bytes, change: tuple[str, object]) -> bytes:
    name, value = change
    event = msgspec.json.decode(raw)
    event[name] = value
    return msgspec.json.encode({key: each for key, each in event.items() if each is not _ABSENT})
