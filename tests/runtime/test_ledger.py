# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""The gap ledger under the whole tree, in simulated time: late, missing, and long gone."""

from contextlib import closing
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from scand.records import ChildFailed, FoundLate
from scand.runtime.daemon import run_tree
from scand.simulator import DataFaults, TransportFaults
from scand.store.moving import move_cursor, rewind
from scand.store.opening import connect
from scand.store.transaction import run
from tests.core.carrier import Scan
from tests.support.late import LONG_AGO, Following, LateFeed, dense
from tests.support.parts import NOON
from tests.support.simulation import Simulation, settle

WINDOW = 600.0
"""The default of `feed.late_window`."""

GIVEN_UP = "SELECT low, high FROM settled_gaps WHERE outcome = 'given_up' ORDER BY low"


# --- late ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
async def test_late_ids_through_an_outage_and_a_restart(
    autojump_clock: MockClock, tmp_path: Path, seed: int
) -> None:
    """A fifth of all ids are late by up to the window; for ten minutes nothing can be asked."""
    simulation = Simulation(
        tmp_path / "s.db",
        data=DataFaults(late=0.2, late_by=WINDOW),
        events=1500,
        backlog=100,
        rate=1.0,
        late_horizon=0.0,
        seed=seed,
    )

    async def trouble() -> None:
        await trio.sleep(300.0)
        simulation.api.faults = TransportFaults(error=1.0)
        await trio.sleep(WINDOW)
        simulation.api.faults = TransportFaults()

    async def die_in_the_middle() -> None:
        async with simulation.parts() as parts:
            with trio.move_on_after(600.0):
                await run_tree(parts)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trouble)
        await die_in_the_middle()
        await settle(simulation, 3 * 3600.0)
    simulation.assert_equals_oracle()
    gaps = simulation.summary()["gaps"]
    assert gaps.pop("filled_ids") > 100
    assert set(gaps.values()) == {0}


@pytest.mark.parametrize("restart_at", [None, 5.0, 400.0, 605.0])
@pytest.mark.parametrize("outage", [[], [(11.0, 609.0)], [(100.0, 700.0)], [(9.0, 609.0)]])
async def test_late_by_exactly_the_window(
    autojump_clock: MockClock,
    tmp_path: Path,
    restart_at: float | None,
    outage: list[tuple[float, float]],
) -> None:
    """An id that becomes visible that long after its successor is still found."""
    scans = [*dense(1, 10, 0.0), Scan(12, 10.0, 10.0), Scan(11, 10.0 + WINDOW, 10.0)]
    following = Following(tmp_path / "s.db", LateFeed(scans, outage))
    if restart_at is not None:
        await following.until(restart_at)
    await following.until(1500.0)
    assert following.ids == list(range(1, 13))
    assert following.gaps["open"] == following.gaps["given_up_ids"] == 0


async def test_late_ids_of_an_outage(autojump_clock: MockClock, tmp_path: Path) -> None:
    """Their successors came during the outage, and were first seen after it, by a new process."""
    scans = dense(1, 10, 0.0)
    for number in range(11, 211, 2):  # 11 is late, 12 is not, ...
        arrives = 100.0 + 3.0 * (number - 11)
        scans += [Scan(number, arrives + WINDOW, arrives), Scan(number + 1, arrives, arrives)]
    following = Following(tmp_path / "s.db", LateFeed(scans, [(90.0, 690.0)]), limit=20)
    await following.until(300.0)
    await following.until(2500.0)
    assert following.ids == list(range(1, 211))
    assert following.gaps["open"] == following.gaps["given_up_ids"] == 0


async def test_old_scans_after_a_restart(autojump_clock: MockClock, tmp_path: Path) -> None:
    """A van uploads its day's scans while scand is restarted: their dates make them no history."""
    van = [
        *dense(11, 20, 500.0, date=LONG_AGO),
        *dense(21, 24, 800.0, date=LONG_AGO),
        *dense(25, 30, 505.0, date=LONG_AGO),
    ]
    following = Following(tmp_path / "s.db", LateFeed([*dense(1, 10, 0.0), *van]))
    await following.until(490.0)
    await trio.sleep_until(510.0)
    await following.until(2000.0)
    assert following.ids == list(range(1, 31))
    assert following.gaps["history_ids"] == 0


