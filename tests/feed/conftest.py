"""A carrier made of bytes: a real TCP server that says exactly what a test tells it to."""

import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from scand.feed.http import HttpFeed, open_client

Header = str | int | None
Act = Callable[[trio.SocketStream], Awaitable[None]]


class Carrier:
    """Answers one request after the other as it was told; the last answer is repeated."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/scans"
        self.requests: list[str] = []
        self.connections = 0
        self.gone_away = trio.Event()
        self._script: deque[Act] = deque()

    @staticmethod
    def answer(status: str = "200 OK", body: bytes = b"", **headers: Header) -> bytes:
        """Return the bytes of an answer; `_` in a header's name is `-`, None leaves it out."""
        given = {"content_type": "application/json", "content_length": len(body), **headers}
        said = {name.replace("_", "-"): value for name, value in given.items() if value is not None}
        lines = [f"{name}: {value}" for name, value in said.items()]
        return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode() + body

    def says(self, raw: bytes) -> None:
        async def act(stream: trio.SocketStream) -> None:
            await stream.send_all(raw)

        self._script.append(act)

    def answers(self, status: str = "200 OK", body: bytes = b"", **headers: Header) -> None:
        self.says(self.answer(status, body, **headers))

    def cuts(self, raw: bytes) -> None:
        """Say it and close the connection."""

        async def act(stream: trio.SocketStream) -> None:
            await stream.send_all(raw)
            await stream.aclose()

        self._script.append(act)

    def resets(self, raw: bytes = b"") -> None:
        """Say it and reset the connection."""

        async def act(stream: trio.SocketStream) -> None:
            if raw:
                await stream.send_all(raw)
                await wait_all_tasks_blocked()  # a reset overtakes what is unread
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await stream.aclose()

        self._script.append(act)

    def drips(self, raw: bytes, drop: bytes = b"", pause: float = 0.01) -> None:
        """Say it, and then one drop after the other for as long as anybody listens."""

        async def act(stream: trio.SocketStream) -> None:
            await stream.send_all(raw)
            while drop:
                await trio.sleep(pause)
                await stream.send_all(drop)
            await trio.sleep_forever()

        self._script.append(act)

    def spells(self, raw: bytes) -> None:
        """Say it one byte at a time."""

        async def act(stream: trio.SocketStream) -> None:
            for byte in raw:
                await stream.send_all(bytes([byte]))
                await trio.lowlevel.checkpoint()

        self._script.append(act)

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        try:
            while head := await _head(stream):
                self.requests.append(head)
                act = self._script.popleft() if len(self._script) > 1 else self._script[0]
                await act(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        self.gone_away.set()


async def _head(stream: trio.SocketStream) -> str:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (received := await stream.receive_some()):
            return ""
        head += received
    return head.decode()


@pytest.fixture
async def carrier(nursery: trio.Nursery) -> Carrier:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    carrier = Carrier(listener.socket.getsockname()[1])
    nursery.start_soon(trio.serve_listeners, carrier.serve, [listener])
    return carrier


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # 20 ms that a client would otherwise spend per test


@pytest.fixture
async def client(tls: ssl.SSLContext) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(tls=tls) as client:
        yield client


@pytest.fixture
def open_feed(client: httpx.AsyncClient, carrier: Carrier) -> Callable[..., HttpFeed]:
    def open_feed(**settings: Any) -> HttpFeed:
        given = {"client": client, "url": carrier.url, "timeout": 5, "max_body": 1 << 20}
        return HttpFeed(**(given | settings))

    return open_feed


@pytest.fixture
def feed(open_feed: Callable[..., HttpFeed]) -> HttpFeed:
    return open_feed()
