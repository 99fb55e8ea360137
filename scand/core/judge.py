"""Whether a well-formed event is applied: what the catalogue and the calendar say of it.

| | open catalogue | strict catalogue |
| --- | --- | --- |
| unknown (Type, StatusCode), or no RunId | applied, counted | `not_in_catalogue` |

| CreatedDateTimeUtc beyond now + max_future | |
| --- | --- |
| `order = "event_id"` | applied, counted |
| `order = "created_at"` | `far_future`: it would be the parcel's latest for years |
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from scand.core.catalogue import Catalogue
from scand.core.event import Reason, ScanEvent
from scand.core.fields import SAMPLE
from scand.core.instant import instant_at


@dataclass
class Ruling:
    """What was decided about some events: `oddities` counts what was applied all the same."""

    accepted: list[ScanEvent] = field(default_factory=list)
    turned: list[tuple[ScanEvent, Reason, str]] = field(default_factory=list)
    oddities: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Judge:
    """The rules in force; `max_future` in seconds, `created_at` as the carrier calls it."""

    catalogue: Catalogue
    max_future: float = 86400.0
    future_is_fatal: bool = False
    created_at: str = SAMPLE.created_at

    def rule(self, events: Iterable[ScanEvent], now: float) -> Ruling:
        """Judge events at `now` (seconds since 1970)."""
        ruling = Ruling()
        horizon = instant_at(now + self.max_future)
        far_future = f"{self.created_at} is further in the future than feed.max_future"
        for event in events:
            too_far = event.created_at > horizon
            oddity = self.catalogue.oddity(event)
            if too_far and self.future_is_fatal:
                ruling.turned.append((event, Reason.FAR_FUTURE, far_future))
            elif oddity is not None and self.catalogue.strict:
                ruling.turned.append((event, Reason.NOT_IN_CATALOGUE, oddity))
            else:
                ruling.accepted.append(event)
                if too_far:
                    ruling.oddities[far_future] += 1
                if oddity is not None:
                    ruling.oddities[oddity] += 1
        return ruling
