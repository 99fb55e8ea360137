"""Housekeeping: what is older than it is kept is removed, a little at a time."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import trio

from scand.core.errors import StoreBlockedError
from scand.live import Live
from scand.ports import Clock, Observer
from scand.records import Pruned

ROUND = 600.0
"""Seconds from one round to the next."""

AT_ONCE = 500
"""Rows removed in one transaction, which takes about 5 ms."""

PAUSE = 0.05
"""Seconds between two of them, in which pages are committed."""


@dataclass(frozen=True)
class Chore:
    """Removes `what` is older than `keep` seconds.

    `prune` takes a time (seconds since 1970) and how many rows to remove at the most, and returns
    how many it has removed.
    """

    what: str
    keep: float
    prune: Callable[[float, int], Awaitable[int]]


async def keep_house(chores: Live[Sequence[Chore]], clock: Clock, observer: Observer) -> None:
    """Do all chores now, and again every `ROUND` or when they become others, for ever."""
    while True:
        doing = chores.now
        for chore in doing:
            await _do(chore, clock, observer)
        if chores.now is doing:
            await chores.sleep_until(trio.current_time() + ROUND)


async def _do(chore: Chore, clock: Clock, observer: Observer) -> None:
    before, removed = clock.now() - chore.keep, 0
    with suppress(StoreBlockedError):  # the writer says so, and this can wait for the next round
        while last := await chore.prune(before, AT_ONCE):
            removed += last
            await trio.sleep(PAUSE)
    if removed:
        observer(Pruned(chore.what, removed))
