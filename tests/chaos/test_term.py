"""Stopped while a commit is running: it is finished, and so is all that was handed on."""

import re
import signal
from pathlib import Path
from random import Random

import pytest

from scand.simulator import DataFaults, WorldPlan
from scand.store.reading import open_reader
from scand.store.verify import verify
from tests.chaos.evidence import wait_for_commit
from tests.chaos.lives import lives
from tests.support.processes import Running

STOPS = 6
LIMIT = 2_000
"""Events in a page, and so at the least in a commit, which takes some time for that."""

PLAN = WorldPlan(
    events=60_000,
    history=60.0,  # within the late window: what has no readable id is looked for as a gap
    seed=7,
    faults=DataFaults(missing=0.005, malformed=0.005, duplicates=0.02, out_of_order=0.1),
)


def fetched_last(daemon: Running) -> list[int]:
    """The cursors behind the last two pages; the later may have been in the fetcher's hands."""
    cursors = re.findall(r"page\.fetched .* cursor=(\d+)", daemon.output)
    return [int(cursor) for cursor in cursors[-2:]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_within_a_commit(tmp_path: Path, number: signal.Signals) -> None:
    """Every stop ends well: what was handed on is committed, and nothing is half there."""
    dice = Random(f"stop {number}")
    with lives(tmp_path, PLAN, f"limit = {LIMIT}") as alive:
        store = alive.setup.store
        for _ in range(STOPS):
            with alive.begin() as daemon:
                alive.witness.wait_asked(alive.token, dice.randint(2, 3))
                wait_for_commit(daemon, store, looks=dice.randint(1, 5_000))
                assert daemon.end(number) == 0
            assert "Traceback" not in daemon.output
            assert "drained=True" in daemon.lines[-1]
            cursor = alive.assert_left_in_order()
            assert cursor in fetched_last(daemon)
            assert cursor < alive.witness.api.world.head
            with open_reader(store) as reader:
                assert verify(reader).ok
        alive.assert_right()
        alive.assert_goes_on_from(cursor)
