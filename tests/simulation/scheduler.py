"""What makes a run repeatable, and where the simulation takes hold of the tree from outside.

trio shuffles what is ready to run with a generator of its own; Hypothesis has a switch for that,
which is used here. Production draws its jitter from `Random()`, which is given a seed. The channel
sizes of `runtime.daemon` become knobs, and its processors get their slices from a slow hand.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Self

import outcome
import trio
import trio._core._run as trio_run

from scand.actors import housekeeper
from scand.runtime import daemon, reloading
from tests.simulation.faults import Invariant, Violation
from tests.simulation.plan import Plan

Hook = Callable[[], Awaitable[None]]

IDLE_STEPS = 20_000
"""Steps of tasks without a tick of the clock: somebody runs in circles."""


@contextmanager
def deterministic(seed: int) -> Iterator[None]:
    """Let trio draw the order of its tasks from a seed."""
    state = trio_run._r.getstate()
    trio_run._r.seed(seed)
    try:
        with exchanged(trio_run, _ALLOW_DETERMINISTIC_SCHEDULING=True):
            yield
    finally:
        trio_run._r.setstate(state)


@contextmanager
def rewired(
    plan: Plan, jitter: Random, on_slice: Hook, read: Callable[[Path], str]
) -> Iterator[None]:
    """The names that `run_tree` looks up when it wires, exchanged for the time of a run.

    `read` gives the text of the configuration file.
    """
    process: Any = vars(daemon)["process"]

    async def stalled(slices: Any, *args: Any) -> None:
        await process(Stalled(slices, on_slice), *args)

    with (
        exchanged(reloading, read=read),
        exchanged(housekeeper, ROUND=plan.round, AT_ONCE=plan.at_once),
        exchanged(
            daemon,
            Random=partial(Random, jitter.random()),
            PAGES=plan.pages,
            SLICES=plan.slices,
            RESULTS_PER_SHARD=plan.results,
            process=stalled,
        ),
    ):
        yield


@contextmanager
def exchanged(owner: object, **values: Any) -> Iterator[None]:
    """Give a module or a class other attributes, for as long as the block runs."""
    before = {name: getattr(owner, name) for name in values}
    try:
        for name, value in values.items():
            setattr(owner, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


class Stalled:
    """A channel of slices that takes its time before it gives one to the processor."""

    def __init__(self, real: Any, on_slice: Hook) -> None:
        self._real, self._on_slice = real, on_slice

    async def __aenter__(self) -> Self:
        await self._real.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._real.__aexit__(*error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> object:
        piece = await self._real.__anext__()
        await self._on_slice()
        return piece


class Guard(trio.abc.Instrument):
    """Ends a run in which tasks run in circles, or all wait, while time stands still."""

    def __init__(self) -> None:
        self.steps = 0
        self._idle, self._rounds, self._now = 0, 0, -1.0

    def before_io_wait(self, _timeout: float) -> None:
        """Once per round of the scheduler."""
        now = trio.current_time()
        if now != self._now:
            self._idle, self._rounds, self._now = 0, 0, now
        self._rounds += 1
        if self._rounds > IDLE_STEPS:
            self._rounds = 0
            root = trio.lowlevel.current_root_task()
            for task in filter(_may_be_ended, descendants(root) if root else ()):
                crash(task, Violation(Invariant.I8, f"{task.name} waits for ever"))

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Once per step of any task."""
        self.steps += 1
        self._idle, self._rounds = self._idle + 1, 0
        if self._idle > IDLE_STEPS and _may_be_ended(task):
            self._idle = 0
            what = f"{task.name} runs in circles"
            task._next_send = outcome.Error(Violation(Invariant.I8, what))


def _may_be_ended(task: trio.lowlevel.Task) -> bool:
    """Not trio's own, not yet to begin, and not at the end of a nursery, which has to wait."""
    frames = [frame.f_code.co_name for frame, _ in task.iter_await_frames()]
    begun = inspect.getcoroutinestate(task.coro) != inspect.CORO_CREATED
    return begun and not task.name.startswith("<") and "_nested_child_finished" not in frames


def descendants(task: trio.lowlevel.Task) -> list[trio.lowlevel.Task]:
    """All tasks below this one, in the order of their birth."""
    children = [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    found = [*children, *(below for child in children for below in descendants(child))]
    return sorted(found, key=lambda one: one._counter)


def crash(task: trio.lowlevel.Task, error: BaseException) -> bool:
    """Let the await in which a task is blocked raise `error`; whether it was blocked."""
    if task._abort_func is None:
        return False

    def raise_it() -> None:
        raise error

    task._attempt_abort(raise_it)
    return True
