"""Processes over real HTTP: everything is caught up with, whatever ends the daemon on the way."""

import json
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from scand.simulator import DataFaults, TransportFaults, WorldPlan
from tests.support.processes import Running, Setup, running
from tests.support.server import Watched, carrier, served

DEBUG = '[logs]\nlevel = "debug"\n'


def truth_of(api: Watched) -> list[dict[str, Any]]:
    oracle = api.api.world.oracle()
    return [dict(oracle[number]) for number in sorted(oracle)]


def assert_right(setup: Setup, truth: list[dict[str, Any]]) -> None:
    """The store holds what is true, and agrees with its journal."""
    assert setup.parcels() == truth
    verified = setup.scand("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def commits(daemon: Running, count: int) -> None:
    """Wait until so many more transactions are durable."""
    for _ in range(count):
        daemon.line("commit")


@pytest.fixture
def slow_carrier() -> Watched:
    """A feed with holes that takes a second or more to read."""
    plan = WorldPlan(events=6000, faults=DataFaults(missing=0.1, duplicates=0.02), history=9e6)
    return carrier(plan, TransportFaults(latency=0.04))


def test_a_feed_with_missing_ids(tmp_path: Path) -> None:
    """A tenth of the ids never exists: every event is applied, and the state is the truth."""
    options = ("--events", 20_000, "--faults", "missing=0.1", "--port", 0)
    with running("simulate", *options) as simulator:
        url = simulator.line("http://").strip()
        setup = Setup(tmp_path, url, "limit = 1000")
        done = setup.scand("run", "--until-caught-up")
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        oracle = httpx.get(httpx.URL(url).join("/oracle")).text
        stats = httpx.get(httpx.URL(url).join("/stats")).json()
        assert_right(setup, [json.loads(line) for line in oracle.splitlines()])
    assert stats["distinct_ids_served"] == 20_000
    assert setup.status()["events"] == 20_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_in_the_middle(
    tmp_path: Path, slow_carrier: Watched, number: signal.Signals
) -> None:
    """Stopped and started again: it goes on where it was, and the result is the same."""
    with served(slow_carrier) as url:
        setup = Setup(tmp_path, url)
        setup.add(DEBUG)
        with setup.running("run", "--until-caught-up") as daemon:
            commits(daemon, 10)
            assert daemon.end(number) == 0
        assert "Traceback" not in daemon.output
        assert "drained=True" in daemon.lines[-1]
        cursor, before = setup.status()["cursor"], len(slow_carrier.asked)
        assert 0 < cursor < slow_carrier.api.world.head
        assert setup.scand("run", "--until-caught-up").returncode == 0
        assert slow_carrier.asked[before] >= cursor
        assert_right(setup, truth_of(slow_carrier))
    # at most the page in flight, the echo of the cursor at both first contacts, and at the head
    assert slow_carrier.api.stats.events_served <= 6000 * 1.03 + 100 + 10


def test_kill_in_the_middle(tmp_path: Path, slow_carrier: Watched) -> None:
    """Killed three times: what was committed stays, and the result is the same."""
    with served(slow_carrier) as url:
        setup = Setup(tmp_path, url)
        setup.add(DEBUG)
        cursors = [0]
        for count in (1, 5, 9):
            with setup.running("run", "--until-caught-up") as daemon:
                commits(daemon, count)
                assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
            cursors.append(setup.status()["cursor"])
        assert cursors == sorted(set(cursors))
        assert setup.scand("run", "--until-caught-up").returncode == 0
        assert_right(setup, truth_of(slow_carrier))


def test_every_fault_at_once(tmp_path: Path) -> None:
    """A live feed with every fault the simulator has: in the end the state is the truth."""
    data = DataFaults(
        missing=0.02, late=0.02, late_by=0.5, malformed=0.02, unknown=0.02, duplicates=0.05
    )
    trouble = TransportFaults(error=0.1, reset=0.05, truncated=0.05, html=0.03, cap=70)
    plan = WorldPlan(events=2000, backlog=1500, rate=1000.0, faults=data, late_horizon=0.0)
    api = carrier(plan, trouble)
    with served(api) as url:
        retry = '[feed.retry]\nbase = "5ms"\n[feed.breaker]\nreset_after = "100ms"'
        setup = Setup(tmp_path, url, f'late_window = "2s"\n{retry}')
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            while not (api.api.world.settled and caught_up(setup.ask("/api/status").json())):
                assert daemon.process.poll() is None, daemon.output
            assert daemon.end(signal.SIGTERM) == 0
        assert "Traceback" not in daemon.output
        assert_right(setup, truth_of(api))


def caught_up(status: dict[str, Any]) -> bool:
    return bool(status["lag_seconds"] == 0 and not status["gaps"]["open"])
