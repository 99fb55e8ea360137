"""The command: what it prints, and with what it ends."""

import pytest

from tests.simulation import __main__ as command
from tests.simulation.faults import Fault, Invariant
from tests.simulation.plants import PLANTS


def ends(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit status of the command."""
    monkeypatch.setattr("sys.argv", ["simulation", *arguments])
    return command.main()


def test_it_reports_what_was_covered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every fault and every invariant; a few seeds cannot fill all cells, which is a failure."""
    assert ends(monkeypatch, "--seeds", "3") == 1
    printed = capsys.readouterr().out
    assert all(fault.value in printed for fault in Fault)
    assert all(invariant.name in printed for invariant in Invariant)
    assert "3 seeds" in printed
    assert "simulated hours" in printed
    assert "never met: " in printed


def test_a_failing_seed_is_told_with_its_replay(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that is printed fails in the same way, and shows how it came to that."""
    plant, _ = PLANTS["parcels_forget"]
    with plant():
        assert ends(monkeypatch, "--seeds", "1", "--start", "7", "--without", "kill,STOP") == 1
        told = capsys.readouterr().out.splitlines()
        assert told[0].startswith(f"seed 7: {Invariant.I1.value}")
        replay = told[1].split()
        assert replay[:3] == ["python", "-m", "tests.simulation"]
        assert ends(monkeypatch, *replay[3:]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert told[0] == f"seed 7: {shown[-1]}"
    assert shown[-2].startswith("digest ")
    assert any("asked " in line for line in shown)


def test_a_sound_seed_replays_in_peace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With nothing to complain of."""
    assert ends(monkeypatch, "--trace", "5") == 0
    assert capsys.readouterr().out.endswith("no violation\n")
