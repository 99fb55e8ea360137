"""Tests that need what a machine may lack are left out there, and that is said."""

import shutil

import pytest

from tests.systemd.machine import hindrance

LEFT_OUT = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--systemd",
        choices=("always", "if-possible", "never"),
        default="if-possible",
        help="whether to run the tests that boot a real systemd (as root, in namespaces)",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what cannot run here; `.ci/run` runs everything."""
    said = config.stash.setdefault(LEFT_OUT, [])
    for marker, why in _hindrances(config).items():
        needing = [item for item in items if why and item.get_closest_marker(marker)]
        if needing:
            config.hook.pytest_deselected(items=needing)
            items[:] = [item for item in items if item not in needing]
            said.append(f"{len(needing)} {marker} tests were left out: {why}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out, and why."""
    for line in terminalreporter.config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(line)


def _hindrances(config: pytest.Config) -> dict[str, str]:
    """What keeps the tests with a marker from running, if anything does."""
    wanted = config.getoption("--systemd")
    return {
        "promtool": "" if shutil.which("promtool") else "`apt-get install prometheus` brings it",
        "systemd": {"always": "", "never": "as asked"}.get(wanted, hindrance()),
    }
