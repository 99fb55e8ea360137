"""What a running daemon shows to Prometheus."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from scand.simulator import DataFaults, TransportFaults, WorldPlan
from tests.support.processes import Running, Setup
from tests.support.server import carrier, served
from tests.support.sockets import free_port

FAULTS = DataFaults(missing=0.05, malformed=0.05, unknown=0.02, duplicates=0.05)


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture
def setup(tmp_path: Path, ports: tuple[int, int]) -> Iterator[Setup]:
    api = carrier(WorldPlan(events=500, faults=FAULTS, seed=3), TransportFaults(cap=50))
    admin, alone = ports
    with served(api) as url:
        setup = Setup(tmp_path, url, listen=f"127.0.0.1:{admin}")
        setup.add(f'[metrics]\nlisten = "127.0.0.1:{alone}"\n')
        yield setup


@pytest.fixture
def daemon(setup: Setup) -> Iterator[Running]:
    with setup.running("run") as daemon:
        daemon.line("feed.caught_up")
        yield daemon


@pytest.fixture
def text(daemon: Running, setup: Setup) -> str:  # noqa: ARG001 - it answers
    return setup.ask("/metrics").text


def test_metrics_agree_with_the_status(setup: Setup, text: str) -> None:
    """Two ways to ask one daemon, one truth."""
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    status = setup.status()
    totals = status["daemon"]["totals"]
    assert samples["scand_events_total", "applied"] == totals["applied"] == status["events"] > 0
    assert samples["scand_events_total", "dead_letter"] > 0
    assert samples["scand_received_bytes_total",] > 10_000
    assert samples["scand_cursor_event_id",] == status["cursor"]
    assert samples["scand_journal_rows_total",] == status["events"]
    for reason, count in status["dead_letters"]["by_reason"].items():
        assert samples["scand_open_dead_letters", reason] == count
    assert samples["scand_channel_capacity_messages", "pages"] > 0
    assert samples["scand_lag_seconds",] == 0


def test_every_door_shows_them(daemon: Running, setup: Setup, ports: tuple[int, int]) -> None:
    """The admin server's address, its socket, and an address of their own."""
    admin, alone = ports
    for answer in (
        setup.ask("/metrics"),
        httpx.get(f"http://127.0.0.1:{admin}/metrics"),
        httpx.get(f"http://127.0.0.1:{alone}/metrics"),
    ):
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert "scand_build_info" in answer.text
    assert httpx.get(f"http://127.0.0.1:{alone}/api/status").status_code == 404
    assert "crashed" not in daemon.output


@pytest.mark.promtool
def test_promtool_has_nothing_to_say(text: str) -> None:
    """Prometheus's own linter reads what a running daemon shows."""
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
