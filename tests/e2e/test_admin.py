"""The admin server of a running daemon, over TCP and over its Unix socket."""

import json
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from scand.simulator import WorldPlan
from tests.support.processes import Running, Setup
from tests.support.server import Watched, carrier, served
from tests.support.sockets import free_port

DOCUMENT = {"cursor", "lag_seconds", "gaps", "breaker", "shards", "sinks", "dead_letters"}


@pytest.fixture
def api() -> Watched:
    return carrier(WorldPlan(events=50))


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def setup(tmp_path: Path, api: Watched, port: int) -> Iterator[Setup]:
    with served(api) as url:
        yield Setup(tmp_path, url, listen=f"127.0.0.1:{port}")


@pytest.fixture
def daemon(setup: Setup) -> Iterator[Running]:
    with setup.running("run") as daemon:
        daemon.line("feed.caught_up")
        yield daemon


def test_it_answers_on_both(setup: Setup, daemon: Running, port: int) -> None:
    """Liveness, readiness and status over TCP and over the socket, which only its group opens."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for path in ("/livez", "/readyz", "/api/status"):
            over_tcp, over_socket = client.get(path), setup.ask(path)
            assert over_tcp.status_code == over_socket.status_code == 200
            assert over_tcp.json().keys() == over_socket.json().keys()
        assert client.get("/nothing").status_code == 404
        assert client.post("/livez").status_code == 405
    assert stat.S_IMODE(setup.socket.stat().st_mode) == 0o660
    assert daemon.end(signal.SIGTERM) == 0
    assert not setup.socket.exists()


def test_status_with_a_daemon(setup: Setup, daemon: Running) -> None:
    """`scand status` is the daemon's own document, live half included."""
    done = setup.scand("status", "--json")
    document = json.loads(done.stdout)
    assert document.keys() >= DOCUMENT
    assert (document["cursor"], document["lag_seconds"], document["breaker"]) == (50, 0, "closed")
    assert document["daemon"]["pid"] == daemon.pid
    text = setup.scand("status").stdout
    assert f"running, pid {daemon.pid}" in text
    assert "none: at the head" in text


def test_malformed_requests_do_no_harm(setup: Setup, daemon: Running, port: int) -> None:
    """Garbage, half a request and a client that leaves: the next one is answered."""
    for garbage in (
        b"\x00\xff" * 600 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 200_000,
        b"GET /api/status HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense",
        b"GET /li",
        b"",
    ):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(garbage)
    assert setup.ask("/livez").status_code == 200
    assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    assert "crashed" not in daemon.output
    assert daemon.end(signal.SIGTERM) == 0


def test_it_is_not_ready_before_first_contact(setup: Setup, api: Watched) -> None:
    """Alive and not ready, with the reason; ready as soon as the carrier has answered."""
    api.mode = "error"
    with setup.running("run") as daemon:
        daemon.line("feed.failed")
        while not setup.socket.exists():
            assert daemon.process.poll() is None
        assert setup.ask("/livez").status_code == 200
        answer = setup.ask("/readyz")
        assert answer.status_code == 503
        assert "HTTP 500" in answer.json()["reason"]
        api.mode = "pass"
        daemon.line("feed.caught_up")
        assert setup.ask("/readyz").status_code == 200
        assert daemon.end(signal.SIGTERM) == 0


def test_a_socket_left_behind_is_replaced(setup: Setup) -> None:
    """After kill -9 the socket's file is still there; the next daemon takes its place."""
    with setup.running("run") as daemon:
        daemon.line("feed.caught_up")
        assert setup.ask("/livez").status_code == 200
        daemon.end(signal.SIGKILL)
    assert setup.socket.is_socket()
    assert "not running" in setup.scand("status").stdout
    with setup.running("run") as daemon:
        daemon.line("feed.caught_up")
        assert setup.ask("/livez").status_code == 200


def test_a_file_in_the_sockets_place_is_kept(setup: Setup) -> None:
    """What is no socket is not removed: the admin server does without, and says so."""
    setup.socket.write_text("precious")
    with setup.running("run") as daemon:
        daemon.line("admin_socket.crashed")
        assert daemon.end(signal.SIGTERM) == 0
    assert setup.socket.read_text() == "precious"
