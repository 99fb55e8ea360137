# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""The whole tree over a simulated carrier, in simulated time: what holds through every fault."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest
import trio
from trio.testing import MockClock

from scand.core.errors import IngestFailedError
from scand.ports import Checkpoint, PageResult, Receipt, Request, Store
from scand.records import (
    BreakerChanged,
    ChildFailed,
    Lifecycle,
    Record,
)
from scand.runtime.daemon import run_tree
from scand.simulator import TransportFaults
from tests.support.simulation import ALL, TROUBLE, Simulation, Wrapped, settle

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
