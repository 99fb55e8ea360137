"""The unit as systemd reads it."""

import subprocess

import pytest

from tests.systemd.machine import ROOT, Machine

pytestmark = pytest.mark.systemd


def test_systemd_understands_the_unit(machine: Machine) -> None:
    """`systemd-analyze verify` finds nothing to say."""
    unit = "/run/systemd/system/scand.service"
    done = machine.run("systemd-analyze", "verify", "--recursive-errors=no", "--man=no", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_service_is_little_exposed() -> None:
    """`systemd-analyze security` gives it 2.0 or less."""
    unit = ROOT / "systemd" / "scand.service"
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_drop_in_asks_for_a_newer_type(machine: Machine) -> None:
    """Of the drop-in for systemd 253 and newer, the one at hand misses the type alone."""
    name = "scand.service.d/notify-reload.conf"
    machine.write(f"/etc/systemd/system/{name}", (ROOT / "systemd" / name).read_text())
    unit = "/run/systemd/system/scand.service"
    done = machine.run("systemd-analyze", "verify", "--recursive-errors=no", "--man=no", unit)
    machine.must("rm", "-r", "/etc/systemd/system/scand.service.d")
    (said,) = set(done.stderr.splitlines())
    assert said.endswith("Failed to parse service type, ignoring: notify-reload")
