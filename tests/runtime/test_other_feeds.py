# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""The whole tree over carriers that differ, in simulated time: equal to their oracles."""

from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from scand.ports import Request
from scand.records import ChildFailed, FeedBetrayed, FetchFailed
from scand.runtime.daemon import run_tree
from scand.simulator import DataFaults, Dialect, TransportFaults
from scand.store.reading import open_reader
from tests.support.simulation import ALL, TROUBLE, Simulation, Wrapped, settle

NAMES = {"event_id": "meta.id", "run_id": "run", "events": "data.items", "type": "kind"}
OPAQUE = {"id_kind": "opaque", "order": "created_at"}


def opaque(path: Path, *, names: dict[str, str] | None = None, **options: Any) -> Simulation:
    """A feed of UUIDs, in the order in which its events have arrived."""
    feed = OPAQUE | {"fields": names or {}} | options.pop("feed", {})
    dialect = Dialect(opaque=True, names=names or {})
    return Simulation(path, sections={"feed": feed}, dialect=dialect, **options)


def journaled(simulation: Simulation) -> list[Any]:
    with open_reader(simulation.path) as reader:
        return [row.event.event_id for row in reader.journal()]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("names", [{}, NAMES], ids=["sample", "renamed"])
async def test_a_feed_of_uuids_equals_its_oracle(
    autojump_clock: MockClock, tmp_path: Path, seed: int, names: dict[str, str]
) -> None:
    """With every fault in the data and on the way; what comes twice counts once."""
    world = {"events": 800, "backlog": 500, "rate": 20.0, "seed": seed}
    simulation = opaque(tmp_path / "s.db", names=names, data=ALL, transport=TROUBLE, **world)
    await settle(simulation)
    simulation.assert_equals_oracle()
    ids = journaled(simulation)
    assert len(ids) == len(set(ids))
    assert simulation.summary()["gaps"]["open_ids"] == 0
    assert not simulation.recorder.of(FeedBetrayed)


async def test_seams_cost_no_duplicates(autojump_clock: MockClock, tmp_path: Path) -> None:
    """In one process, the event that two pages share never reaches the store twice."""
    simulation = opaque(tmp_path / "s.db", feed={"limit": 7}, events=300)
    await settle(simulation)
    simulation.assert_equals_oracle()
    assert len(journaled(simulation)) == 300
    committed = [each for each in simulation.recorder.records if hasattr(each, "duplicates")]
    assert sum(each.duplicates for each in committed) == 0


@pytest.mark.parametrize("seed", range(6))
async def test_crashes_change_nothing(autojump_clock: MockClock, tmp_path: Path, seed: int) -> None:
    """Each generation begins at the durable cursor, whose event is repeated, and counts once."""
    dice = Random(seed)

    def crash(_: Request) -> None:
        if dice.random() < 0.1:
            raise ArithmeticError("a bug")

    simulation = opaque(
        tmp_path / "s.db",
        feed={"limit": 10, "retry": {"cap": "1s"}},
        data=ALL,
        events=400,
        backlog=300,
        rate=20.0,
        seed=seed,
    )
    supervisor = simulation.config.supervisor.model_copy(update={"intensity": 1000})
    simulation.config = simulation.config.model_copy(update={"supervisor": supervisor})
    await settle(simulation, feed=partial(Wrapped, before=crash))
    simulation.assert_equals_oracle()
    assert simulation.recorder.of(ChildFailed)
    ids = journaled(simulation)
    assert len(ids) == len(set(ids))


async def test_beginning_with_an_event(autojump_clock: MockClock, tmp_path: Path) -> None:
    """`start_from` names the first event that is wanted."""
    full = opaque(tmp_path / "full.db", events=100)
    await settle(full)
    ids = journaled(full)
    late = opaque(tmp_path / "late.db", feed={"start_from": ids[60]}, events=100)
    await settle(late)
    assert journaled(late) == ids[60:]


# --- servers of integer ids -------------------------------------------------------------


SERVERS = {
    "exclusive, 204 at the head": Dialect(exclusive=True, head=204),
    "exclusive, 404 at the head": Dialect(exclusive=True, head=404),
    "a bare array, 404 at the head": Dialect(bare=True, head=404),
    "an exclusive bare array, 204 at the head": Dialect(bare=True, exclusive=True, head=204),
    "other names": Dialect(names=NAMES),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dialect", SERVERS.values(), ids=SERVERS.keys())
async def test_nothing_is_lost_through_restarts(
    autojump_clock: MockClock, tmp_path: Path, dialect: Dialect, seed: int
) -> None:
    """Whatever the server does with FromEventId and at its head: three processes, one truth."""
    simulation = Simulation(
        tmp_path / "s.db",
        data=DataFaults(missing=0.05, late=0.05, duplicates=0.05),
        transport=TransportFaults(error=0.05, reset=0.05),
        sections={"feed": {"late_window": "30s", "limit": 20, "fields": dict(dialect.names)}},
        events=500,
        backlog=300,
        rate=10.0,
        seed=seed,
        dialect=dialect,
    )
    for _ in range(2):
        async with simulation.parts() as parts:
            with trio.move_on_after(8.0):
                await run_tree(parts)
    await settle(simulation)
    simulation.assert_equals_oracle()
    assert simulation.summary()["gaps"]["given_up_ids"] >= 0
    assert not simulation.recorder.of(FeedBetrayed)
    assert {each.kind for each in simulation.recorder.of(FetchFailed)} <= {"Failed"}


async def test_until_caught_up_at_a_head_of_404(autojump_clock: MockClock, tmp_path: Path) -> None:
    """A run to the head ends there, and a second one begins there."""
    for dialect in (Dialect(bare=True, head=404), Dialect(exclusive=True, head=204)):
        simulation = Simulation(tmp_path / f"{dialect.head}.db", events=300, dialect=dialect)
        for _ in range(2):
            async with simulation.parts(until_caught_up=True) as parts:
                await run_tree(parts)
        simulation.assert_equals_oracle()
