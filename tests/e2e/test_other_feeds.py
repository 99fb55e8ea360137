"""Real processes over HTTP, following carriers that differ from the sample's."""

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from scand.simulator import DataFaults, Dialect, TransportFaults, WorldPlan
from tests.support.processes import Setup, running
from tests.support.server import carrier, served

NAMES = {"event_id": "meta.id", "parcel_id": "parcel", "run_id": "run.number", "events": "items"}
OPAQUE = 'id_kind = "opaque"\norder = "created_at"'


def fields(names: dict[str, str]) -> str:
    return "\n[feed.fields]\n" + "\n".join(f'{name} = "{path}"' for name, path in names.items())


def assert_right(setup: Setup, oracle: dict[int, Any]) -> None:
    """The store holds what is true, and agrees with its journal."""
    assert setup.parcels() == [dict(oracle[number]) for number in sorted(oracle)]
    verified = setup.scand("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_feed_of_uuids_under_other_names(tmp_path: Path) -> None:
    """Configured alone, without code: caught up with, shown, exported, and gone on with."""
    names = ",".join(f"{name}={path}" for name, path in NAMES.items())
    options = ("--events", 3000, "--faults", "malformed=0.01,duplicates=0.02", "--port", 0)
    with running("simulate", *options, "--dialect", f"opaque,{names}") as simulator:
        url = simulator.line("http://").strip()
        setup = Setup(tmp_path, url, OPAQUE + fields(NAMES))
        for _ in range(2):
            done = setup.scand("run", "--until-caught-up")
            assert done.returncode == 0, done.stderr
            assert "Traceback" not in done.stderr
        text = httpx.get(httpx.URL(url).join("/oracle?order=created_at")).text
        lines = text.splitlines()
        oracle = {parcel["parcel_id"]: parcel for parcel in map(json.loads, lines)}
        stats = httpx.get(httpx.URL(url).join("/stats")).json()
    assert_right(setup, oracle)
    assert setup.scand("export", "parcels").stdout == text
    status = setup.status()
    assert status["cursor"] == stats["head"]
    dead = status["dead_letters"]["open"]
    assert status["events"] + dead == 3000
    number = min(oracle)
    shown = json.loads(setup.scand("parcel", number, "--json").stdout)
    assert {event["event_id"] for event in shown["history"]} >= {shown["latest"]["event_id"]}
    assert shown["latest"] == oracle[number]["latest"]
    events = setup.scand("export", "events").stdout.splitlines()
    assert len({json.loads(event)["event_id"] for event in events}) == status["events"]
    details = setup.scand("dead-letters", "list", "--json").stdout
    assert "meta.id" in details
    assert "EventId" not in details


def test_the_cursor_of_a_feed_of_uuids_is_moved(tmp_path: Path) -> None:
    """To an event, or to the beginning, by the daemon and without one; nothing counts twice."""
    api = carrier(WorldPlan(events=300, dialect=Dialect(opaque=True)))
    with served(api) as url:
        setup = Setup(tmp_path, url, OPAQUE)
        assert setup.scand("run", "--until-caught-up").returncode == 0
        ids = [event["event_id"] for event in map(json.loads, exported(setup))]
        moved = setup.scand("cursor", "set", ids[100], "--yes")
        assert moved.stdout == f"cursor {ids[100]} (it was {ids[-1]})\n", moved.stderr
        assert setup.scand("run", "--until-caught-up").returncode == 0
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            moved = setup.scand("cursor", "set", "", "--yes")
            assert moved.stdout == f"cursor - (it was {ids[-1]})\n", moved.stderr
            daemon.line("feed.caught_up")
            assert daemon.end(signal.SIGTERM) == 0
        assert_right(setup, api.api.world.oracle("created_at"))
    assert setup.status()["events"] == 300
    audit = json.loads(setup.scand("cursor", "show", "--json").stdout)["audit"]
    assert [row["now"] for row in audit] == [ids[100], ""]


def exported(setup: Setup) -> list[str]:
    return setup.scand("export", "events").stdout.splitlines()


def test_a_cursor_that_is_gone_halts_the_feed(tmp_path: Path) -> None:
    """A run to the head says what is wrong; the other policy begins at the feed's beginning."""
    first, second = (
        carrier(WorldPlan(events=200, seed=seed, dialect=Dialect(opaque=True))) for seed in (1, 2)
    )
    hasty = '[feed.retry]\nrefused_pause = "100ms"'
    with served(first) as url:
        setup = Setup(tmp_path, url, f"{OPAQUE}\n{hasty}")
        assert setup.scand("run", "--until-caught-up").returncode == 0
    with served(second) as url:
        text = setup.path.read_text()
        setup.path.write_text(text.replace(text.split('"')[1], url))
        halted = setup.scand("run", "--until-caught-up")
        assert halted.returncode == 1
        assert "is no longer in the feed" in halted.stderr
        assert "Traceback" not in halted.stderr
        text = setup.path.read_text()
        setup.path.write_text(text.replace(OPAQUE, OPAQUE + '\non_reset = "continue"'))
        assert setup.scand("run", "--until-caught-up").returncode == 0
    assert setup.status()["events"] == 400


@pytest.mark.parametrize(
    "dialect",
    [Dialect(exclusive=True, head=204), Dialect(bare=True, head=404)],
    ids=["exclusive, 204 at the head", "a bare array, 404 at the head"],
)
def test_nothing_is_lost_through_restarts(tmp_path: Path, dialect: Dialect) -> None:
    """Killed in the middle, stopped at the head, and caught up with again while the feed grows."""
    data = DataFaults(missing=0.05, late=0.02, late_by=0.5, duplicates=0.02)
    plan = WorldPlan(
        events=3000, backlog=2000, rate=400.0, faults=data, dialect=dialect, late_horizon=0.0
    )
    api = carrier(plan, TransportFaults(latency=0.01))
    with served(api) as url:
        setup = Setup(tmp_path, url, 'late_window = "2s"')
        setup.add('[logs]\nlevel = "debug"\n')
        with setup.running("run") as daemon:
            daemon.line("commit")
            assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            assert daemon.end(signal.SIGTERM) == 0
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            while not (api.api.world.settled and caught_up(setup.ask("/api/status").json())):
                assert daemon.process.poll() is None, daemon.output
            assert daemon.end(signal.SIGTERM) == 0
        assert "Traceback" not in daemon.output
        assert "feed.reset" not in daemon.output
        assert_right(setup, api.api.world.oracle())


def caught_up(status: dict[str, Any]) -> bool:
    return bool(status["lag_seconds"] == 0 and not status["gaps"]["open"])


def test_other_fields_are_another_feed(tmp_path: Path) -> None:
    """A store that was written with other names is refused, with the setting named."""
    api = carrier(WorldPlan(events=50))
    with served(api) as url:
        setup = Setup(tmp_path, url)
        assert setup.scand("run", "--until-caught-up").returncode == 0
        setup.add('[feed.fields]\nrun_id = "run"\n')
        done = setup.scand("run", "--until-caught-up")
    assert done.returncode == 2
    assert "feed.fields.run_id = 'User.RunId', not 'run'" in done.stderr
    with closing(sqlite3.connect(setup.store)) as connection:
        assert connection.execute("SELECT fields FROM feed").fetchone() == ("{}",)
