"""`scand demo`, as the first thing anybody runs."""

import signal
from pathlib import Path

from tests.support.processes import environment, running, scand


def test_the_demo_ends_with_its_verdict(tmp_path: Path) -> None:
    """Bounded by events and time, it says what was true; the environment has no say in it."""
    elsewhere = tmp_path / "elsewhere.db"
    variables = {"SCAND_STORE__PATH": str(elsewhere), "SCAND_FEED__NAME": "mine"}
    done = scand("demo", "--events", 500, "--for", "2s", env=environment(variables))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verdict: state equals the oracle" in done.stdout
    assert done.stderr == ""
    assert not elsewhere.exists()


def test_ctrl_c_ends_the_demo(tmp_path: Path) -> None:
    """Ctrl-C is the usual end: what was sent so far is caught up with, and judged."""
    options = ("--events", 100_000, "--for", "10m", "--faults", "none")
    with running("demo", *options, env=environment({"TMPDIR": str(tmp_path)})) as demo:
        demo.line("cursor")
        assert demo.end(signal.SIGINT) == 0
    assert "verdict: state equals the oracle" in demo.output
    assert "Traceback" not in demo.output
    assert not list(tmp_path.iterdir())


def test_ctrl_c_twice_ends_the_demo_at_once(tmp_path: Path) -> None:
    """The impatient get no verdict, no traceback and no leftovers."""
    with running("demo", "--for", "10m", env=environment({"TMPDIR": str(tmp_path)})) as demo:
        demo.line("cursor")
        demo.line("cursor")
        demo.process.send_signal(signal.SIGINT)
        demo.line("cursor")
        assert demo.end(signal.SIGINT) != 0
    assert "Traceback" not in demo.output
    assert "verdict" not in demo.output
    assert not list(tmp_path.iterdir())
