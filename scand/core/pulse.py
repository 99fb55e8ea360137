"""Whether the stages of the pipeline get on: what each says of itself, and the rule for it.

    a stage is     and that is in order
    at rest        while nothing is queued for it
    at work        never for long: its next turn must come
    waiting        for what it names, until the moment it named

Each change is a turn, and a turn is progress. Whoever waits for another stage need name no moment:
that one has a pulse of its own.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Doing(NamedTuple):
    """What a stage does, and until when that is excuse enough for no progress."""

    what: str
    until: float


REST = Doing("at rest", math.inf)
WORK = Doing("at work", -math.inf)


def _nothing() -> int:
    return 0


class Pulse:
    """What one stage does; the stage says it, others read it. One task at a time has it.

    `queued` tells how much lies ready for the stage.
    """

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.doing = REST
        self.turns = 0
        self._queued = _nothing

    def working(self) -> "Spell":
        """At work for the block."""
        return Spell(self, WORK)

    def waiting(self, what: str, until: float = math.inf) -> "Spell":
        """Waiting for `what` in the block, on the watch's clock `until` then at the most."""
        return Spell(self, Doing(f"waiting for {what}", until))

    def prolong(self, until: float) -> None:
        """What is waited for may take until then."""
        if math.isfinite(self.doing.until):
            self.doing = self.doing._replace(until=max(self.doing.until, until))

    @contextmanager
    def fed(self, queued: Callable[[], int]) -> Iterator[None]:
        """For the block, work comes from where `queued` counts it."""
        self._queued = queued
        try:
            yield
        finally:
            self._queued = _nothing

    def excused(self, now: float) -> bool:
        """Whether no progress is in order."""
        if self.doing is REST:
            return not self._queued()
        return now <= self.doing.until

    def turn(self, doing: Doing) -> Doing:
        """Do that from now on. Returns what was done before."""
        before, self.doing = self.doing, doing
        self.turns += 1
        return before


class Spell:
    """What a stage does for a block; afterwards it does again what it did before.

    A class, as there are a dozen in the way of a page: a generator costs three times as much.
    """

    __slots__ = ("_doing", "_pulse")

    def __init__(self, pulse: Pulse, doing: Doing) -> None:
        self._pulse, self._doing = pulse, doing

    def __enter__(self) -> None:
        self._doing = self._pulse.turn(self._doing)

    def __exit__(self, *_: object) -> None:
        self._pulse.turn(self._doing)


class Vigil:
    """Finds stages without progress or excuse in so many looks in a row.

    Looks, not seconds: of a process that was stopped for an hour, no stage made progress.
    """

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self._turns: dict[str, int] = {}
        self._silent: Counter[str] = Counter()

    def stalled(self, pulses: Iterable[Pulse], now: float) -> list[str]:
        """Look once; which stages are stalled, and at what."""
        return [
            f"{pulse.stage} ({pulse.doing.what})"
            for pulse in pulses
            if self._silence(pulse, now) >= self._looks
        ]

    def _silence(self, pulse: Pulse, now: float) -> int:
        in_order = pulse.excused(now) or self._turns.get(pulse.stage) != pulse.turns
        self._turns[pulse.stage] = pulse.turns
        self._silent[pulse.stage] = 0 if in_order else self._silent[pulse.stage] + 1
        return self._silent[pulse.stage]


UNWATCHED = Pulse("unwatched")
"""For stages that nobody looks after."""
