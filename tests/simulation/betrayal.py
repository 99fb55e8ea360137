"""A feed that does not keep what it promised: it begins anew, or has lost its old events."""

from dataclasses import dataclass, replace
from random import Random

from tests.simulation.faults import Fault
from tests.simulation.making import Maker
from tests.simulation.plan import Plan, Streams
from tests.simulation.scans import Item


@dataclass(frozen=True)
class Betrayal:
    """What happened, and when; `lowest` is the least place that is left."""

    fault: Fault
    at: float
    lowest: int


def betray(plan: Plan, items: list[Item], streams: Streams) -> tuple[list[Item], Betrayal | None]:
    """The feed as it is served, by place, and what became of it."""
    rng = streams["betrayal"]
    at = plan.heal_at * rng.uniform(0.1, 0.9)
    if rng.random() < plan.rates.get(Fault.FEED_RESET, 0.0):
        return _reset(plan, items, streams, at)
    if rng.random() < plan.rates.get(Fault.RETENTION, 0.0) and plan.can_leap:
        return _retain(items, rng, at)
    return items, None


def _retain(items: list[Item], rng: Random, at: float) -> tuple[list[Item], Betrayal | None]:
    """Nothing below one of the places shown is left."""
    lasting = [item for item in items if item.visible(at) and item.gone_at == float("inf")]
    if not lasting:
        return items, None
    lowest = rng.choice(lasting).place
    kept = [_end(item, at) if item.place < lowest else item for item in items]
    return kept, Betrayal(Fault.RETENTION, at, lowest)


def _reset(
    plan: Plan, items: list[Item], streams: Streams, at: float
) -> tuple[list[Item], Betrayal | None]:
    """A backup is restored, or nothing is left at all; from there on, ids mean something else."""
    rng = streams["betrayal"]
    shown = [item.place for item in items if item.visible(at)]
    if len(shown) < 4:
        return items, None
    backup = rng.choice([0, shown[len(shown) // 3]])
    old = [item if item.place <= backup else _end(item, at) for item in items]
    place = backup or rng.choice([0, 0, 1, 5])
    new: list[Item] = []
    moment = at + rng.choice([0.0, 0.0, 20.0])
    for _ in range(rng.randint(1, 12)):
        place += rng.choice([1, 1, 1, 1, 3])
        if place >= shown[-1]:
            break
        new += Maker(plan, streams["scans"], place, moment, epoch=1).make()
        moment += rng.choice([0.0, 0.0, rng.expovariate(0.2)])
    everything = sorted([*old, *new], key=lambda item: (item.place, item.shown_at))
    lowest = min(item.place for item in everything if item.gone_at > at) if new else 0
    return everything, Betrayal(Fault.FEED_RESET, at, lowest)


def _end(item: Item, at: float) -> Item:
    """What was not shown before is never shown."""
    return replace(item, gone_at=min(item.gone_at, at))