async def test_lateness_is_measured_and_warned_of(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Each id by the look that found it; one near the end of the window is told at once."""
    late = {11: 0.5, 13: 50.0, 15: 590.0}
    scans = [*dense(1, 10, 0.0), *(Scan(each + 1, 10.0, 10.0) for each in late)]
    scans += [Scan(each, 10.0 + seconds, 10.0) for each, seconds in late.items()]
    following = Following(tmp_path / "s.db", LateFeed(scans))
    await following.until(1500.0)
    rows = following.rows("SELECT low, settled_at / 1000.0 - since FROM settled_gaps")
    measured = dict(rows)
    assert measured.keys() == late.keys()
    for each, seconds in late.items():
        assert seconds <= measured[each] <= max(2 * seconds, 2.0)
    (warned,) = following.simulation.recorder.of(FoundLate)
    assert (warned.seconds, warned.window) == (measured[15], WINDOW)


# --- missing -----------------------------------------------------------------------------


@pytest.mark.parametrize("restart_at", [100.0, 620.0, 900.0])
async def test_a_gap_for_ever_is_given_up_once(
    autojump_clock: MockClock, tmp_path: Path, restart_at: float
) -> None:
    """With its row; neither a restart nor a rewind opens it again."""
    scans = [*dense(1, 10, 0.0), *dense(14, 20, 10.0), *dense(22, 30, 20.0)]
    following = Following(tmp_path / "s.db", LateFeed(scans))
    await following.until(restart_at)
    await following.until(2000.0)
    assert following.rows(GIVEN_UP) == [(11, 13), (21, 21)]
    with closing(connect(following.simulation.path)) as connection:
        run(connection, rewind(1, NOON + trio.current_time()))
    following.feed.asked.clear()
    await following.until(4000.0)
    assert following.feed.asked[0].from_id <= 1
    assert following.rows(GIVEN_UP) == [(11, 13), (21, 21)]
    assert following.ids == [each.id for each in scans]
    assert following.gaps | {"given_up_ids": 0} == dict.fromkeys(following.gaps, 0)


async def test_a_gap_above_a_cursor_that_is_taken_back(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Set forward by mistake, and back: what is missing beyond is one gap, and given up once."""
    scans = [*dense(1, 10, 0.0), *dense(11, 24, 5.0), *dense(26, 30, 5.0)]
    following = Following(tmp_path / "s.db", LateFeed(scans))
    await following.until(4.0)
    for cursor, until in ((20, 30.0), (5, 1500.0)):
        with closing(connect(following.simulation.path)) as connection:
            run(connection, move_cursor(cursor, NOON + trio.current_time()))
        await following.until(until)
    assert following.ids == [each for each in range(1, 31) if each != 25]
    assert following.rows(GIVEN_UP) == [(25, 25)]
    assert following.gaps["open_ids"] == 0
    assert not following.simulation.recorder.of(ChildFailed)


async def test_nothing_is_given_up_in_an_outage(autojump_clock: MockClock, tmp_path: Path) -> None:
    """The clock alone gives nothing up: it takes an answer that was asked for after the window."""
    scans = [*dense(1, 10, 0.0), *dense(12, 20, 10.0)]
    following = Following(tmp_path / "s.db", LateFeed(scans, [(50.0, 5000.0)]))
    await following.until(4900.0)
    assert (following.gaps["open"], following.gaps["given_up_ids"]) == (1, 0)
    await following.until(6000.0)
    assert following.rows(GIVEN_UP) == [(11, 11)]


# --- history -----------------------------------------------------------------------------


@pytest.mark.parametrize("cap", [1000, 7])
async def test_holes_in_history_are_not_looked_for(
    autojump_clock: MockClock, tmp_path: Path, cap: int
) -> None:
    """Nine ids in ten are missing, and no question asks for them again, whatever happens."""
    old = [Scan(each, LONG_AGO, LONG_AGO) for each in range(1, 20_001, 10)]
    live = [Scan(19_991 + each, 5.0 * each, 5.0 * each) for each in range(1, 100)]
    feed = LateFeed([*old, *live], [(100.0, 700.0)], cap=cap)
    following = Following(tmp_path / "s.db", feed, **{"from": "inclusive"})
    await following.until(300.0)
    await following.until(800.0)
    with closing(connect(following.simulation.path)) as connection:
        run(connection, rewind(1, NOON + trio.current_time()))
    await following.until(1000.0)
    assert following.rereads == 0
    assert following.ids == [each.id for each in feed.scans]
    assert following.gaps | {"history_ids": 0} == dict.fromkeys(following.gaps, 0)
    assert following.gaps["history_ids"] == feed.scans[-1].id - len(feed.scans)
