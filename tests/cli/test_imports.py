"""What a command loads: looking at a store is quick, and needs no daemon's libraries."""

import subprocess
import sys

import pytest

HEAVY = {
    *("aiosqlite", "hypercorn", "pybreaker", "starlette", "structlog", "trio", "trio_asyncio"),
    *("scand.runtime.daemon", "scand.simulator"),
}

LIGHT = ("status", "parcel", "events", "export", "verify", "cursor", "dead_letters", "check_config")


@pytest.mark.parametrize("command", LIGHT)
def test_a_command_that_looks_loads_no_daemon(command: str) -> None:
    """No event loop, no server and no breaker are imported to read a store."""
    code = f"import sys, scand.cli.{command}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())
