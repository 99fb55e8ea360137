"""Real processes: what is pruned while they run, and what is read again afterwards."""

import json
import signal
from pathlib import Path

import httpx

from scand.core.continuity import WITNESSES
from scand.simulator import DataFaults, WorldPlan
from tests.support.processes import Setup, environment
from tests.support.server import carrier, served

PLAN = WorldPlan(events=3_000, faults=DataFaults(missing=0.02, malformed=0.01))
PRUNES = environment({"SCAND_STORE__KEEP_EVENTS": "0s"})


def test_everything_is_pruned_and_read_again(tmp_path: Path) -> None:
    """By a daemon that runs, told over its socket; state, proof and counts are as before."""
    api = carrier(PLAN)
    with served(api) as url:
        setup = Setup(tmp_path, url)
        assert setup.scand("run", "--until-caught-up").returncode == 0
        parcels, before = setup.parcels(), setup.status()
        with setup.running("run", env=PRUNES) as daemon:
            count = before["events"] - WITNESSES
            assert f"rows={count}" in daemon.line("events.pruned")
            pruned = setup.status()
            assert (pruned["events"], pruned["pruned_events"]) == (WITNESSES, count)
            assert setup.scand("verify").returncode == 0
            api.asked.clear()
            done = setup.scand("rewind", "--to", 100, "--yes")
            assert done.stdout.startswith("reading again from 100 on")
            daemon.line("scand.following", "cursor=99")
            daemon.line("feed.caught_up")
            status = setup.status()
            assert daemon.end(signal.SIGTERM) == 0
    assert 100 in api.asked
    assert status["daemon"]["totals"].get("applied", 0) == 0
    assert status["daemon"]["totals"]["duplicates"] > 2_000
    assert status["dead_letters"] == before["dead_letters"]
    assert status["gaps"] == before["gaps"]
    assert setup.parcels() == parcels
    assert setup.scand("verify").returncode == 0
    audit = json.loads(setup.scand("cursor", "show", "--json").stdout)["audit"]
    assert [(row["action"], row["now"]) for row in audit] == [("rewind", 99)]


def test_the_daemon_goes_back_only(tmp_path: Path) -> None:
    """Whoever asks it over the socket to go on elsewhere is not heard, nor is nonsense."""
    with served(carrier(WorldPlan(events=50))) as url:
        setup = Setup(tmp_path, url)
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            transport = httpx.HTTPTransport(uds=str(setup.socket))
            with httpx.Client(transport=transport, base_url="http://scand") as client:
                for nonsense in ({}, [], {"to": -1}, {"to": "nine"}, {"to": 2**63}):
                    assert client.post("/api/rewind", json=nonsense).status_code == 400
                moved = client.post("/api/rewind", json={"to": 51}).json()
                assert moved == {"was": 50, "now": 50, "skipped": 0}
            assert daemon.end(signal.SIGTERM) == 0
    assert json.loads(setup.scand("cursor", "show", "--json").stdout)["audit"] == []


def test_the_status_of_a_daemon_answers_for_its_completeness(tmp_path: Path) -> None:
    """Over HTTP as on the command line: up to where, since when, and how late ids were."""
    with served(carrier(WorldPlan(events=50))) as url:
        setup = Setup(tmp_path, url, 'late_window = "90s"')
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            document = setup.ask("/api/status").json()
            assert daemon.end(signal.SIGTERM) == 0
    known = document["completeness"]
    assert (known["complete_up_to"], known["open_gaps"], known["open_dead_letters"]) == (50, 0, 0)
    assert (document["lateness"]["late_window"], document["lateness"]["found"]) == (90.0, 0)
    assert document["pruned_events"] == 0
