# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""The whole tree over a simulated carrier, in simulated time: what holds through every fault."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from scand.core.errors import IngestFailedError
from scand.ports import Checkpoint, Failed, Feed, Outcome, PageResult, Receipt, Request, Store
from scand.records import (
    BreakerChanged,
    ChildFailed,
    Committed,
    FetchFailed,
    Lifecycle,
    PageFetched,
    Record,
)
from scand.runtime.daemon import run_tree
from scand.simulator import DataFaults, TransportFaults
from tests.support.simulation import Simulation, Wrapped, settle

ALL = DataFaults(
    missing=0.05, late=0.03, malformed=0.02, unknown=0.02, duplicates=0.05, out_of_order=0.2
)
TROUBLE = TransportFaults(
    error=0.1, throttle=0.03, reset=0.05, truncated=0.05, html=0.03, latency=0.05, cap=60
)

Run = Callable[..., Awaitable[None]]


# --- what holds ------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("order", ["event_id", "created_at"])
async def test_the_state_equals_the_oracle(
    autojump_clock: MockClock, tmp_path: Path, seed: int, order: str
) -> None:
    """Through every fault in the data and on the way, nothing is lost or counted twice."""
    simulation = Simulation(
        tmp_path / "s.db",
        data=ALL,
        transport=TROUBLE,
        sections={"feed": {"late_window": "30s", "order": order}},
        events=800,
        backlog=500,
        rate=20.0,
        seed=seed,
    )
    await settle(simulation)
    simulation.assert_equals_oracle()
    assert simulation.summary()["gaps"]["open"] == 0


@pytest.mark.parametrize("seed", range(12))
async def test_crashes_change_nothing(autojump_clock: MockClock, tmp_path: Path, seed: int) -> None:
    """Actors crash at any request, page or commit, before and after: the result is the same."""
    dice = Random(seed)

    def crash(record: Record | Request | None = None) -> None:
        beyond_ingest = isinstance(record, ChildFailed | Lifecycle)
        if dice.random() < 0.05 and not beyond_ingest:
            raise ArithmeticError("a bug")

    class Crashing:
        def __init__(self, real: Store) -> None:
            self._real = real

        async def begin(self) -> Checkpoint:
            crash()
            return await self._real.begin()

        async def commit(self, pages: Sequence[PageResult]) -> Receipt:
            crash()
            receipt = await self._real.commit(pages)
            crash()
            return receipt

    simulation = Simulation(
        tmp_path / "s.db",
        data=ALL,
        sections={
            "feed": {"late_window": "20s", "limit": 20, "retry": {"cap": "1s"}},
            "supervisor": {"intensity": 1000},
        },
        events=600,
        backlog=300,
        rate=20.0,
        seed=seed,
    )
    crashing = partial(Wrapped, before=crash)
    await settle(simulation, feed=crashing, store=Crashing, observer=crash)
    await settle(simulation)  # the last crash may have been in the drain
    simulation.assert_equals_oracle()
    assert simulation.recorder.of(ChildFailed)


