"""A disk that fills up: scand says so, waits, answers what it knows, and goes on when it can."""

import json
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scand.simulator import DataFaults, TransportFaults, WorldPlan
from scand.store.opening import migrations
from tests.chaos.evidence import left_behind
from tests.chaos.lives import Lives, lives
from tests.chaos.small_disk import SmallDisk, small_disk

PLAN = WorldPlan(events=8_000, faults=DataFaults(missing=0.01, malformed=0.005, duplicates=0.02))
SLOWLY = TransportFaults(latency=0.04)
HASTY_END = '[supervisor]\ndrain_timeout = "200ms"\n'
UNDO_LAST_MIGRATION = f"""
ALTER TABLE journal DROP COLUMN trace_id;
ALTER TABLE dead_letters DROP COLUMN trace_id;
DROP TABLE tracing;
PRAGMA user_version = {len(migrations()) - 1};
"""
FULL = "the disk is full"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", "12m") as disk:
        yield disk


@pytest.fixture
def alive(tmp_path: Path, disk: SmallDisk) -> Iterator[Lives]:
    with lives(tmp_path, PLAN, transport=SLOWLY, disk=disk) as alive:
        yield alive


def assert_reads(alive: Lives, events: int) -> None:
    """Whoever asks what the store knows is told."""
    state = alive.setup.scand("parcel", 5001, "--json")
    assert state.returncode == 0, state.stderr
    assert json.loads(state.stdout)["latest"]["event_id"] > 0
    everything = alive.setup.scand("export", "events")
    assert everything.returncode == 0, everything.stderr
    assert everything.stdout.count("\n") == events
    verified = alive.setup.scand("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_full_and_freed_again(alive: Lives, disk: SmallDisk) -> None:
    """It waits with the reason, alive and readable; with room again, it goes on by itself."""
    with alive.begin() as daemon:
        daemon.line("commit ")
        disk.fill()
        assert FULL in daemon.line("store.blocked")
        waiting = alive.setup.status()
        assert FULL in waiting["daemon"]["waiting"]
        assert FULL in alive.setup.scand("status").stdout
        assert 0 < waiting["cursor"] < alive.witness.api.world.head
        assert_reads(alive, waiting["events"])
        assert alive.assert_left_in_order() == waiting["cursor"]
        disk.free()
        daemon.line("feed.caught_up")
        going = alive.setup.status()["daemon"]
        assert (going["pid"], going["restarts"], going["waiting"]) == (daemon.pid, {}, None)
        assert daemon.end(signal.SIGTERM) == 0
    assert "crashed" not in daemon.output
    alive.assert_right()


def test_stopped_while_it_waits(alive: Lives, disk: SmallDisk) -> None:
    """SIGTERM does not wait for room, and what did not fit is asked for again."""
    alive.setup.add(HASTY_END)
    with alive.begin() as daemon:
        daemon.line("commit ")
        disk.fill()
        daemon.line("store.blocked")
        assert daemon.end(signal.SIGTERM) == 0
    assert "Traceback" not in daemon.output
    cursor = alive.assert_left_in_order()
    disk.free()
    alive.assert_right()
    alive.assert_goes_on_from(cursor)


def test_killed_and_started_again_while_there_is_no_room(alive: Lives, disk: SmallDisk) -> None:
    """The next one waits as well, from where the first was, and goes on when there is room."""
    with alive.begin() as daemon:
        daemon.line("commit ")
        disk.fill()
        daemon.line("store.blocked")
        assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
    cursor = alive.assert_left_in_order()
    with alive.begin() as daemon:
        assert FULL in daemon.line("store.blocked")
        assert_reads(alive, alive.setup.status()["events"])
        assert alive.assert_left_in_order() == cursor
        disk.free()
        daemon.line("feed.caught_up")
        assert daemon.end(signal.SIGTERM) == 0
    alive.assert_goes_on_from(cursor)
    alive.assert_right()


def assert_waits_for_room(alive: Lives) -> None:
    """A start says in one line that there is no room, waits for some, and ends when it is told."""
    with alive.begin() as daemon:
        assert FULL in daemon.line("store.blocked")
        assert daemon.end(signal.SIGTERM) == 0
    assert "Traceback" not in daemon.output


def test_a_store_at_rest_on_a_full_disk(alive: Lives, disk: SmallDisk) -> None:
    """It can be read though nothing can be written beside it; the daemon starts with room again."""
    with alive.begin() as daemon:
        daemon.line("commit ")
        assert daemon.end(signal.SIGTERM) == 0
    events = len(left_behind(alive.file).applied)
    disk.fill()
    assert_reads(alive, events)
    assert_waits_for_room(alive)
    disk.free()
    alive.assert_right()


def test_a_new_store_on_a_full_disk(alive: Lives, disk: SmallDisk) -> None:
    """However little room there is, a store that cannot be made is waited for, and made later."""
    for room in (0, 1, 3, 8, 16):
        disk.fill(but=room)
        assert_waits_for_room(alive)
    disk.free()
    alive.assert_right()


def test_a_migration_without_room_for_a_copy(alive: Lives, disk: SmallDisk, tmp_path: Path) -> None:
    """It waits with the store as it was, and goes on by itself when there is room."""
    with alive.begin() as daemon:
        daemon.line("commit ")
        assert daemon.end(signal.SIGTERM) == 0
    older = shutil.copy(alive.file, tmp_path / "older.db")
    with closing(sqlite3.connect(older)) as connection:
        connection.executescript(UNDO_LAST_MIGRATION)
    shutil.copyfile(older, alive.file)
    disk.fill(but=8)
    with alive.begin() as daemon:
        assert "a copy takes" in daemon.line("store.blocked")
        disk.free()
        daemon.line("store_migrated")
        daemon.line("feed.caught_up")
        assert daemon.end(signal.SIGTERM) == 0
    alive.assert_right()
