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


def test_the_drop_in_changes_what_it_says() -> None:
    """It is for systemd 253: the one at hand reads all but the type."""
    drop_in = ROOT / "systemd" / "scand.service.d" / "notify-reload.conf"
    assert "Type=notify-reload\n" in drop_in.read_text()
