"""What systemd hears, and in which words."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scand.runtime.notify import Notifier
from tests.support.notified import Notified, notified


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Notified]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@scand-test-{os.getpid()}"
    with notified(address) as taker:
        yield taker


def test_the_words_of_the_protocol(systemd: Notified) -> None:
    """Each thing that is told is one datagram, at a path or at an abstract address."""
    notifier = Notifier(systemd.address)
    notifier.extend("migrating", 30.0)
    notifier.ready("cursor 1")
    notifier.alive()
    notifier.stopping("draining", 35.0)
    assert systemd.messages() == [
        {"STATUS": "migrating", "EXTEND_TIMEOUT_USEC": "30000000"},
        {"READY": "1", "STATUS": "cursor 1"},
        {"WATCHDOG": "1"},
        {"STOPPING": "1", "STATUS": "draining", "EXTEND_TIMEOUT_USEC": "35000000"},
    ]


def test_a_reload_says_when_it_began(systemd: Notified) -> None:
    """`Type=notify-reload` wants the time of CLOCK_MONOTONIC in microseconds."""
    before = time.monotonic_ns() // 1000
    Notifier(systemd.address).reloading()
    (told,) = systemd.messages()
    assert told["RELOADING"] == "1"
    assert before <= int(told["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000


def test_what_the_carrier_says_is_no_message(systemd: Notified) -> None:
    """A status is one line of a bounded length, whatever is in it."""
    Notifier(systemd.address).status("the body begins 'x\nREADY=1\r\n" + "y" * 10_000)
    (told,) = systemd.messages()
    assert told.keys() == {"STATUS"}
    assert len(told["STATUS"]) <= 200


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@scand-nobody", "vsock:2:1"])
def test_nobody_needs_to_listen(address: str) -> None:
    """Without a socket, or with one that is gone, nothing is told and nothing fails."""
    Notifier(address).ready("all is well")


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "120000000"}, 120.0),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": str(os.getpid())}, 120.0),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_for_whom_it_names(environ: dict[str, str], seconds: float | None) -> None:
    """It is fed if the environment says how often, and means this process."""
    assert Notifier.of(environ).watchdog == seconds
