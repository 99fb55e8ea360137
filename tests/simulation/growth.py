"""The contents of the feed: where its scans lie, and when each is shown."""

from collections.abc import Sequence
from random import Random

from tests.simulation.faults import Fault
from tests.simulation.making import Maker
from tests.simulation.plan import Plan, Streams
from tests.simulation.scans import MAX_ID_JUMP, Item

_LEAPS = (50, MAX_ID_JUMP - 5, MAX_ID_JUMP + 5, 1_000_000)


def grow(plan: Plan, streams: Streams) -> list[Item]:
    """All that the feed will ever hold, were it true to its word; by place."""
    rng = streams["world"]
    places = _places(plan, rng)
    times = _times(plan, rng, len(places))
    makers = [
        Maker(plan, streams["scans"], place, shown)
        for place, shown in zip(places, times, strict=True)
    ]
    items = _made(plan, makers)
    if Fault.CONFLICT in plan.rates and rng.random() < 0.5:
        items[-1] = makers[-1].conflict()  # which every poll repeats
    if not (plan.can_end_unreadable or items[-1][0].fate.readable):
        items[-1] = [makers[-1].plain()]
    return [variant for item in items for variant in item]


def _made(plan: Plan, makers: Sequence[Maker]) -> list[list[Item]]:
    items: list[list[Item]] = []
    before = makers[0].place
    for maker in makers:
        leaps, before = maker.place - before > plan.least_jump, maker.place
        made = maker.make()
        if leaps and made[0].fault is Fault.POISON_FRAME:
            made = [maker.plain()]
        alone = not items or items[-1][0].fate.readable or not plan.unreadable_alone
        items.append(made if alone or made[0].fate.readable else [maker.plain()])
    return items


def _places(plan: Plan, rng: Random) -> list[int]:
    places, place = [], plan.first_id if plan.can_leap else min(plan.first_id, 2)
    for count in range(plan.backlog + plan.events):
        places.append(place)
        place += rng.randint(2, 18) if plan.sparse and count < plan.backlog else 1
        if rng.random() < plan.rates.get(Fault.MISSING, 0.0):
            place += rng.randint(1, 4)
        if rng.random() < plan.rates.get(Fault.JUMP, 0.0) and plan.can_leap:
            place += rng.choice(_LEAPS)
    return places


def _times(plan: Plan, rng: Random, count: int) -> list[float]:
    """When each place is shown: the backlog long before, the rest in bursts, some of it late."""
    starts = sorted(rng.uniform(0.0, plan.span) for _ in range(max(1, plan.events // 4)))
    shown = [-3600.0 + 10.0 * place for place in range(plan.backlog)]
    shown += sorted(rng.choice(starts) for _ in range(count - len(shown)))
    window = plan.config.feed.late_window
    for place in range(count):
        if rng.random() < plan.rates.get(Fault.LATE, 0.0):
            shown[place] += window * (rng.random() if rng.random() < 0.85 else rng.uniform(1, 3))
    return shown
