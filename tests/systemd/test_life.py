"""The life of the service under a real systemd."""

import pytest

from scand.simulator import WorldPlan
from tests.support.server import carrier, served
from tests.systemd.conftest import Install

pytestmark = pytest.mark.systemd

NOWHERE = "http://127.0.0.1:9/v1/scans/scanevents"
"""The discard port: nobody listens."""

RUNNING = {"ActiveState": "active", "SubState": "running"}


def test_it_is_ready_without_the_carrier(install: Install) -> None:
    """`systemctl start` returns while the carrier is down, and the status says what is waited for."""
    with install(NOWHERE) as service:
        service.start()
        assert service.show(*RUNNING) == RUNNING
        service.wait_for("feed.failed")
        assert service.status()["daemon"]["waiting"]