async def test_a_generation_begins_at_the_durable_cursor(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """After a crash the next request asks from the last committed id."""
    simulation = Simulation(tmp_path / "s.db", events=300, sections={"feed": {"limit": 20}})
    asked: list[Request] = []
    loaded: list[Checkpoint] = []

    class Watched:
        def __init__(self, real: Store) -> None:
            self._real, self.commit = real, real.commit

        async def begin(self) -> Checkpoint:
            loaded.append(await self._real.begin())
            return loaded[-1]

    def crash_once(request: Request) -> None:
        asked.append(request)
        if len(asked) == 8:
            raise ArithmeticError("a bug")

    await settle(simulation, feed=lambda real: Wrapped(real, crash_once), store=Watched)
    first, second = loaded
    assert first.position is None
    assert second.position is not None
    assert asked[8].from_id == second.position.cursor > 0
    assert len(simulation.recorder.of(ChildFailed)) == 1
    simulation.assert_equals_oracle()


# --- when it crashes too often -----------------------------------------------------


async def test_too_many_crashes_end_the_daemon(autojump_clock: MockClock, tmp_path: Path) -> None:
    """One restart more than `intensity` within `period`: the error names the cause."""
    simulation = Simulation(tmp_path / "s.db", events=10, sections={"supervisor": {"intensity": 2}})

    def crash(_: Request) -> None:
        raise ArithmeticError("a bug in the middle")

    async with simulation.parts(feed=lambda real: Wrapped(real, crash)) as parts:
        with pytest.raises(IngestFailedError, match=r"more than 2 .* a bug in the middle"):
            await run_tree(parts)
    assert len(simulation.recorder.of(ChildFailed)) == 2


async def test_rare_crashes_are_survived(autojump_clock: MockClock, tmp_path: Path) -> None:
    """Crashes that are further apart than `period` are never too many, nor waited for longer."""
    simulation = Simulation(
        tmp_path / "s.db", events=400, rate=0.1, sections={"supervisor": {"intensity": 1}}
    )
    last = 0.0

    def crash(_: Request) -> None:
        nonlocal last
        if trio.current_time() - last > 200.0:
            last = trio.current_time()
            raise ArithmeticError("a bug now and then")

    await settle(simulation, 9000.0, feed=lambda real: Wrapped(real, crash))
    crashes = simulation.recorder.of(ChildFailed)
    assert len(crashes) > 10
    assert max(crash.wait for crash in crashes) <= 0.25
    simulation.assert_equals_oracle()


async def test_what_crashed_is_said_without_its_echoes(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """A store that fails is the cause; the channels that break with it are not."""
    simulation = Simulation(tmp_path / "s.db", events=3000)

    class Broken:
        def __init__(self, real: Store) -> None:
            self._real, self._commits = real, 0

        async def begin(self) -> Checkpoint:
            return await self._real.begin()

        async def commit(self, pages: Sequence[PageResult]) -> Receipt:
            self._commits += 1
            if self._commits == 2:
                await trio.sleep(1.0)  # until every channel is full
                raise OSError("the disk is gone")
            return await self._real.commit(pages)

    await settle(simulation, store=Broken)
    (crash,) = simulation.recorder.of(ChildFailed)
    assert len(crash.causes) == 1
    assert "the disk is gone" in crash.causes[0]


# --- the admin server is nobody's business -------------------------------------------


async def test_a_dead_admin_server_never_touches_ingest(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """An admin server that cannot start is retried for ever, beside an ingest that goes on."""
    simulation = Simulation(tmp_path / "s.db", events=200, rate=1.0)

    async def broken_admin() -> None:
        await trio.lowlevel.checkpoint()
        raise OSError("address already in use")

    recorder, world = simulation.recorder, simulation.world

    async def watch(stopping: trio.Event) -> None:
        while not world.settled:  # noqa: ASYNC110 - simulated time
            await trio.sleep(1.0)
        await trio.sleep(10.0)
        stopping.set()

    async with (
        simulation.parts(admin={"admin": broken_admin}) as parts,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(watch, parts.stopping)
        await run_tree(parts)
    simulation.assert_equals_oracle()
    failed = recorder.of(ChildFailed)
    assert {each.child for each in failed} == {"admin"}
    assert len(failed) > 5


# --- the circuit breaker, end to end ---------------------------------------------------


async def test_the_breaker_protects_a_carrier_that_fails(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """It opens after N failures in a row, then lets through one probe per `reset_after`."""
    simulation = Simulation(
        tmp_path / "s.db",
        transport=TransportFaults(error=1.0),
        sections={
            "feed": {"breaker": {"failures": 4, "reset_after": "30s"}, "retry": {"cap": "1s"}}
        },
        events=100,
    )
    stats, recorder = simulation.api.stats, simulation.recorder
    counts = []

    async def look(stopping: trio.Event) -> None:
        await trio.sleep(20.0)
        counts.append(stats.requests)
        assert [change.new for change in recorder.of(BreakerChanged)] == ["open"]
        await trio.sleep(100.0)
        counts.append(stats.requests)
        simulation.api.faults = TransportFaults()
        await trio.sleep(60.0)
        stopping.set()

    async with simulation.parts() as parts, trio.open_nursery() as nursery:
        nursery.start_soon(look, parts.stopping)
        await run_tree(parts)
    assert counts[0] == 4  # and none while it was open
    assert 3 <= counts[1] - counts[0] <= 4  # a probe every 30 s
    assert stats.peak_in_flight == 1
    changes = [(change.old, change.new) for change in recorder.of(BreakerChanged)]
    assert changes[0] == ("closed", "open")
    assert changes[1:-1] == [("open", "half-open"), ("half-open", "open")] * 3 + [
        ("open", "half-open")
    ]
    assert changes[-1] == ("half-open", "closed")
    simulation.assert_equals_oracle()


# --- stopping --------------------------------------------------------------------------


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
