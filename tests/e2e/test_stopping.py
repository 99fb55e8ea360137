"""Signals in every state of a running daemon, and what else can befall the process."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scand.simulator import WorldPlan
from tests.support.processes import SCAND, Setup, environment
from tests.support.server import Watched, carrier, served

IMPATIENT = """
[feed.retry]
base = "5ms"
cap = "20ms"
[feed.breaker]
failures = 3
reset_after = "%s"
"""


@pytest.fixture
def api() -> Watched:
    return carrier(WorldPlan(events=200))


def test_sigterm_with_a_closed_breaker(tmp_path: Path, api: Watched) -> None:
    """At the idle head of a healthy feed, SIGTERM ends the daemon with status 0."""
    with served(api) as url:
        setup = Setup(tmp_path, url)
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            assert daemon.end(signal.SIGTERM) == 0
        assert "drained=True" in daemon.lines[-1]
        assert not list(tmp_path.glob("*.sock"))


@pytest.mark.parametrize(("state", "reset_after"), [("open", "1h"), ("half-open", "50ms")])
def test_sigterm_with_a_tripped_breaker(
    tmp_path: Path, api: Watched, state: str, reset_after: str
) -> None:
    """An open breaker, or a probe without an answer, does not hold up the end."""
    api.mode = "error"
    with served(api) as url:
        setup = Setup(tmp_path, url, IMPATIENT % reset_after)
        with setup.running("run") as daemon:
            daemon.line("breaker.changed", "new=open")
            api.mode = "hang"
            if state == "half-open":
                daemon.line("breaker.changed", "new=half-open")
            assert daemon.end(signal.SIGTERM) == 0
        assert "Traceback" not in daemon.output
        assert "scand.stopped" in daemon.lines[-1]


def test_sigint_twice(tmp_path: Path, api: Watched) -> None:
    """An impatient Ctrl-C, Ctrl-C ends it without a traceback."""
    with served(api) as url:
        setup = Setup(tmp_path, url)
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            daemon.process.send_signal(signal.SIGINT)
            assert daemon.end(signal.SIGINT) in {0, 1}
        assert "Traceback" not in daemon.output


def test_a_second_instance_is_refused(tmp_path: Path, api: Watched) -> None:
    """A store in use is left alone: one message that names the pid, exit status 2."""
    with served(api) as url:
        setup = Setup(tmp_path, url)
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            second = setup.scand("run")
            assert second.returncode == 2
            assert f"is in use by another scand (pid {daemon.pid})" in second.stderr
            assert "Traceback" not in second.stderr
            assert setup.status()["daemon"]["pid"] == daemon.pid
            assert daemon.end(signal.SIGTERM) == 0


def test_a_port_in_use_does_not_touch_ingest(tmp_path: Path, api: Watched) -> None:
    """The admin server cannot bind its port: that is logged, and the feed is followed."""
    with served(api) as url, socket.create_server(("127.0.0.1", 0)) as taken:
        setup = Setup(tmp_path, url, listen=f"127.0.0.1:{taken.getsockname()[1]}")
        with setup.running("run") as daemon:
            daemon.line("admin.crashed", "Address already in use")
            assert daemon.end(signal.SIGTERM) == 0
        assert setup.scand("run", "--until-caught-up").returncode == 0
        assert setup.status()["cursor"] == 200


def test_a_changed_configuration_is_no_business_of_the_running_daemon(
    tmp_path: Path, api: Watched
) -> None:
    """A file that was broken under a daemon stops commands, with a message, and not the daemon."""
    with served(api) as url:
        setup = Setup(tmp_path, url)
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            good = setup.path.read_text()
            setup.path.write_text("[feed\n")
            assert setup.scand("status").returncode == 2
            setup.path.write_text(good)
            assert setup.status()["daemon"]["pid"] == daemon.pid
            assert daemon.end(signal.SIGTERM) == 0


def test_a_reader_of_the_logs_that_goes_away(tmp_path: Path, api: Watched) -> None:
    """Log lines that nobody takes any more do not stop the daemon."""
    with served(api) as url:
        setup = Setup(tmp_path, url)
        read, write = os.pipe()
        os.close(read)
        try:
            setup.scand("run", "--until-caught-up", stderr=write)
        finally:
            os.close(write)
        assert setup.status()["cursor"] == 200


def test_a_wrong_path_is_said_loudly(tmp_path: Path, api: Watched) -> None:
    """404 at first contact: a warning that says so, and a daemon that is not ready."""
    with served(api) as url:
        setup = Setup(tmp_path, url + "/v2")
        with setup.running("run") as daemon:
            assert "404" in daemon.line("feed.not_found")
            assert "404" in setup.scand("status").stdout
            assert daemon.end(signal.SIGTERM) == 0


def test_an_unknown_host_is_retried(tmp_path: Path) -> None:
    """A name that does not resolve may do so later: it is retried, and SIGTERM ends it."""
    setup = Setup(tmp_path, "http://carrier.invalid/scans")
    with setup.running("run") as daemon:
        assert "cannot connect" in daemon.line("feed.failed")
        assert daemon.end(signal.SIGTERM) == 0
    assert "Traceback" not in daemon.output


def test_a_stop_before_it_is_ready(tmp_path: Path, api: Watched) -> None:
    """SIGTERM at any moment of the start ends the process, and leaves a store that can be used."""
    with served(api) as url:
        setup = Setup(tmp_path, url)
        for wait in (False, True):
            with setup.running("run") as daemon:
                if wait:
                    daemon.line("scand.following")
                assert daemon.end(signal.SIGTERM) in {0, -signal.SIGTERM}
            assert "Traceback" not in daemon.output
        assert setup.scand("run", "--until-caught-up").returncode == 0


def test_output_that_nobody_reads(tmp_path: Path, api: Watched) -> None:
    """`scand export | head -1` ends quietly."""
    with served(api) as url:
        setup = Setup(tmp_path, url)
        assert setup.scand("run", "--until-caught-up").returncode == 0
    command = f"{SCAND} export events --config {setup.path} | head -1"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, check=False, env=environment()
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    with Path("/dev/full").open("w") as full:
        done = setup.scand("export", "events", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == "scand: [Errno 28] No space left on device\n"


@pytest.mark.parametrize(
    "harm",
    [Path.unlink, lambda store: store.rename(store.with_name("other.db"))],
    ids=["deleted", "moved"],
)
def test_a_store_that_is_harmed(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """A store that is deleted or moved under the daemon ends it, with what to do."""
    with served(carrier(WorldPlan(events=None, backlog=20_000, rate=100))) as url:
        setup = Setup(tmp_path, url, '[logs]\nlevel = "debug"\n')
        with setup.running("run") as daemon:
            daemon.line("commit ", "cursor=2")
            harm(setup.store)
            assert daemon.end() == 2
        assert "was deleted, moved or replaced" in daemon.output
        assert "hint: " in daemon.output
        assert "Traceback" not in daemon.output


def test_a_log_that_is_deleted(tmp_path: Path) -> None:
    """It ends the daemon, which saves what was in there, and the next one goes on from that."""
    with served(carrier(WorldPlan(events=None, backlog=20_000, rate=100))) as url:
        setup = Setup(tmp_path, url, '[logs]\nlevel = "debug"\n')
        with setup.running("run") as daemon:
            daemon.line("commit ")
            log = setup.store.with_name("s.db-wal")
            log.unlink()
            assert daemon.end() == 1  # which is worth another try
        assert f"{log} was deleted while scand was running" in daemon.output
        assert "Traceback" not in daemon.output
        known = setup.scand("verify")
        assert known.returncode == 0
        assert setup.status()["cursor"] == committed(daemon.output)
        assert setup.scand("run", "--until-caught-up").returncode == 0


def committed(output: str) -> int:
    """The cursor that the log names last."""
    return int(re.findall(r"\bcommit .*cursor=(\d+)", output)[-1])


def test_sighup_ends_nothing(tmp_path: Path, api: Watched) -> None:
    """A terminal that closes does not end the daemon."""
    with served(api) as url:
        setup = Setup(tmp_path, url)
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            daemon.process.send_signal(signal.SIGHUP)
            assert daemon.end(signal.SIGTERM) == 0
        assert "drained=True" in daemon.lines[-1]
