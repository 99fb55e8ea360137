"""The life of the service under a real systemd."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from scand.simulator import Clock, DataFaults, TransportFaults, World, WorldPlan, create_app
from tests.chaos.witness import Witness
from tests.support.server import carrier, served
from tests.systemd.conftest import Install
from tests.systemd.service import SCAND, TOKEN, Service

pytestmark = pytest.mark.systemd

NOWHERE = "http://127.0.0.1:9/v1/scans/scanevents"
"""The discard port: nobody listens."""

RUNNING = {"ActiveState": "active", "SubState": "running"}
ENDED_WELL = {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}
AT_ONCE = "RestartSec=1ms"

BUSY = WorldPlan(
    events=30_000,
    seed=7,
    late_horizon=0.0,
    faults=DataFaults(duplicates=0.02, out_of_order=0.1, malformed=0.005, missing=0.005),
)


@contextmanager
def witnessed(
    plan: WorldPlan, transport: TransportFaults | None = None
) -> Iterator[tuple[Witness, str]]:
    """A carrier that can be waited for, and its address."""
    witness = Witness(create_app(World(plan, Clock(seconds=time.monotonic)), transport))
    with served(witness) as url:
        yield witness, url


def truth(witness: Witness) -> list[dict[str, Any]]:
    """What every parcel must look like."""
    oracle = witness.api.world.oracle()
    return [dict(oracle[number]) for number in sorted(oracle)]


# --- start -----------------------------------------------------------------------


def test_it_is_ready_without_the_carrier(install: Install) -> None:
    """`systemctl start` succeeds while the carrier is down; the status says what is waited for."""
    with install(NOWHERE) as service:
        service.start()
        assert service.show(*RUNNING) == RUNNING
        service.wait_for("feed.failed")
        service.wait_status("waiting: ")
        assert service.status()["daemon"]["pid"]


def test_the_status_says_how_far_it_is(install: Install) -> None:
    """`systemctl status` shows cursor and lag."""
    with witnessed(WorldPlan(events=50)) as (witness, url), install(url) as service:
        service.start()
        service.wait_status(f"cursor {witness.api.world.head}, at the head")


def test_opening_the_store_may_take_longer_than_a_start(install: Install) -> None:
    """systemd is asked for more time while the store is made ready, and the start succeeds."""
    limit, unit = 3, "[Service]\nTimeoutStartSec=3s\n"
    with install(NOWHERE) as service, witnessed(WorldPlan(events=50)) as (_, url):
        service.start()
        service.stop()
        service.configure(url)  # another address is written into the store when it is opened
        service.change(unit)
        with service.locked() as release_in:
            service.machine.systemctl("start", "--no-block", "scand")
            service.wait_status("opening /var/lib/scand/scand.db")
            release_in(limit + 0.5)
            service.wait(NRestarts="0", **RUNNING)
        assert service.start_took() > limit
        service.wait_for("feed.caught_up")


def test_a_mistake_in_the_configuration_is_not_tried_again(install: Install) -> None:
    """Exit status 2 is final, and the journal names the key."""
    with install(NOWHERE, text='limit = "many"') as service:
        assert service.machine.run("systemctl", "start", "scand").returncode
        assert service.show("ActiveState", "ExecMainStatus", "NRestarts") == {
            "ActiveState": "failed",
            "ExecMainStatus": "2",
            "NRestarts": "0",
        }
        assert "feed.limit" in service.log()
        assert "Traceback" not in service.log()


# --- reload ------------------------------------------------------------------------


def test_a_reload_keeps_the_process(install: Install) -> None:
    """`systemctl reload` applies the file with the same pid, or says why not; it stays active."""
    with witnessed(WorldPlan(events=50)) as (_, url), install(url) as service:
        service.start()
        service.wait_for("feed.caught_up")
        pid = service.pid
        service.configure(url, text="limit = 70")
        service.reload()
        service.wait_for("reload.applied", "feed.limit")
        service.wait_status("reload applied")
        service.configure(url, text="limit = 71\n[processors]\nshards = 7")
        service.reload()
        service.wait_for("reload.refused", "processors.shards")
        service.configure(url, text="limit = 0")
        service.reload()
        service.wait_for("reload.invalid", "feed.limit")
        assert service.show(*RUNNING) == RUNNING
        service.configure(url)
        status = service.status()
        assert (service.pid, status["daemon"]["pid"], status["shards"]) == (pid, pid, 4)


# --- end and new start -------------------------------------------------------------


def test_it_stops_in_time_while_the_carrier_hangs(install: Install) -> None:
    """SIGTERM ends a request under way, and systemd need not insist."""
    hanging = carrier(WorldPlan(events=10), mode="hang")
    with served(hanging) as url, install(url) as service:
        service.start()
        service.wait_for("scand.following")
        service.stop()
        service.wait(**ENDED_WELL)


def test_the_state_survives(install: Install) -> None:
    """The next process goes on from the cursor of the one before, in the same directory."""
    with witnessed(WorldPlan(events=500)) as (witness, url), install(url) as service:
        service.start()
        service.wait_for("feed.caught_up")
        service.stop()
        before = len(witness.asked[TOKEN])
        service.start()
        witness.wait_asked(TOKEN, before + 1)
        assert witness.asked[TOKEN][before] == witness.api.world.head
        assert service.parcels() == truth(witness)


def test_a_frozen_process_is_killed_by_the_watchdog(install: Install) -> None:
    """A process that no longer runs is aborted and started again, and goes on."""
    unit = f"[Service]\nWatchdogSec=2s\n{AT_ONCE}\n"
    with served(carrier(WorldPlan(events=50))) as url, install(url, unit=unit) as service:
        service.start()
        frozen = service.pid
        service.kill("STOP")
        service.wait(NRestarts="1", **RUNNING)
        assert service.pid != frozen
        service.wait_for("Watchdog timeout", "Fatal Python error: Aborted", "feed.caught_up")


def test_killed_in_the_middle_of_a_catch_up(install: Install) -> None:
    """`kill -9` four times on the way: it ends with the oracle's state."""
    unit = f"[Service]\n{AT_ONCE}\n"
    with witnessed(BUSY, TransportFaults(error=0.01)) as (witness, url):
        text = '[feed.retry]\nbase = "1ms"\ncap = "5ms"'
        with install(url, text=text, unit=unit) as service:
            service.start()
            for life in range(1, 5):
                witness.wait_asked(TOKEN, 40 * life)
                assert "feed.caught_up" not in service.log()
                service.kill("KILL")
                service.wait(NRestarts=str(life), **RUNNING)
            service.wait_for("feed.caught_up")
            service.stop()
            assert service.parcels() == truth(witness)
            service.scand("verify")


