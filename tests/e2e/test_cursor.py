"""Moving the cursor of a daemon that runs, and of one that halts."""

import json
import signal
from pathlib import Path

import httpx
import pytest

from scand.simulator import WorldPlan
from tests.support.processes import Setup, environment
from tests.support.server import carrier, served

SOON = '[feed.retry]\nrefused_pause = "1s"'
"""What is found is believed soon."""


def audit(setup: Setup) -> list[tuple[str, int, int]]:
    shown = json.loads(setup.scand("cursor", "show", "--json").stdout)
    return [(row["action"], row["was"], row["now"]) for row in shown["audit"]]


def test_a_running_daemon_is_sent_back(tmp_path: Path) -> None:
    """It reads again from there at once, counts nothing twice, and is not restarted for it."""
    api = carrier(WorldPlan(events=500))
    with served(api) as url:
        setup = Setup(tmp_path, url)
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up", "500")
            api.asked.clear()
            done = setup.scand("cursor", "set", 100, "--yes")
            assert (done.returncode, done.stdout) == (
                0,
                "cursor 100 (it was 500); 0 ids skipped\n",
            )
            daemon.line("scand.following", "cursor=100")
            daemon.line("feed.caught_up", "500")
            status = setup.status()
            assert daemon.end(signal.SIGTERM) == 0
    assert 101 in api.asked
    assert (status["events"], status["daemon"]["restarts"]) == (500, {})
    assert audit(setup) == [("cursor_set", 500, 100)]
    assert setup.scand("verify").returncode == 0


def test_a_halted_daemon_goes_on_where_it_is_told(tmp_path: Path) -> None:
    """After a reset it waits, says why, serves reads, and follows the new feed when told to."""
    with served(carrier(WorldPlan(events=500))) as url:
        setup = Setup(tmp_path, url, SOON)
        assert setup.scand("run", "--until-caught-up").returncode == 0
    small = carrier(WorldPlan(events=40, seed=7))
    with served(small) as url:
        moved = {"SCAND_FEED__URL": url}
        refused = setup.scand("run", "--until-caught-up", env=environment(moved))
        assert refused.returncode == 1
        assert "ends below 500" in refused.stderr
        assert "scand cursor" in refused.stderr
        with setup.running("run", env=environment(moved)) as daemon:
            daemon.line("feed.reset", "halt")
            assert "says to halt" in setup.status()["daemon"]["waiting"]
            assert setup.scand("parcel", 5001).returncode == 0
            assert setup.scand("cursor", "set", 0, "--yes").returncode == 0
            daemon.line("feed.caught_up", "cursor=40")
            assert daemon.end(signal.SIGTERM) == 0
    assert audit(setup) == [("reset", 500, 500), ("cursor_set", 500, 0)]


def test_the_cursor_is_not_for_the_network(tmp_path: Path) -> None:
    """Over TCP nothing can be changed; over the socket nonsense is refused."""
    with served(carrier(WorldPlan(events=5))) as url:
        setup = Setup(tmp_path, url, listen="127.0.0.1:0")
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            transport = httpx.HTTPTransport(uds=str(setup.socket))
            with httpx.Client(transport=transport, base_url="http://scand") as client:
                for nonsense in ({}, [], {"cursor": -1}, {"cursor": "x"}, {"cursor": 2**64}):
                    assert client.post("/api/cursor", json=nonsense).status_code == 400
                assert client.post("/api/cursor", content=b"{").status_code == 400
                assert client.get("/api/cursor").status_code == 405
            assert daemon.end(signal.SIGTERM) == 0
    assert audit(setup) == []


@pytest.mark.parametrize("policy", ["halt", "continue"])
def test_events_that_aged_out_are_told(tmp_path: Path, policy: str) -> None:
    """The loss is in the audit and in the status, whatever the policy."""
    with served(carrier(WorldPlan(events=50))) as url:
        setup = Setup(tmp_path, url, f'on_retention_gap = "{policy}"\n{SOON}')
        assert setup.scand("run", "--until-caught-up").returncode == 0
    with served(carrier(WorldPlan(events=50, start_id=1000))) as url:
        moved = environment({"SCAND_FEED__URL": url})
        done = setup.scand("run", "--until-caught-up", env=moved)
    halted = policy == "halt"
    assert done.returncode == (1 if halted else 0)
    assert audit(setup) == [("retention_gap", 50, 50 if halted else 999)]
    status = setup.status()
    assert status["gaps"]["lost_ids"] == (0 if halted else 949)
    assert status["events"] == (50 if halted else 100)


def test_a_mistyped_cursor_can_be_taken_back(tmp_path: Path) -> None:
    """Holes in what was skipped for a moment are looked for, and nothing counts as skipped."""
    with served(carrier(WorldPlan(events=100))) as url:
        setup = Setup(tmp_path, url)
        assert setup.scand("run", "--until-caught-up").returncode == 0
        assert "999900 ids skipped" in setup.scand("cursor", "set", 1000000, "--yes").stdout
        assert "0 ids skipped" in setup.scand("cursor", "set", 100, "--yes").stdout
    shown = json.loads(setup.scand("cursor", "show", "--json").stdout)
    assert (shown["cursor"], shown["high"]) == (100, 100)
    assert setup.status()["gaps"]["skipped_ids"] == 0
