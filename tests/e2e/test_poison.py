"""Processes over real HTTP: an event that breaks every page it is on, and what becomes of it."""

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from starlette.types import Receive, Scope, Send

from tests.hostile.carrier import good, page_of
from tests.support.processes import Setup
from tests.support.server import served

BROKEN = 137


class Carrier:
    """Serves events 1..300, of which one has a quote that nobody escaped until it is mended."""

    def __init__(self) -> None:
        self.mended = False
        self.asked: list[tuple[int, int]] = []

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        query = parse_qs(scope["query_string"].decode())
        from_id, limit = int(query["FromEventId"][0]), int(query["Limit"][0])
        self.asked.append((from_id, limit))
        ids = range(max(from_id, 1), 301)[:limit]
        body = page_of(self.event(each) for each in ids)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def event(self, event_id: int) -> bytes:
        raw = good(event_id)
        sound = event_id != BROKEN or self.mended
        return raw if sound else raw.replace(b"TRANSIT", b'"TRANSIT')


@pytest.fixture
def carrier() -> Carrier:
    return Carrier()


@pytest.fixture
def setup(tmp_path: Path, carrier: Carrier) -> Iterator[Setup]:
    """A daemon's configuration; one failure more than poison costs would open the breaker."""
    with served(carrier) as url:
        setup = Setup(tmp_path, url)
        setup.add("[feed.breaker]\nfailures = 3\n")
        yield setup


def dead_letters(setup: Setup) -> list[tuple[str, int, bytes]]:
    with closing(sqlite3.connect(setup.store)) as connection:
        return connection.execute("SELECT reason, event_id, raw FROM dead_letters").fetchall()


def events(setup: Setup) -> set[int]:
    done = setup.scand("export", "events", "--format", "jsonl")
    return {json.loads(line)["event_id"] for line in done.stdout.splitlines()}


def test_a_broken_event_is_isolated(setup: Setup, carrier: Carrier) -> None:
    """It is a dead letter with its page, the rest is applied, and the breaker was not touched."""
    done = setup.scand("run", "--until-caught-up")
    assert done.returncode == 0, done.stderr
    assert events(setup) == set(range(1, 301)) - {BROKEN}
    page = page_of([carrier.event(BROKEN)])
    assert dead_letters(setup) == [("unreadable", BROKEN, page)]
    assert setup.status()["cursor"] == 300
    assert "feed.poison" in done.stderr
    assert "breaker.changed" not in done.stderr
    assert "Traceback" not in done.stderr
    assert len(carrier.asked) <= 30
    assert setup.scand("verify").returncode == 0


def test_a_mended_event_is_applied(setup: Setup, carrier: Carrier) -> None:
    """The daemon looks for it until `late_window` has passed, across a restart."""
    assert setup.scand("run", "--until-caught-up").returncode == 0
    carrier.mended = True
    with setup.running("run") as daemon:
        daemon.line("feed.caught_up")
        while setup.ask("/api/status").json()["gaps"]["open"]:
            assert daemon.process.poll() is None, daemon.output
        assert daemon.end(signal.SIGTERM) == 0
    assert events(setup) == set(range(1, 301))
    listed = setup.scand("dead-letters", "list", "--state", "superseded", "--json")
    assert [letter["event_id"] for letter in json.loads(listed.stdout)] == [BROKEN]


def test_a_halt_waits_for_the_carrier(setup: Setup, carrier: Carrier) -> None:
    """With the policy to halt, the daemon stays alive before the event, says so, and goes on."""
    path = setup.path
    path.write_text(path.read_text().replace("[store]", 'on_poison = "halt"\n[store]', 1))
    setup.add('[feed.retry]\nrefused_pause = "200ms"\n')
    with setup.running("run") as daemon:
        daemon.line("feed.poison", "halt")
        while "feed.on_poison" not in str(setup.ask("/api/status").json()["daemon"]["waiting"]):
            assert daemon.process.poll() is None, daemon.output
        assert setup.status()["cursor"] == BROKEN - 1
        assert setup.status()["breaker"] == "closed"
        carrier.mended = True
        daemon.line("feed.caught_up", "cursor=300")
        assert daemon.end(signal.SIGTERM) == 0
    assert events(setup) == set(range(1, 301))
    assert dead_letters(setup) == []
    assert "poison" in setup.scand("cursor", "show").stdout


def test_an_end_before_it_is_refused(setup: Setup) -> None:
    """A run that is to end at the head names the event and the way out, and no traceback."""
    path = setup.path
    path.write_text(path.read_text().replace("[store]", 'on_poison = "halt"\n[store]', 1))
    done = setup.scand("run", "--until-caught-up")
    assert done.returncode == 1
    assert f"event {BROKEN}" in done.stderr
    assert "scand cursor" in done.stderr
    assert "Traceback" not in done.stderr