def test_a_crash_loop_comes_to_an_end(install: Install) -> None:
    """systemd gives up after the limit, and what scand said last names the cause."""
    limit = "[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=1h\n"
    unit = f"{limit}[Service]\n{AT_ONCE}\n"
    text = "[supervisor]\nintensity = 0"
    with install(NOWHERE, text=text, unit=unit) as service:
        service.start()
        service.stop()
        sabotage(service)
        service.machine.run("systemctl", "start", "scand")
        service.wait_for("Start request repeated too quickly.")
        service.wait(ActiveState="failed", NRestarts="3")
        last = service.said()[-1]
        assert last.startswith("scand: ingest: more than 0 restarts within 60 s")
        assert "nothing is written here any more" in last


def sabotage(service: Service) -> None:
    """No generation can begin any more, and it is nobody's event."""
    service.sql(
        "CREATE TRIGGER no BEFORE UPDATE ON feed"
        " BEGIN SELECT RAISE(ABORT, 'nothing is written here any more'); END"
    )


# --- secrets -----------------------------------------------------------------------


def test_the_token_is_sent_and_never_shown(install: Install) -> None:
    """The carrier gets it; journal, status, environment and arguments do not."""
    text = '[feed.retry]\nbase = "1ms"\n[feed.breaker]\nfailures = 1000\n[logs]\nlevel = "debug"'
    trouble = TransportFaults(error=0.5)
    with (
        witnessed(WorldPlan(events=2000), trouble) as (witness, url),
        install(url, text=text) as service,
    ):
        service.start()
        service.wait_for("feed.failed", "feed.caught_up")
        assert witness.asked.keys() == {TOKEN}
        assert not [text for text in shown(service) if TOKEN in text]


def shown(service: Service) -> Iterator[str]:
    """Whatever is there for others to read."""
    process = service.machine.root / "proc" / str(service.pid)
    yield service.machine.journal("--output", "verbose")
    yield service.machine.systemctl("status", "--full", "scand")
    yield service.machine.systemctl("show", "scand")
    yield service.scand("status", "--json")
    yield service.machine.must(SCAND, "check-config", "/etc/scand/scand.toml")
    yield (process / "cmdline").read_text()
    yield (process / "environ").read_text()


def test_a_feed_without_a_token_needs_no_file(install: Install) -> None:
    """A missing token file stops nobody who has not asked for one."""
    with served(carrier(WorldPlan(events=50))) as url, install(url) as service:
        service.configure(url, token="")
        service.machine.must("rm", "/etc/scand/token")
        service.start()
        service.wait_for("feed.caught_up")
