"""A backup of a daemon that catches up, restored elsewhere: it ends with the same truth."""

import shutil
import signal
from pathlib import Path

from scand.simulator import DataFaults, TransportFaults, WorldPlan
from tests.support.processes import Setup
from tests.support.server import carrier, served

DEBUG = '[logs]\nlevel = "debug"\n'


def test_a_backup_is_restored_and_goes_on(tmp_path: Path) -> None:
    """Taken during a catch-up, restored on a clean folder: the copy continues from its cursor."""
    plan = WorldPlan(events=20_000, faults=DataFaults(missing=0.05, duplicates=0.02), history=9e6)
    api = carrier(plan, TransportFaults(latency=0.02))
    first, clean = tmp_path / "first", tmp_path / "clean"
    first.mkdir()
    clean.mkdir()
    with served(api) as url:
        setup = Setup(first, url)
        setup.add(DEBUG)
        copy = tmp_path / "copy"
        with setup.running("run") as daemon:
            for _ in range(20):
                daemon.line("commit")
            done = setup.scand("backup", copy)
            assert (done.returncode, done.stderr) == (0, "")
            daemon.line("commit")  # which the copy has not kept from going on
            assert daemon.end(signal.SIGTERM) == 0
        restored = Setup(clean, url)
        shutil.copyfile(copy, restored.store)
        cursor, before = restored.status()["cursor"], len(api.asked)
        assert 0 < cursor < setup.status()["cursor"] < api.api.world.head
        finished = restored.scand("run", "--until-caught-up")
        assert finished.returncode == 0, finished.stderr
        assert api.asked[before] == cursor
    oracle = api.api.world.oracle()
    assert restored.parcels() == [dict(oracle[number]) for number in sorted(oracle)]
    assert restored.scand("verify").returncode == 0
    assert not list(tmp_path.glob(".*.partial"))


def test_a_backup_takes_the_place_of_a_crashed_store(tmp_path: Path) -> None:
    """Restored where a killed daemon has left its log: it is refused until that is removed."""
    api = carrier(WorldPlan(events=300))
    with served(api) as url:
        setup = Setup(tmp_path, url)
        copy = tmp_path / "copy"
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            assert setup.scand("backup", copy).returncode == 0
            assert setup.scand("cursor", "set", 0, "--yes").returncode == 0
            daemon.line("feed.caught_up")
            assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
        shutil.copyfile(copy, setup.store)
        refused = setup.scand("run", "--until-caught-up")
        assert refused.returncode == 2
        assert f"remove {setup.store}-wal" in refused.stderr
        assert "Traceback" not in refused.stderr
        for suffix in ("-wal", "-shm"):
            setup.store.with_name(setup.store.name + suffix).unlink()
        assert setup.scand("run", "--until-caught-up").returncode == 0
    assert setup.status()["events"] == 300
    assert setup.scand("verify").returncode == 0
