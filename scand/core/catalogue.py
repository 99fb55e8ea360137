"""Which (Type, StatusCode) pairs are known, and what happens to the others.

| mode | an unknown pair, or an event without RunId |
| --- | --- |
| open | is applied, counted, and logged once |
| strict | is a dead letter, `not_in_catalogue`, which replays after the list was extended |
"""

from collections.abc import Iterable
from dataclasses import dataclass

from scand.core.event import ScanEvent
from scand.core.fields import SAMPLE

SHIPPED = (
    "PICKUP",
    "STATUS",
    "DELIVERY",
    "STATUS/ORDER_RECEIVED",
    "STATUS/PREPARING",
    "PICKUP/DISPATCHED",
    "STATUS/IN_TRANSIT",
    "STATUS/OUT_FOR_DELIVERY",
    "DELIVERY/DELIVERED",
)
"""The pairs known by default, written `TYPE` or `TYPE/STATUS_CODE`."""


@dataclass(frozen=True)
class Catalogue:
    """The pairs that are known, and whether only they are applied.

    `run_id` is what the carrier calls it.
    """

    known: frozenset[tuple[str, str]]
    strict: bool = False
    run_id: str = SAMPLE.run_id

    @classmethod
    def of(
        cls,
        entries: Iterable[str] = SHIPPED,
        *,
        strict: bool = False,
        run_id: str = SAMPLE.run_id,
    ) -> "Catalogue":
        """From entries written `TYPE` or `TYPE/STATUS_CODE`."""
        pairs = (entry.partition("/") for entry in entries)
        known = frozenset((kind.strip().upper(), status) for kind, _, status in pairs)
        return cls(known, strict, run_id)

    def oddity(self, event: ScanEvent) -> str | None:
        """What is unfamiliar about an event, or None. In strict mode such an event is rejected."""
        if (event.type, event.status_code) not in self.known:
            return f"{event.type}/{event.status_code} is not in the catalogue"
        if event.run_id is None:
            return f"{self.run_id} is absent"
        return None
