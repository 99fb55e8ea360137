# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""Retention beside ingest, under the whole tree, in simulated time."""

from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from scand.actors.housekeeper import ROUND, Chore
from scand.core.continuity import WITNESSES
from scand.live import Live
from scand.records import ChildFailed, Committed, Pruned
from scand.runtime.daemon import run_tree
from scand.runtime.parts import build_chores
from scand.simulator import DataFaults, TransportFaults
from scand.store.moving import rewind
from scand.store.opening import connect
from scand.store.reading import open_reader
from scand.store.transaction import run
from tests.support.parts import NOON
from tests.support.simulation import Simulation, settle

KEEP = 60.0


def simulate(path: Path, **plan: object) -> Simulation:
    store = {"path": path, "keep_events": "1m"}
    feed = {"late_window": "20s", "limit": 50}
    return Simulation(path, sections={"store": store, "feed": feed}, **plan)  # type: ignore[arg-type]


async def keep(simulation: Simulation) -> None:
    """Follow the feed to its end, with a housekeeper that prunes what is older than `KEEP`."""
    chores = partial(build_chores, config=simulation.config)
    await settle(simulation, 3600.0, chores=chores)


def committed_at(path: Path) -> list[float]:
    """When each event of the journal was committed, in seconds of trio's clock."""
    with open_reader(path) as reader:
        return [row.recorded_at / 1000 - NOON for row in reader.journal()]


@pytest.mark.parametrize("seed", range(3))
async def test_pruning_beside_ingest(autojump_clock: MockClock, tmp_path: Path, seed: int) -> None:
    """Late ids, duplicates and crashes of a carrier: the state is whole, the journal is short."""
    faults = DataFaults(missing=0.05, late=0.1, late_by=20.0, malformed=0.02, duplicates=0.05)
    transport = TransportFaults(error=0.1, reset=0.05)
    simulation = simulate(
        tmp_path / "s.db", data=faults, transport=transport, events=4000, rate=2.0, seed=seed
    )
    await keep(simulation)
    simulation.assert_equals_oracle()
    summary, times = simulation.summary(), committed_at(simulation.path)
    assert summary["pruned_events"] > 1000
    assert summary["pruned_events"] == sum(each.rows for each in simulation.recorder.of(Pruned))
    assert sorted(times)[WITNESSES] > trio.current_time() - ROUND - KEEP - 10.0


async def test_everything_is_pruned_and_served_again(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Then verify, then a restart, then the whole feed once more: nothing counts twice."""
    simulation = simulate(tmp_path / "s.db", data=DataFaults(missing=0.1, late=0.05), events=2000)
    await keep(simulation)
    await trio.sleep(2 * KEEP)
    while simulation.summary()["events"] > WITNESSES:
        await keep(simulation)
    simulation.assert_equals_oracle()

    with closing(connect(simulation.path)) as connection:
        run(connection, rewind(1, NOON + trio.current_time()))
    before, known = len(simulation.recorder.of(Committed)), simulation.summary()
    simulation.api.stats.events_served = 0
    await keep(simulation)
    assert simulation.api.stats.events_served >= simulation.world.events
    again = simulation.recorder.of(Committed)[before:]
    assert sum(each.applied + each.conflicts + each.dead_letters for each in again) == 0
    assert sum(each.duplicates for each in again) >= 1900
    assert simulation.summary()["gaps"] == known["gaps"]
    simulation.assert_equals_oracle()


async def test_a_housekeeper_that_crashes_never_touches_ingest(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """It is started again and again; the feed is followed all the same."""
    simulation = simulate(tmp_path / "s.db", events=2000, rate=10.0)

    async def fail(_before: float, _limit: int) -> int:
        await trio.lowlevel.checkpoint()
        raise ArithmeticError("a bug")

    async with simulation.parts() as parts, trio.open_nursery() as nursery:
        nursery.start_soon(stop_when_settled, simulation, parts.stopping)
        await run_tree(replace(parts, chores=Live([Chore("events", KEEP, fail)])))
    assert {each.child for each in simulation.recorder.of(ChildFailed)} == {"housekeeper"}
    simulation.assert_equals_oracle()


async def stop_when_settled(simulation: Simulation, stopping: trio.Event) -> None:
    while not simulation.world.settled:  # noqa: ASYNC110 - simulated time
        await trio.sleep(1.0)
    await trio.sleep(60.0)
    stopping.set()
