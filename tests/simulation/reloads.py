"""Operators who edit the configuration file, and have the daemon read it again."""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import trio

from tests.simulation.configuration import FIXED, MISTAKES, Said
from tests.simulation.faults import Fault
from tests.simulation.world import Life

TIMES = (1, 1, 1, 1, 7)
"""Reloads in a row, there and back."""

PAUSES = (0.0, 0.0, 0.01, 1.0)
"""Seconds between two of them."""

SOON = 2.0
"""Seconds after a process has begun, or after the last reload, in which it is at work."""


async def reload_now_and_then(life: Life) -> None:
    """Change what can be changed while the daemon runs."""

    def draw(rng: Random) -> Said:
        return {**life.world.file.in_force, **_change(rng, life.plan.reloadable)}

    await _now_and_then(life, Fault.RELOADED, draw)


async def misread_now_and_then(life: Life) -> None:
    """Change that, and what cannot be changed: nothing of it may be applied."""

    def draw(rng: Random) -> Said:
        before = life.world.file.in_force
        changed = {**before, **_change(rng, life.plan.reloadable)}
        if rng.random() < 0.5:
            return {**changed, **dict([rng.choice(MISTAKES)])}
        key = rng.choice(list(FIXED))
        others = [value for value in FIXED[key] if value != before[key]]
        return {**changed, key: rng.choice(others)}

    await _now_and_then(life, Fault.UNLOADED, draw)


def _change(rng: Random, values: Mapping[str, Sequence[Any]]) -> Said:
    keys = rng.sample(list(values), rng.randint(1, 5))
    return {key: rng.choice(values[key]) for key in keys}


async def _now_and_then(life: Life, fault: Fault, draw: Callable[[Random], Said]) -> None:
    world, rate = life.world, life.plan.rates.get(fault, 0.0)
    rng = world.streams[fault.name]
    while rate and not world.healed:
        soon = rng.random() < 0.2
        await trio.sleep(rng.uniform(0.0, SOON) if soon else rng.expovariate(rate))
        before, after = world.file.in_force, draw(rng)
        for turn in range(rng.choice(TIMES)):
            if world.healed or life.connection.dead:
                return
            world.file.said = (after, before)[turn % 2]
            await _reload(life, rng)
            await trio.sleep(rng.choice(PAUSES))


async def _reload(life: Life, rng: Random) -> None:
    """By signal, or by command."""
    if rng.random() < 0.5:
        life.reloader.ask()
    else:
        await life.reloader.reload(life.heard)
