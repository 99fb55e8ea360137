"""Tests that need a tool which a machine may lack are left out there, and that is said."""

import shutil

import pytest

TOOL = "promtool"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what needs promtool where there is none; `.ci/run` installs it."""
    if shutil.which(TOOL):
        return
    needing = [item for item in items if item.get_closest_marker(TOOL)]
    if needing:
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out, and how to change that."""
    left_out = [
        item
        for item in terminalreporter.stats.get("deselected", ())
        if item.get_closest_marker(TOOL)
    ]
    if left_out:
        terminalreporter.write_line(
            f"{TOOL} is not there, so {len(left_out)} tests were left out:"
            " `apt-get install prometheus` brings it"
        )
