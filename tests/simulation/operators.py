"""What operators do: they answer a feed that halts, move the cursor, and see to dead letters."""

from collections.abc import Awaitable, Callable
from functools import partial

import trio

from scand.actors.replayer import replay
from scand.core.errors import StoreBlockedError
from scand.core.event import EventId
from scand.core.review import Item, Outcome, Selection, State
from tests.simulation.books import Letter
from tests.simulation.faults import Fault
from tests.simulation.rates import SETS_BACK
from tests.simulation.reloads import misread_now_and_then, reload_now_and_then
from tests.simulation.world import Life


async def operate(life: Life) -> None:
    """All that people do to one process."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_answer_halts, life)
        nursery.start_soon(_extend, life)
        nursery.start_soon(reload_now_and_then, life)
        nursery.start_soon(misread_now_and_then, life)
        for fault, act in _ACTS.items():
            nursery.start_soon(_now_and_then, life, fault, act)


async def tidy(life: Life) -> bool:
    """When all is well: have repaired what can be. Whether anything was to be done."""
    world, rates = life.world, life.plan.rates
    world.checker.tidied = True
    if not rates.keys() & SETS_BACK:
        return False
    await _replay(life)
    await _rewind_to(life, "" if life.plan.opaque else 1)
    return True


async def _answer_halts(life: Life) -> None:
    """Somebody is called when the feed halts, looks at the audit, and moves the cursor."""
    world, rng = life.world, life.world.streams["operator"]
    while True:
        await life.halted.wait()
        await trio.sleep(rng.uniform(5.0, 120.0))
        if not world.checker.passage.halted():
            continue
        before = "" if life.plan.opaque else min(_shown(life), default=1) - 1
        if await _move_to(life, before):
            life.halted = trio.Event()


async def _extend(life: Life) -> None:
    """A new catalogue takes effect with the next process."""
    world, at = life.world, life.plan.extended_at
    if at == float("inf") or world.extended:
        return
    await trio.sleep_until(at)
    life.stop(Fault.EXTENDED)


async def _now_and_then(life: Life, fault: Fault, act: Callable[[Life], Awaitable[bool]]) -> None:
    world, rate = life.world, life.plan.rates.get(fault, 0.0)
    rng = world.streams[fault.name]
    while rate and not world.healed:
        await trio.sleep(rng.expovariate(rate))
        if not world.healed and not life.connection.dead and await act(life):
            world.strike(fault)


# --- the cursor


async def _rewind(life: Life) -> bool:
    """To an event that was read, or to before all."""
    place = _some_place(life)
    return place is not None and await _rewind_to(life, place)


async def _move(life: Life) -> bool:
    place = _some_place(life, beyond=not life.plan.opaque)
    return place is not None and await _move_to(life, place)


def _some_place(life: Life, *, beyond: bool = False) -> EventId | None:
    """One that the feed shows, not beyond the cursor unless told; none in a feed that betrays.

    There, who moves the cursor must know what for.
    """
    world = life.world
    shown = [each for each in _shown(life) if beyond or each <= world.checker.books.cursor]
    if world.betrayed or not shown or not world.checker.books.cursor:
        return None
    return world.name_at(world.streams["operator"].choice(shown))


def _shown(life: Life) -> list[int]:
    now = trio.current_time()
    return [item.place for item in life.world.items if item.visible(now)]


async def _rewind_to(life: Life, to: EventId) -> bool:
    return await _between(life, partial(life.store.rewind, to))


async def _move_to(life: Life, to: EventId) -> bool:
    return await _between(life, partial(life.store.move_cursor, to))


async def _between(life: Life, change: Callable[[], Awaitable[object]]) -> bool:
    """Whether it was done, between two generations."""
    try:
        moved = await life.generations.between(change)
    except StoreBlockedError:
        return False
    life.world.trace.note("operator", moved)
    return True


# --- dead letters


async def _replay(life: Life) -> bool:
    """Try all that are open, from the first to the last."""
    checker, review = life.world.checker, life.review
    after: int | None = 0
    tried: list[Item] = []
    while after is not None:
        checker.accounts.decisions.asked("replayed", [one.identity for one in _open(life)])
        try:
            batch = await replay(life.store, Selection(state=State.OPEN, after=after), review.now)
        except StoreBlockedError:
            break
        after = batch.after
        tried += batch.items
    life.world.trace.note("replayed", tried)
    return bool(tried)


async def _discard(life: Life) -> bool:
    """Give some up that are open."""
    decisions, rng = life.world.checker.accounts.decisions, life.world.streams["discard"]
    names = {letter.number: letter.identity for letter in _open(life) if rng.random() < 0.3}
    decisions.asked("discarded", names.values())
    try:
        items = await life.store.discard_letters(list(names))
    except StoreBlockedError:
        return False
    done = [names[item.id] for item in items if item.outcome is Outcome.DISCARDED]
    decisions.discarded(done)
    life.world.trace.note("discarded", done)
    return bool(done)


def _open(life: Life) -> list[Letter]:
    return [letter for letter in life.world.checker.books.letters if letter.state == "open"]


_ACTS: dict[Fault, Callable[[Life], Awaitable[bool]]] = {
    Fault.REWIND: _rewind,
    Fault.MOVED: _move,
    Fault.REPLAY: _replay,
    Fault.DISCARD: _discard,
}
