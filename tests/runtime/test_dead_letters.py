# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""Dead letters of a whole tree, in simulated time: what is repaired or allowed is applied."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from scand.actors.housekeeper import Chore
from scand.actors.replayer import replay
from scand.core.dead_letters import State
from scand.core.review import Outcome, Selection
from scand.live import Live
from scand.records import ChildFailed, PageFetched, Pruned
from scand.runtime.components import build_review
from scand.runtime.daemon import run_tree
from scand.simulator import DataFaults
from scand.simulator.scans import Scan
from scand.store.moving import move_cursor
from scand.store.opening import connect
from scand.store.reading import open_reader
from scand.store.transaction import run
from tests.support.parts import NOON, settings
from tests.support.simulation import Simulation
from tests.support.sync_store import SyncStore

REASONS = {
    ("ParcelId", type(None)): "missing_field",
    ("ParcelId", int): "invalid_parcel_id",
    ("ParcelId", str): "invalid_parcel_id",
    ("CreatedDateTimeUtc", type(None)): "missing_field",
    ("CreatedDateTimeUtc", str): "invalid_created_at",
    ("Type", list): "invalid_field",
    ("Type", type(None)): "missing_field",
    ("StatusCode", dict): "invalid_field",
    ("EventId", str): "invalid_event_id",
    ("EventId", type(None)): "missing_field",
}
"""What is wrong with an event whose field has a value of this type."""


def reason_of(broken: Scan) -> str:
    served, whole = msgspec.json.decode(broken.raw), msgspec.json.decode(broken.whole)
    (name,) = [name for name in whole if served.get(name) != whole[name]]
    return REASONS[name, type(served.get(name))]


def letters(simulation: Simulation, **filters: Any) -> list[dict[str, Any]]:
    with open_reader(simulation.path) as reader:
        listed = reader.dead_letters.listed(Selection(**filters), 10_000)
        found = [reader.dead_letters.one(letter["id"]) for letter in listed]
    return [letter.document() for letter in found if letter]


async def follow(simulation: Simulation, seconds: float = 0.0, **options: Any) -> None:
    """Follow the feed to its head, or for so long."""
    async with simulation.parts(**options) as parts:
        with trio.move_on_after(seconds or 3600.0):
            await run_tree(replace(parts, until_caught_up=not seconds))
    assert not simulation.recorder.of(ChildFailed)


@pytest.mark.parametrize("seed", range(3))
async def test_malformed_events_are_repaired(
    autojump_clock: MockClock, tmp_path: Path, seed: int
) -> None:
    """Each is a dead letter with bytes and reason; read again when it is whole, it is applied."""
    faults = DataFaults(malformed=0.02, missing=0.01, duplicates=0.02, unknown=0.01)
    simulation = Simulation(tmp_path / "s.db", data=faults, events=3000, seed=seed)
    await follow(simulation)
    simulation.assert_equals_oracle()
    broken = [scan for scan in simulation.world._arrived if not scan.valid]
    assert {(one["raw"], one["reason"]) for one in letters(simulation)} == {
        (scan.raw.decode(), reason_of(scan)) for scan in broken
    }
    assert len(broken) > 30

    simulation.world.repair()
    with closing(connect(simulation.path)) as connection:
        run(connection, move_cursor(0, NOON))
    await follow(simulation)
    simulation.assert_equals_oracle()
    assert all(one["event_id"] is None for one in letters(simulation, state=State.OPEN))
    assert all(one["event_id"] for one in letters(simulation, state=State.SUPERSEDED))
    assert simulation.summary()["events"] == 3000


async def test_a_repair_while_it_is_followed(autojump_clock: MockClock, tmp_path: Path) -> None:
    """Events whose id could not be read are missing ids: they are looked for, and found."""
    simulation = Simulation(
        tmp_path / "s.db",
        data=DataFaults(malformed=0.05),
        sections={"feed": {"late_window": "5m"}},
        events=400,
        rate=10.0,
    )

    async def repair_later() -> None:
        await trio.sleep(60.0)
        simulation.world.repair()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(repair_later)
        await follow(simulation, 900.0)
    nameless = [one for one in letters(simulation) if one["event_id"] is None]
    assert nameless
    with open_reader(simulation.path) as reader:
        applied = {row.event.event_id for row in reader.journal()}
    known = {one["event_id"] for one in letters(simulation)}
    assert applied | known >= set(range(1, 401))


