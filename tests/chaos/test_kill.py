"""Killed again and again while it catches up: nothing is lost, and nothing is counted twice."""

import signal
from collections.abc import Callable
from pathlib import Path
from random import Random

from scand.simulator import DataFaults, TransportFaults, WorldPlan
from tests.chaos.evidence import wait_for_commit
from tests.chaos.lives import Lives, lives
from tests.support.processes import Running

KILLS = 24
EVENTS = 100_000
LIMIT = 200
MOST = 2 * EVENTS // LIMIT // KILLS
"""Requests of one life: as a killed one's last pages are lost, all ends come before the head."""

PLAN = WorldPlan(
    events=EVENTS,
    seed=5,
    history=20.0,  # within the late window: every hole is looked at again
    faults=DataFaults(
        missing=0.005,
        late=0.003,
        late_by=8.0,
        malformed=0.005,
        unknown=0.005,
        duplicates=0.02,
        out_of_order=0.1,
    ),
)
ON_THE_WAY = TransportFaults(error=0.01, truncated=0.01, html=0.01, latency=0.01)
PATIENT = f'limit = {LIMIT}\n[feed.retry]\nbase = "1ms"\ncap = "10ms"'

Moment = Callable[[Lives, Running, int, Random], None]


def while_it_asks(alive: Lives, _daemon: Running, count: int, _dice: Random) -> None:
    alive.witness.wait_asked(alive.token, count)


def while_it_reads(alive: Lives, _daemon: Running, count: int, _dice: Random) -> None:
    alive.witness.wait_answered(alive.token, count)


def while_it_commits(alive: Lives, daemon: Running, count: int, dice: Random) -> None:
    alive.witness.wait_asked(alive.token, count)
    wait_for_commit(daemon, alive.setup.store, looks=dice.randint(1, 500))


def after_a_commit(alive: Lives, daemon: Running, count: int, _dice: Random) -> None:
    alive.witness.wait_asked(alive.token, count)
    daemon.line("commit ")


MOMENTS: tuple[Moment, ...] = (while_it_asks, while_it_reads, while_it_commits, after_a_commit)


def test_killed_at_random_moments(tmp_path: Path) -> None:
    """Two dozen kills in one catch-up of a feed with every fault: the end is the oracle's."""
    dice = Random("kill")
    with lives(tmp_path, PLAN, PATIENT, ON_THE_WAY) as alive:
        cursor = 0
        for kill in range(KILLS):
            with alive.begin() as daemon:
                moment = MOMENTS[kill % len(MOMENTS)]
                moment(alive, daemon, 1 + dice.randint(1, MOST), dice)
                assert daemon.end(signal.SIGKILL) == -signal.SIGKILL, daemon.output
            assert "Traceback" not in daemon.output
            if kill:
                alive.assert_goes_on_from(cursor)
            before, cursor = cursor, alive.assert_left_in_order()
            assert before <= cursor < alive.witness.api.world.head
        assert cursor > 0
        alive.follow_to_the_end()
        alive.assert_goes_on_from(cursor)
        alive.assert_right()
