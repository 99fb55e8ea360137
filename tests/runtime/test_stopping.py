# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""Stopping the whole tree, in simulated time: at any moment, soon, and with nothing half done."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from scand.ports import Checkpoint, Failed, Feed, Outcome, PageResult, Receipt, Request, Store
from scand.records import (
    BreakerChanged,
    ChildFailed,
    Committed,
    FetchFailed,
    Lifecycle,
    PageFetched,
)
from scand.runtime.daemon import run_tree
from scand.simulator import DataFaults, TransportFaults
from tests.support.simulation import ALL, TROUBLE, Simulation, Wrapped, settle


async def stop_when(simulation: Simulation, seen: Callable[[], bool], **options: Any) -> float:
    """Run the tree, stop it when `seen`; how long it took from there to the end."""
    stopped_at = 0.0

    async def watch(stopping: trio.Event) -> None:
        nonlocal stopped_at
        with trio.fail_after(600.0):
            while not seen():  # noqa: ASYNC110 - simulated time
                await trio.sleep(0.01)
        stopped_at = trio.current_time()
        stopping.set()

    async with simulation.parts(**options) as parts, trio.open_nursery() as nursery:
        nursery.start_soon(watch, parts.stopping)
        await run_tree(parts)
    return trio.current_time() - stopped_at


def stalls(simulation: Simulation, after: int) -> Callable[[Feed], Feed]:
    """A carrier that stops answering after some requests."""

    async def silence() -> Outcome:
        await trio.sleep_forever()
        raise AssertionError

    def before(_: Request) -> Awaitable[Outcome] | None:
        return silence() if simulation.api.stats.requests >= after else None

    return lambda real: Wrapped(real, before)


def stopped(simulation: Simulation) -> bool:
    (last,) = [each for each in simulation.recorder.of(Lifecycle) if each.event == "stopped"]
    return bool(last.details["drained"])


async def test_stopping_drains(autojump_clock: MockClock, tmp_path: Path) -> None:
    """What was fetched before the stop is committed, slow store or not; nothing is half done."""
    simulation = Simulation(
        tmp_path / "s.db", events=10_000, parcels=50, sections={"feed": {"limit": 50}}
    )

    class Slow:
        def __init__(self, real: Store) -> None:
            self._real = real

        async def begin(self) -> Checkpoint:
            return await self._real.begin()

        async def commit(self, pages: Sequence[PageResult]) -> Receipt:
            await trio.sleep(1.0)
            return await self._real.commit(pages)

    recorder = simulation.recorder
    took = await stop_when(simulation, lambda: len(recorder.of(Committed)) == 2, store=Slow)
    assert stopped(simulation)
    assert 0.0 < took < 20.0
    fetched = recorder.of(PageFetched)
    # the fetcher may have been waiting to hand over its last page
    assert simulation.summary()["cursor"] in {fetched[-1].cursor, fetched[-2].cursor}
    assert simulation.summary()["cursor"] < 10_000


async def test_stopping_at_the_head_is_immediate(autojump_clock: MockClock, tmp_path: Path) -> None:
    """Between two polls there is nothing to wait for."""
    simulation = Simulation(tmp_path / "s.db", events=50)
    fetched = simulation.recorder.of
    assert await stop_when(simulation, lambda: len(fetched(PageFetched)) > 4) == 0.0
    assert stopped(simulation)


async def test_stopping_ends_a_request_in_flight(autojump_clock: MockClock, tmp_path: Path) -> None:
    """A carrier that does not answer does not hold up the end."""
    simulation = Simulation(tmp_path / "s.db", events=500)
    feed = stalls(simulation, after=2)
    committed = partial(simulation.recorder.of, Committed)
    assert await stop_when(simulation, lambda: bool(committed()), feed=feed) == 0.0
    assert stopped(simulation)


