"""Dead letters with the real commands: repaired, allowed, tried again and given up."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scand.core.catalogue import SHIPPED
from scand.simulator import DataFaults, WorldPlan
from tests.support.processes import PATIENCE, Running, Setup, running
from tests.support.server import carrier, served

EVENTS = 4000
STRICT = '[catalogue]\nmode = "strict"\n'


@pytest.fixture
def simulator() -> Iterator[httpx.URL]:
    """`scand simulate`: one event in fifty is malformed, and as many are of an unknown kind."""
    faults = "malformed=0.02,unknown=0.02,missing=0.01"
    with running("simulate", "--events", EVENTS, "--port", 0, "--faults", faults) as process:
        yield httpx.URL(process.line("http://").strip())


def truth(simulator: httpx.URL) -> list[dict[str, Any]]:
    answer = httpx.get(simulator.join("/oracle"))
    return [json.loads(line) for line in answer.text.splitlines()]


def listed(setup: Setup, *options: object) -> list[dict[str, Any]]:
    done = setup.scand("dead-letters", "list", "--limit", 10_000, "--json", *options)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def settle(setup: Setup, enough: Callable[[dict[str, Any]], bool]) -> None:
    """Wait until the daemon's status says so."""
    deadline = time.monotonic() + PATIENCE
    while not (setup.socket.is_socket() and enough(setup.ask("/api/status").json())):
        assert time.monotonic() < deadline, setup.status()


def outcomes(setup: Setup, *command: object) -> list[str]:
    done = setup.scand("dead-letters", *command, "--json")
    assert "Traceback" not in done.stderr
    return [json.loads(line)["outcome"] for line in done.stdout.splitlines()]


def test_repaired_and_read_again(tmp_path: Path, simulator: httpx.URL) -> None:
    """What was malformed is served whole: read again, all of it is applied, by a running daemon."""
    setup = Setup(tmp_path, str(simulator))
    with setup.running("run") as daemon:
        settle(setup, lambda status: status["events"] + status["dead_letters"]["open"] == EVENTS)
        letters = listed(setup)
        assert len(letters) > 40
        assert setup.parcels() == truth(simulator)
        assert set(outcomes(setup, "replay", "--all")) == {"failed_again"}
        httpx.post(simulator.join("/repair"))
        assert setup.scand("cursor", "set", 0, "--yes").returncode == 0
        settle(setup, lambda status: status["events"] == EVENTS)
        nameless = listed(setup)
        assert setup.parcels() == truth(simulator)
        assert all(letter["event_id"] is None for letter in nameless)
        assert len(listed(setup, "--state", "superseded")) == len(letters) - len(nameless) > 0
        given_up = outcomes(setup, "discard", "--all", "--yes")
        assert given_up == ["discarded"] * len(nameless)
        dead = setup.status()["dead_letters"]
        assert (dead["open"], dead["discarded"]) == (0, len(nameless))
        daemon.line("dead_letters.discard", f"discarded={len(nameless)}")
        assert daemon.end(signal.SIGTERM) == 0
    assert setup.scand("verify").returncode == 0


@pytest.mark.parametrize("runs", [True, False])
def test_the_catalogue_is_extended(
    tmp_path: Path,
    simulator: httpx.URL,
    runs: bool,  # noqa: FBT001
) -> None:
    """What the strict catalogue turned away is replayed once it is listed, daemon or not."""
    setup = Setup(tmp_path, str(simulator))
    setup.add(STRICT)
    assert setup.scand("run", "--until-caught-up").returncode == 0
    refused = listed(setup, "--reason", "not_in_catalogue")
    assert len(refused) > 40
    assert setup.parcels() != truth(simulator)
    allowed = sorted({letter["detail"].split()[0].rstrip("/") for letter in refused})
    setup.add(f"known = {json.dumps([*SHIPPED, *allowed])}\n")
    replay = ("replay", "--reason", "not_in_catalogue")
    if runs:
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            found = outcomes(setup, *replay)
            daemon.line("dead_letters.replay", f"applied={len(found)}")
            assert daemon.end(signal.SIGTERM) == 0
    else:
        found = outcomes(setup, *replay)
    # beside a daemon some come again by themselves, as neighbours of a gap that is looked at
    assert set(found) == {"applied"}
    assert runs or len(found) == len(refused)
    assert outcomes(setup, *replay) == []
    assert setup.parcels() == truth(simulator)
    assert setup.scand("verify").returncode == 0


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    with served(carrier(WorldPlan(events=200, faults=DataFaults(malformed=0.1)))) as url:
        yield Setup(tmp_path, url, listen="127.0.0.1:0")


@pytest.fixture
def daemon(setup: Setup) -> Iterator[Running]:
    with setup.running("run") as daemon:
        daemon.line("feed.caught_up")
        yield daemon


def test_the_socket_takes_steps(setup: Setup, daemon: Running) -> None:
    """Nonsense is refused, nothing is meant by silence, and a step says where to go on."""
    transport = httpx.HTTPTransport(uds=str(setup.socket))
    count = len(listed(setup))
    with httpx.Client(transport=transport, base_url="http://scand/api/dead-letters/") as client:
        for nonsense in ({}, [], {"after": 3}, {"reason": "bad"}, {"ids": ["x"]}, {"colour": 1}):
            assert client.post("discard", json=nonsense).status_code == 400
        assert client.post("discard", json={"ids": [*range(1, 1002)]}).status_code == 400
        assert client.get("replay").status_code == 405
        assert client.post("forget", json={"state": "open"}).status_code == 404
        assert len(listed(setup)) == count
        step = client.post("discard", json={"ids": [1, 2], "up_to": 1}).json()
        assert [(item["id"], item["outcome"]) for item in step["items"]] == [(1, "discarded")]
        assert step["after"] is None
        again = client.post("discard", json={"reason": "missing_field", "up_to": 1}).json()
        assert again["items"] == []
    assert daemon.end(signal.SIGTERM) == 0


def test_a_daemon_that_ends_meanwhile(setup: Setup, daemon: Running) -> None:
    """Killed, it leaves the letters to whoever comes next, and the command does without it."""
    daemon.end(signal.SIGKILL)
    assert set(outcomes(setup, "discard", "--all", "--yes")) == {"discarded"}
    assert listed(setup) == []
