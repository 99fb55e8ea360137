"""systemd/README.md, followed to the letter on a machine that has never seen scand."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scand.simulator import WorldPlan
from tests.support.server import carrier, served
from tests.systemd.machine import ROOT, Machine, booted

pytestmark = pytest.mark.systemd

README = (ROOT / "systemd" / "README.md").read_text()
SOURCE = "/usr/local/src/scand"
URL = "https://carrier.example/v1/scans/scanevents"
SECTIONS = dict(re.findall(r"^## (.+?)\n(.+?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL))
INSTALLING = 600.0
"""Seconds that two installations from a package index get."""


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Machine]:
    """A machine with a checkout and nothing else."""
    with booted(None, tmp_path) as machine:
        checkout = machine.root / SOURCE.removeprefix("/")
        for name in ("scand", "config", "systemd"):
            shutil.copytree(ROOT / name, checkout / name)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, checkout)
        yield machine


def test_every_command_in_its_order(bare: Machine) -> None:
    """Installed, started, upgraded, rolled back, backed up and moved, and the state is there."""
    with served(carrier(WorldPlan(events=200))) as url:
        follow(bare, "Install")
        follow(bare, "First start", url)
        bare.wait_for("feed.caught_up")
        for section in (
            *("See it run", "Replace the token", "Change the configuration"),
            *("Upgrade", "Roll back", "Back up"),
        ):
            follow(bare, section)
            assert "running, pid" in bare.must("scand", "status")
        bare.must("bash", "-c", "systemctl stop scand; rm /var/lib/private/scand/scand.db")
        run(bare, blocks("Roll back")[-1])
        assert "running, pid" in bare.must("scand", "status")
        leave, arrive = blocks("Move to another machine")
        run(bare, leave)
        bare.must("rm", "-r", "/var/lib/private/scand", "/etc/scand")
        run(bare, arrive)
        bare.wait("scand.service", ActiveState="active")
        assert "200 events" in bare.must("scand", "verify")


def test_each_section_with_commands_is_followed() -> None:
    """A new section with commands has its place in the test above."""
    followed = Path(__file__).read_text()
    assert not [name for name in SECTIONS if blocks(name) and f'"{name}"' not in followed]


def blocks(section: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", SECTIONS[section], re.DOTALL)


def follow(machine: Machine, section: str, url: str = URL) -> None:
    for block in blocks(section):
        run(machine, block.replace(URL, url))


def run(machine: Machine, block: str) -> None:
    script = f"cd {SOURCE}\n{block}"
    machine.must("bash", "-euo", "pipefail", "-c", script, timeout=INSTALLING)