async def test_stopping_while_backing_off_is_immediate(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """The wait after a refusal is cut short."""
    simulation = Simulation(tmp_path / "s.db", events=5)

    async def failed() -> Outcome:
        await trio.lowlevel.checkpoint()
        return Failed("HTTP 500")

    took = await stop_when(
        simulation,
        lambda: bool(simulation.recorder.of(FetchFailed)),
        feed=lambda real: Wrapped(real, lambda _: failed()),
    )
    assert took == 0.0


@pytest.mark.parametrize("state", ["open", "half-open"])
async def test_stopping_with_a_tripped_breaker_is_immediate(
    autojump_clock: MockClock, tmp_path: Path, state: str
) -> None:
    """Neither an open breaker nor a probe in flight holds up the end."""
    simulation = Simulation(tmp_path / "s.db", transport=TransportFaults(error=1.0), events=5)
    changes = partial(simulation.recorder.of, BreakerChanged)
    took = await stop_when(
        simulation,
        lambda: any(change.new == state for change in changes()),
        feed=stalls(simulation, after=5),
    )
    assert took == 0.0
    assert changes()[-1].new == state


async def test_stopping_during_the_supervisors_back_off_is_immediate(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """A child that waits to be started again is not started for the end."""
    simulation = Simulation(
        tmp_path / "s.db",
        events=5,
        sections={"feed": {"retry": {"base": "50s"}}, "supervisor": {"intensity": 100}},
    )
    begun = []

    def crash(_: Request) -> None:
        begun.append(trio.current_time())
        raise ArithmeticError("a bug")

    took = await stop_when(
        simulation,
        lambda: bool(simulation.recorder.of(ChildFailed)),
        feed=lambda real: Wrapped(real, crash),
    )
    assert took == 0.0
    assert len(begun) == 1


async def test_stopping_before_the_start_starts_nothing(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """A signal that came while the store was being opened ends the daemon before it asks."""
    simulation = Simulation(tmp_path / "s.db", events=5)
    async with simulation.parts() as parts:
        parts.stopping.set()
        await run_tree(parts)
    assert simulation.api.stats.requests == 0
    assert stopped(simulation)


async def test_a_drain_that_hangs_is_cut_off(autojump_clock: MockClock, tmp_path: Path) -> None:
    """`drain_timeout` after the stop the daemon ends, and says that it was not drained."""
    simulation = Simulation(
        tmp_path / "s.db", events=500, sections={"supervisor": {"drain_timeout": "7s"}}
    )

    class Hanging:
        def __init__(self, real: Store) -> None:
            self._real = real

        async def begin(self) -> Checkpoint:
            return await self._real.begin()

        async def commit(self, _: Sequence[PageResult]) -> Receipt:
            await trio.sleep_forever()
            raise AssertionError

    took = await stop_when(
        simulation, lambda: bool(simulation.recorder.of(PageFetched)), store=Hanging
    )
    assert took == 7.0
    assert not stopped(simulation)


async def test_a_crash_in_the_drain_is_no_drain(autojump_clock: MockClock, tmp_path: Path) -> None:
    """A commit that fails after the stop ends the daemon, which says that it was not drained."""
    simulation = Simulation(tmp_path / "s.db", events=500)

    class Failing:
        def __init__(self, real: Store) -> None:
            self._real = real

        async def begin(self) -> Checkpoint:
            return await self._real.begin()

        async def commit(self, _: Sequence[PageResult]) -> Receipt:
            await trio.sleep(1.0)
            raise OSError("the disk is gone")

    fetched = partial(simulation.recorder.of, PageFetched)
    assert await stop_when(simulation, lambda: bool(fetched()), store=Failing) > 0.0
    assert not stopped(simulation)
    assert len(simulation.recorder.of(ChildFailed)) == 1


async def test_cancellation_anywhere_leaves_no_trace(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Cancelled after any number of requests, and run again: the result is the same."""
    simulation = Simulation(
        tmp_path / "s.db",
        data=ALL,
        sections={"feed": {"limit": 10, "late_window": "10s"}},
        events=300,
    )
    for after in range(1, 12):
        scope = trio.CancelScope()
        asked = 0

        def cancel(_: Request, scope: trio.CancelScope = scope, after: int = after) -> None:
            nonlocal asked
            asked += 1
            if asked == after:
                scope.cancel()

        async with simulation.parts(feed=lambda real, cancel=cancel: Wrapped(real, cancel)) as it:
            with scope:
                await run_tree(it)
        assert scope.cancelled_caught
    await settle(simulation)
    simulation.assert_equals_oracle()


async def test_until_caught_up_ends_by_itself(autojump_clock: MockClock, tmp_path: Path) -> None:
    """With the head committed the tree ends, drained, whatever went wrong on the way."""
    simulation = Simulation(
        tmp_path / "s.db", data=DataFaults(missing=0.1), transport=TROUBLE, events=1000
    )
    async with simulation.parts(until_caught_up=True) as parts:
        await run_tree(parts)
    simulation.assert_equals_oracle()
    assert stopped(simulation)