async def test_the_catalogue_is_extended(autojump_clock: MockClock, tmp_path: Path) -> None:
    """Replayed while new events come in, what it allows by now is applied, all of it once."""
    simulation = Simulation(
        tmp_path / "s.db",
        data=DataFaults(unknown=0.05, duplicates=0.05),
        sections={"catalogue": {"mode": "strict"}},
        events=1500,
        backlog=1000,
        rate=10.0,
    )
    await follow(simulation)
    waiting = letters(simulation)
    assert {one["reason"] for one in waiting} == {"not_in_catalogue"}
    assert len(waiting) > 30

    simulation.config = settings(simulation.path)  # the open catalogue
    stores: list[SyncStore] = []

    def keep(store: SyncStore) -> SyncStore:
        stores.append(store)
        return store

    outcomes: list[Outcome] = []

    async def operate() -> None:
        await trio.sleep(20.0)
        selection, after = Selection(state=State.OPEN), 0
        while after is not None:
            batch = await replay(
                stores[0],
                msgspec.structs.replace(selection, after=after),
                build_review(simulation.config),
            )
            outcomes.extend(item.outcome for item in batch.items)
            after = batch.after

    async with trio.open_nursery() as nursery:
        nursery.start_soon(operate)
        await follow(simulation, 120.0, store=keep)
    assert set(outcomes) == {Outcome.APPLIED}
    assert len(outcomes) == len(waiting)
    assert letters(simulation, state=State.OPEN) == []
    simulation.assert_equals_oracle()


@pytest.mark.parametrize("shown", [True, False])
async def test_an_open_gap_whose_event_is_replayed(
    autojump_clock: MockClock,
    tmp_path: Path,
    shown: bool,  # noqa: FBT001
) -> None:
    """It does not stay open: it is filled when the carrier shows the event, or given up."""
    simulation = Simulation(
        tmp_path / "s.db",
        data=DataFaults(),
        sections={"feed": {"late_window": "60s"}},
        events=50,
        backlog=40,
        rate=1.0,
    )
    world, rendered = simulation.world, simulation.world._rendered
    whole = rendered[36]
    rendered[36] = whole.replace(b'"EventId":37', b'"EventId":"thirty-seven"')
    stores: list[SyncStore] = []

    def keep(store: SyncStore) -> SyncStore:
        stores.append(store)
        return store

    def reads_words(raws: Any, now: float) -> Any:
        usual = build_review(simulation.config)
        return usual([raw.replace(b'"thirty-seven"', b"37") for raw in raws], now)

    async def operate() -> None:
        await trio.sleep(5.0)
        assert simulation.summary()["gaps"]["open_ids"] == 1
        batch = await replay(stores[0], Selection(state=State.OPEN), reads_words)
        assert [(item.outcome, item.event_id) for item in batch.items] == [("applied", 37)]
        if shown:
            world._rendered[36] = whole

    async with trio.open_nursery() as nursery:
        nursery.start_soon(operate)
        await follow(simulation, 300.0, store=keep)
    gaps = simulation.summary()["gaps"]
    assert gaps["open_ids"] == 0
    assert (gaps["filled_ids"], gaps["given_up_ids"]) == ((1, 0) if shown else (0, 1))
    simulation.assert_equals_oracle()


async def test_closed_letters_are_pruned(autojump_clock: MockClock, tmp_path: Path) -> None:
    """While the feed is followed, those of long ago are removed, told and counted."""
    simulation = Simulation(tmp_path / "s.db", data=DataFaults(malformed=0.05), events=1000)
    await follow(simulation)
    count = simulation.summary()["dead_letters"]["open"]
    async with simulation.parts() as parts:
        store = parts.store
        numbers, _ = await store.choose_letters(Selection())  # type: ignore[attr-defined]
        await store.discard_letters(numbers[:20])  # type: ignore[attr-defined]
        chores = [Chore("dead_letters", 7200.0, store.prune_dead_letters)]  # type: ignore[attr-defined]
        with trio.move_on_after(3 * 3600.0):
            await run_tree(replace(parts, chores=Live(chores)))
    summary = simulation.summary()["dead_letters"]
    assert (summary["open"], summary["discarded"], summary["pruned"]) == (count - 20, 0, 20)
    assert simulation.recorder.of(Pruned) == [Pruned("dead_letters", 20)]
    assert simulation.recorder.of(PageFetched)
