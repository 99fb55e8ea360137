"""Runs one seed to its end and says what became of it."""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio
from trio.testing import MockClock

from tests.simulation import chaos
from tests.simulation.faults import Cell, Fault, Invariant, Violation
from tests.simulation.plan import draw
from tests.simulation.rates import ACTIVE
from tests.simulation.scheduler import Guard, deterministic, rewired
from tests.simulation.trace import Trace
from tests.simulation.world import Life, World


@dataclass(frozen=True)
class Outcome:
    """What became of a seed."""

    seed: int
    digest: str
    violation: str | None
    invariant: Invariant | None
    struck: Counter[Fault]
    cells: frozenset[Cell]
    seconds: float
    lives: int
    requests: int
    steps: int
    lines: list[str] = field(default_factory=list)


def run(seed: int, faults: frozenset[Fault] = ACTIVE, *, keep: bool = False) -> Outcome:
    """Simulate one seed, hurt by these faults; `keep` the text of its trace."""
    plan, trace, guard = draw(seed, faults), Trace(keep=keep), Guard()
    world = World(plan, trace)
    ended_at = 0.0
    Violation.found.clear()

    async def main() -> None:
        nonlocal ended_at
        try:
            await live(world)
        finally:
            ended_at = trio.current_time()

    try:
        with (
            collected_later(),
            deterministic(seed),
            rewired(plan, world.streams["jitter"], world.stall, world.file.read),
        ):
            trio.run(main, clock=MockClock(autojump_threshold=0), instruments=[guard])
    except BaseException:
        if not Violation.found:
            raise
    finally:
        world.backend.discard()
    violation = Violation.found[0] if Violation.found else None
    return Outcome(
        seed=seed,
        digest=trace.digest(),
        violation=str(violation) if violation else None,
        invariant=violation.invariant if violation else None,
        struck=world.tally.struck,
        cells=frozenset(world.tally.cells),
        seconds=ended_at,
        lives=world.lives,
        requests=world.carrier.requests,
        steps=guard.steps,
        lines=trace.lines,
    )


@contextmanager
def collected_later() -> Iterator[None]:
    """The garbage collector works when it likes, and could wake up trio with what it finds."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def live(world: World) -> None:
    """One process after the other, until all is well."""
    rng = world.streams["down"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(chaos.turn_clocks, world)
        while not world.well:
            chaos.mistake(world)
            await Life(world).run(chaos.haunt)
            await trio.sleep(min(rng.expovariate(1 / world.plan.down_time), 300.0))
        nursery.cancel_scope.cancel()
    world.checker.recovered()
