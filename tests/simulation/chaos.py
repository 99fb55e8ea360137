"""Who is hurt, and when, until the world heals; and who waits then for all to be well."""

from collections.abc import Callable
from contextlib import suppress

import trio

from scand.core.errors import StoreError
from tests.simulation import operators
from tests.simulation.backends import Power
from tests.simulation.faults import Fault, Invariant, Violation
from tests.simulation.plan import Plan
from tests.simulation.rates import ENDINGS
from tests.simulation.scheduler import crash, descendants
from tests.simulation.store import Crash
from tests.simulation.world import Life, World

PATIENCE = 30.0
"""Seconds that a process is given to do what it is to be killed at."""


async def haunt(life: Life) -> None:
    """All that happens to one process from outside."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_crash_actors, life)
        nursery.start_soon(_end, life)
        nursery.start_soon(operators.operate, life)
        nursery.start_soon(_see_it_recover, life)


async def turn_clocks(world: World) -> None:
    """Let the wall clock jump; when the world heals, it is set right."""
    rng, rates = world.streams["clock"], world.plan.rates
    while not world.healed:
        jumps = [fault for fault in (Fault.CLOCK_FORWARD, Fault.CLOCK_BACK) if fault in rates]
        if not jumps:
            return
        fault = rng.choice(jumps)
        await _sleep_hot(world, rng.expovariate(rates[fault]))
        if not world.healed:
            size = rng.choice([rng.uniform(1.0, 60.0), rng.uniform(60.0, 7200.0)])
            world.clock.jump(size if fault is Fault.CLOCK_FORWARD else -size)
            world.strike(fault)
    world.clock.correct()
    world.trace.note("clock", "right")


def is_actor(task: trio.lowlevel.Task) -> bool:
    """Not what supervises: a housekeeper is one while it works, and who serves reloads."""
    if "supervise" not in task.name:
        return "limit_drain" not in task.name
    running = {frame.f_code.co_name for frame, _ in task.iter_await_frames()}
    return not running.isdisjoint({"keep_house", "serve"})


def mistake(world: World) -> None:
    """Somebody starts scand with another configuration; it must refuse to touch the store."""
    rng, rate = world.streams["mistake"], world.plan.rates.get(Fault.MISTAKEN, 0.0)
    if not rate or not world.lives or world.healed or rng.random() >= rate:
        return
    name, value = rng.choice(list(_MISTAKES.items()))
    with suppress(StoreError):
        world.backend.open(world.identity(**{name: value(world.plan)}))
        raise Violation(Invariant.I5, f"a store of another {name} was accepted")
    world.backend.kill()
    world.strike(Fault.MISTAKEN)


_MISTAKES: dict[str, Callable[[Plan], str]] = {
    "name": lambda _: "another",
    "order": lambda plan: "event_id" if plan.config.feed.order == "created_at" else "created_at",
    "id_kind": lambda plan: "integer" if plan.opaque else "opaque",
}
"""What the configuration may say that is not so."""


async def _sleep_hot(world: World, seconds: float) -> None:
    """Sleep, but not longer than until the world heals."""
    left = world.plan.heal_at - trio.current_time()
    await trio.sleep(max(0.0, min(seconds, left)))


async def _crash_actors(life: Life) -> None:
    world, rng = life.world, life.world.streams["crash"]
    rate = world.plan.rates.get(Fault.CRASH, 0.0)
    while rate and not world.healed:
        await _sleep_hot(world, rng.expovariate(rate))
        actors = [task for task in descendants(life.tree) if is_actor(task)]
        if rng.random() < 0.5:  # they are few, and the only ones to have something in their hands
            actors = [task for task in actors if "stalled" in task.name] or actors
        if actors and not world.healed and not life.connection.dead:
            victim = rng.choice(actors)
            if crash(victim, Crash("a bug")):
                world.strike(Fault.CRASH)
                world.trace.note("crash", victim.name)


async def _end(life: Life) -> None:
    """Bring a process to its end, one way or the other."""
    world, rng = life.world, life.world.streams["end"]
    ways = sorted(fault for fault in ENDINGS & world.plan.rates.keys())
    if isinstance(world.backend, Power):
        ways = [fault for fault in ways if fault is not Fault.KILL]
    else:
        ways = [fault for fault in ways if fault is not Fault.POWER]
    if not ways:
        return
    await _sleep_hot(world, rng.expovariate(1 / world.plan.life))
    if not world.healed:
        _ENDS.get(rng.choice(ways), _kill)(life)
        await _sleep_hot(world, PATIENCE)
        if life.asked_to_end == float("inf"):
            life.die(Fault.POWER if isinstance(world.backend, Power) else Fault.KILL)


def _stop(life: Life) -> None:
    life.stop(Fault.STOP)


def _kill(life: Life) -> None:
    """At a statement, at a write, or here and now."""
    rng, backend = life.world.streams["end"], life.world.backend
    if isinstance(backend, Power):
        if rng.random() < 0.7:
            backend.disk.cut_after(rng.randint(1, 12))
        else:
            life.die(Fault.POWER)
    elif rng.random() < 0.7:
        life.connection.doom(rng.randrange(15))
    else:
        life.die(Fault.KILL)


_ENDS: dict[Fault, Callable[[Life], None]] = {Fault.STOP: _stop, Fault.CANCEL: Life.cancel}


async def _see_it_recover(life: Life) -> None:
    """Wait until everything has come, which takes a while after the last fault; then stop."""
    world, plan = life.world, life.plan
    await trio.sleep_until(max(plan.heal_at, world.last_change))
    await _until_well(life)
    if not world.checker.tidied and await operators.tidy(life):
        await _until_well(life)
    world.well = True
    life.stop(None)


async def _until_well(life: Life) -> None:
    world, plan = life.world, life.plan
    while not world.checker.well():
        if trio.current_time() > plan.deadline:
            world.checker.passage.settle(trio.current_time())
            raise Violation(Invariant.I8, "; ".join(world.checker.ailments()))
        await trio.sleep(life.settings.now.feed.poll_interval)
