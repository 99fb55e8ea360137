"""Makes scans up; what is expected is written down here, not read back from what was made."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from random import Random
from typing import Any
from uuid import UUID

from tests.simulation.faults import Fault
from tests.simulation.plan import Plan
from tests.simulation.scans import UNLISTED, Fate, Item, Name, Row
from tests.support.parts import NOON

_KNOWN = (
    *(("PICKUP", ""), ("STATUS", ""), ("STATUS", ""), ("DELIVERY", "")),
    *(("STATUS", "ORDER_RECEIVED"), ("PICKUP", "DISPATCHED"), ("DELIVERY", "DELIVERED")),
)


@dataclass
class Maker:
    """Makes up one scan."""

    plan: Plan
    rng: Random
    place: int
    shown: float
    epoch: int = 0

    @property
    def name(self) -> Name:
        """The EventId of what is served here."""
        if not self.plan.opaque:
            return self.place
        seed = f"{self.plan.seed}/{self.epoch}/{self.place}".encode()
        return str(UUID(bytes=blake2b(seed, digest_size=16).digest()))

    def make(self) -> list[Item]:
        """The scan, or those that are served one after the other at its place."""
        for fault, make in _KINDS:
            if self.rng.random() < self.plan.rates.get(fault, 0.0):
                return [replace(make(self), fault=fault)]
        if self.rng.random() < self.plan.rates.get(Fault.CONFLICT, 0.0):
            return self.conflict()
        if self.rng.random() < self.plan.rates.get(Fault.REPAIRED, 0.0):
            return self.repaired()
        if self.rng.random() < self.plan.rates.get(Fault.WITHDRAWN, 0.0):
            gone_at = self.shown + self.rng.uniform(0.0, 100.0)
            return [replace(self.plain(), gone_at=gone_at, fault=Fault.WITHDRAWN)]
        return [self.plain()]

    # --- what is as it should be, more or less

    def plain(self) -> Item:
        wire, row = self._scan(*self.rng.choice(_KNOWN))
        return self._item(wire, Fate(row))

    def unknown(self) -> Item:
        wire, row = self._scan(*UNLISTED)
        return self._item(wire, _unlisted(row))

    def nameless(self) -> Item:
        """Without a RunId, which only an open catalogue takes."""
        wire, row = self._scan(*self.rng.choice(_KNOWN))
        wire["User"] = self.rng.choice([{"CarrierId": "NC"}, {"CarrierId": "NC", "RunId": None}])
        return self._item(wire, _unlisted(row | {"run_id": None}))

    def far_future(self) -> Item:
        wire, row = self._scan(*self.rng.choice(_KNOWN))
        wire["CreatedDateTimeUtc"] = row["created_at"] = "9999-12-31T23:59:59.9999999Z"
        late = self.plan.config.feed.order == "created_at"
        return self._item(wire, Fate(None, "far_future") if late else Fate(row))

    def conflict(self) -> list[Item]:
        """Two scans under one id, one after the other."""
        since = self.rng.choice([self.shown, self.plan.heal_at])
        then = max(since, self.shown) + self.rng.uniform(0.0, 60.0)
        one, other = self.plain(), self.plain()
        return [
            replace(one, gone_at=then, fault=Fault.CONFLICT),
            replace(other, shown_at=then, fault=Fault.CONFLICT),
        ]

    def repaired(self) -> list[Item]:
        """What is wrong with a scan, and from some time on the scan as it should be."""
        broken, whole = self.malformed(), self.plain()
        then = self.shown + self.rng.uniform(0.0, 200.0)
        return [
            replace(broken, gone_at=then),
            replace(whole, shown_at=then, fault=Fault.REPAIRED),
        ]

    # --- what is not

    def malformed(self) -> Item:
        wire, _ = self._scan("STATUS", "")
        change, reason = self.rng.choice(_MALFORMED)
        if self.rng.random() < 0.1 and not self.plan.opaque:  # its place can be read all the same
            change, reason = {"EventId": str(self.place)}, "invalid_event_id"
        wire.update(change)
        return self._item(wire, Fate(None, reason))

    def unreadable(self) -> Item:
        wire, _ = self._scan("STATUS", f"at {self.place}")
        name, reason = self.rng.choice(_UNREADABLE)
        if reason == "not_an_object":
            return self._item([name, self.place], Fate(None, reason, readable=False))
        wire["EventId"] = name
        return self._item(wire, Fate(None, reason, readable=False))

    def poison(self) -> Item:
        """What no reader takes for JSON; the careful one finds the id all the same."""
        wire, _ = self._scan("STATUS", "")
        wire["Weight"] = self.rng.choice([float("nan"), float("inf"), "\ud800"])
        return self._item(wire, Fate(None, "not_json"))

    def unframed(self) -> Item:
        wire, _ = self._scan("STATUS", "")
        text = json.dumps(wire | {"Note": "at the door"})
        broken = text.replace(*self.rng.choice(_BREAKS))
        shown = self._item(wire, Fate(None, "unreadable"))
        return replace(shown, raw=broken.encode())

    # --- the parts

    def _item(self, wire: object, fate: Fate) -> Item:
        raw = json.dumps(wire).encode()
        return Item(self.place, self.name, self.shown, raw, fate, epoch=self.epoch)

    def _scan(self, kind: str, status: str) -> tuple[dict[str, Any], Row]:
        rng, number = self.rng, self.rng.randint(1, 40)
        written, created_at = self._instant()
        row = {
            "event_id": self.name,
            "parcel_id": 1 + rng.randrange(self.plan.parcels),
            "type": kind,
            "created_at": created_at,
            "status_code": status,
            "run_id": str(number),
            "carrier_id": "NC",
            "user_id": None,
            "device_id": number,
            "device_transaction_id": self.place,
        }
        return {
            "EventId": self.name,
            "ParcelId": row["parcel_id"],
            "Type": rng.choice([kind, kind, f" {kind.lower()}"]),
            "CreatedDateTimeUtc": written,
            "StatusCode": status or rng.choice(["", None]),
            "Device": {"DeviceTransactionId": self.place, "DeviceId": number},
            "User": {"CarrierId": "NC", "RunId": rng.choice([number, str(number)])},
        }, row

    def _instant(self) -> tuple[str, str]:
        """A time as written, and in normal form; `lag` before it is shown, at the most."""
        rng = self.rng
        lag = self.plan.lag * rng.random()
        moment = datetime.fromtimestamp(NOON + self.shown - lag, UTC).replace(tzinfo=None)
        normal = f"{moment.isoformat(timespec='microseconds')}7Z"
        if rng.random() < 0.8:
            return normal, normal
        east = moment + timedelta(hours=2)
        return f"{east.isoformat(sep=' ', timespec='microseconds')}79 +02:00", normal


def _unlisted(row: Row) -> Fate:
    return Fate(None, "not_in_catalogue", listed=row)


_BREAKS = (('the door"', '"the door"'), ('the door"', "the door"), ('door"}', 'door"'))
"""A quote too many, a quote too few, a brace too few."""

_MALFORMED: Sequence[tuple[dict[str, Any], str]] = (
    ({"ParcelId": None}, "missing_field"),
    ({"Type": None}, "missing_field"),
    ({"CreatedDateTimeUtc": None}, "missing_field"),
    ({"ParcelId": "5001"}, "invalid_parcel_id"),
    ({"ParcelId": 0}, "invalid_parcel_id"),
    ({"ParcelId": 2**63}, "invalid_parcel_id"),
    ({"ParcelId": 7.5}, "invalid_parcel_id"),
    ({"CreatedDateTimeUtc": "yesterday"}, "invalid_created_at"),
    ({"CreatedDateTimeUtc": "2021-02-30T00:00:00Z"}, "invalid_created_at"),
    ({"CreatedDateTimeUtc": "0001-01-01T00:00:00+14:00"}, "invalid_created_at"),
    ({"CreatedDateTimeUtc": 1620820800}, "invalid_created_at"),
    ({"Type": " "}, "invalid_field"),
    ({"Type": {"a": "b"}}, "invalid_field"),
    ({"StatusCode": ["a", "list"]}, "invalid_field"),
    ({"User": "NC1001"}, "invalid_field"),
    ({"Device": {"DeviceId": [103]}}, "invalid_field"),
)

_UNREADABLE: Sequence[tuple[Any, str]] = (
    (None, "missing_field"),
    (7.25, "invalid_event_id"),
    ({"is": "an object"}, "invalid_event_id"),
    ("scan", "not_an_object"),
)

_KINDS: Sequence[tuple[Fault, Callable[[Maker], Item]]] = (
    (Fault.MALFORMED, Maker.malformed),
    (Fault.UNREADABLE, Maker.unreadable),
    (Fault.POISON_PAGE, Maker.poison),
    (Fault.POISON_FRAME, Maker.unframed),
    (Fault.FAR_FUTURE, Maker.far_future),
    (Fault.UNKNOWN, Maker.unknown),
    (Fault.UNKNOWN, Maker.nameless),
    (Fault.POISON_ROW, Maker.plain),
)
