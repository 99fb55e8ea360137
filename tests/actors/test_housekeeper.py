# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""Removing what is old, a little at a time."""

import trio
from trio.testing import MockClock

from scand.actors.housekeeper import AT_ONCE, ROUND, Chore, keep_house
from scand.core.errors import StoreBlockedError
from scand.live import Live
from scand.records import Pruned
from tests.support.parts import NOON, Recorder, SimulatedClock


class Attic:
    """Holds so many old rows, and may be out of reach before it is `free`."""

    def __init__(self, rows: int, free: float = 0.0) -> None:
        self.rows, self.free = rows, free
        self.asked: list[tuple[float, int]] = []

    async def prune(self, before: float, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        if trio.current_time() < self.free:
            raise StoreBlockedError("s.db cannot grow: the disk is full", "make room")
        self.asked.append((before, limit))
        removed = min(self.rows, limit)
        self.rows -= removed
        return removed


async def kept(seconds: float, *chores: Chore) -> list[Pruned]:
    recorder = Recorder()
    with trio.move_on_after(seconds):
        await keep_house(Live(chores), SimulatedClock(), recorder)
    return recorder.of(Pruned)


async def test_all_that_is_old_goes_in_small_steps(autojump_clock: MockClock) -> None:
    """No step takes more rows than it should, and what was removed is told once."""
    attic = Attic(AT_ONCE * 3 + 7)
    assert await kept(1.0, Chore("letters", 3600.0, attic.prune)) == [
        Pruned("letters", AT_ONCE * 3 + 7)
    ]
    assert attic.rows == 0
    assert set(attic.asked) == {(NOON - 3600.0, AT_ONCE)}


async def test_again_and_again(autojump_clock: MockClock) -> None:
    """Every round looks anew, for each chore; and where nothing was old, nothing is said."""
    letters, events = Attic(0), Attic(0)
    chores = (Chore("letters", 60.0, letters.prune), Chore("events", 0.0, events.prune))
    assert await kept(ROUND * 3.5, *chores) == []
    assert [before for before, _ in letters.asked] == [NOON + ROUND * n - 60.0 for n in range(4)]
    assert len(events.asked) == 4


async def test_a_blocked_store_is_left_for_the_next_round(autojump_clock: MockClock) -> None:
    """The writer tells of it; other chores have their turn."""
    blocked, free = Attic(5, free=ROUND / 2), Attic(5)
    chores = (Chore("blocked", 0.0, blocked.prune), Chore("free", 0.0, free.prune))
    assert await kept(ROUND * 1.5, *chores) == [Pruned("free", 5), Pruned("blocked", 5)]
