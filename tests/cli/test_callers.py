"""Who may change what a daemon does: root and its own user; others may look.

Where the tests run as root, the caller is nobody; elsewhere the only other user is root.
"""

import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from scand.simulator import WorldPlan
from scand.web.admin import may_change
from tests.store.privileges import without_privileges
from tests.support.commands import Call, Shop
from tests.support.processes import PATIENCE, Running, Setup
from tests.support.server import carrier, served

CHANGES = (
    *("reload", "reload/compare", "cursor", "rewind"),
    *("dead-letters/replay", "dead-letters/discard"),
)


@pytest.fixture
def setup() -> Iterator[Setup]:
    """In a folder that everybody may enter, with a store that may be read."""
    with tempfile.TemporaryDirectory() as folder, served(carrier(WorldPlan(events=50))) as url:
        Path(folder).chmod(0o755)
        yield Setup(Path(folder), url)


@pytest.fixture
def daemon(setup: Setup) -> Iterator[Running]:
    with setup.running("run") as daemon:
        daemon.line("feed.caught_up")
        setup.socket.chmod(0o666)
        yield daemon
        assert daemon.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("uid", "own", "may"),
    [(0, 0, True), (0, 7, True), (7, 7, True), (7, 0, False), (7, 8, False), (None, 0, False)],
)
def test_root_and_its_own_user(uid: int | None, own: int, may: bool) -> None:  # noqa: FBT001
    """Nobody else, and nobody whom the kernel does not know."""
    assert may_change(uid, own) is may


@pytest.mark.usefixtures("daemon")
def test_others_may_look(setup: Setup) -> None:
    """All that is read is answered, and nothing that is posted does anything."""
    transport = httpx.HTTPTransport(uds=str(setup.socket))
    with (
        without_privileges(),
        httpx.Client(transport=transport, base_url="http://scand", timeout=PATIENCE) as client,
    ):
        uid = os.geteuid()
        for path in ("/livez", "/readyz", "/metrics", "/api/status"):
            assert client.get(path).status_code == 200
        for name in CHANGES:
            answer = client.post(f"/api/{name}", json={})
            if uid == os.getuid():
                assert answer.status_code != 403
                continue
            assert answer.status_code == 403
            said = f"this is for root and for uid {os.getuid()}, as which scand runs"
            assert answer.json() == {"error": said}


@pytest.mark.usefixtures("daemon")
def test_a_command_says_so(setup: Setup, call: Call) -> None:
    """The status is shown, and what would change something is refused with the way to do it."""
    with without_privileges():
        other = os.geteuid() != os.getuid()
        assert call("status", *setup.options).status == 0
        reload = call("reload", *setup.options)
        diff = call("check-config", "--diff", setup.path, *setup.options)
    assert (reload.status, diff.status) == ((1, 1) if other else (0, 0))
    for done in (reload, diff):
        assert ("this is for root and for uid" in done.err) is other
        assert ("hint: try with sudo" in done.err) is other
    assert ("was compared with nothing" in diff.err) is other


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("closed", ["socket", "folder"])
def test_a_door_that_is_closed(setup: Setup, call: Call, closed: str) -> None:
    """Who may not connect is told that, and not that nothing runs."""
    door = {"socket": setup.socket, "folder": setup.socket.parent}[closed]
    text, mode = setup.path.read_text(), door.stat().st_mode
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o755)
        config = Path(open_to_all) / "scand.toml"
        config.write_text(text)
        door.chmod(0)
        with without_privileges():
            asked = [call(*command, "--config", config) for command in (["status"], ["reload"])]
            asked.append(call("check-config", "--diff", config, "--config", config))
        door.chmod(mode)
    for done in asked:
        assert (done.status, done.out) == (1, "")
        assert f"{setup.socket}: Permission denied" in done.err
        assert "hint: try with sudo" in done.err


@pytest.mark.usefixtures("daemon")
def test_the_audit_says_who_it_was(setup: Setup, call: Call) -> None:
    """Whoever moves the cursor is kept with it, in the audit of the store."""
    assert call("cursor", "set", 10, "--yes", *setup.options).status == 0
    assert call("rewind", "--to", 5, "--yes", *setup.options).status == 0
    shown = call("cursor", "show", *setup.options).out
    assert shown.count(f"by an operator, uid {os.getuid()}; 0 ids skipped") == 2


def test_a_daemon_that_does_not_answer(
    shop: Shop, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload is not waited for without end; the socket is named, and where to look."""
    monkeypatch.setattr("scand.cli.reload.RELOAD_PATIENCE", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(shop.socket))
        silent.listen()
        done = call("reload", *shop.options)
    assert (done.status, done.out) == (1, "")
    assert f"has not answered on {shop.socket} for 0.05 s, and may still do it" in done.err
    assert "look at its log and at `scand status`" in done.err
