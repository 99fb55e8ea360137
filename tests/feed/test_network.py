"""What the network does to a request, and when it is given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from scand.feed.http import HttpFeed, open_client
from scand.ports import Answered, Failed, Outcome, Refused, Throttled
from tests.feed.asking import CAP, HANDSHAKE, PAGE, REQUEST, SHORT, ask, pooled

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    import httpx
    from conftest import Carrier

    OpenFeed = Callable[..., HttpFeed]


# --- the network breaks ------------------------------------------------------


async def test_nobody_listens(open_feed: OpenFeed) -> None:
    """A refused connection is told in the operating system's words."""
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        outcome = await ask(open_feed(url=f"http://127.0.0.1:{unused.getsockname()[1]}/"))
    assert isinstance(outcome, Failed)
    assert "cannot connect" in outcome.reason
    assert "refused" in outcome.reason


async def test_no_such_host(open_feed: OpenFeed) -> None:
    """A name that does not resolve is an outcome."""
    assert isinstance(await ask(open_feed(url="http://carrier.invalid/")), Failed)


BROKEN = {
    "closes at once": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "half a status line": b"HTTP/1.1 20",
    "half the headers": b"HTTP/1.1 200 OK\r\nContent-Ty",
    "a bad header": b"HTTP/1.1 200 OK\r\n: \x00\r\n\r\n",
    "endless headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 200_000,
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + PAGE,
    "no body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n" + PAGE,
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "a bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
    "a bad length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
    "an absurd length": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("ending", ["cuts", "resets"])
async def test_broken_answers(feed: HttpFeed, carrier: Carrier, raw: bytes, ending: str) -> None:
    """An answer that breaks off or is not HTTP has failed, and the next request starts afresh."""
    getattr(carrier, ending)(raw)
    carrier.answers(body=PAGE)
    assert isinstance(await ask(feed), Failed)
    assert await ask(feed) == Answered(PAGE)
    assert carrier.connections == 2


async def test_a_status_counts_though_its_body_breaks(feed: HttpFeed, carrier: Carrier) -> None:
    """A 429 whose body is cut off is still a 429."""
    carrier.cuts(carrier.answer("429 Too Many Requests", b"x", content_length=9, retry_after=3))
    outcome = await ask(feed)
    assert isinstance(outcome, Throttled)
    assert outcome.retry_after == 3


async def test_more_body_than_announced(feed: HttpFeed, carrier: Carrier) -> None:
    """What comes after the announced length is not the next answer for long."""
    carrier.says(carrier.answer(body=PAGE + b"trailing bytes\r\n\r\n", content_length=len(PAGE)))
    carrier.answers(body=PAGE)
    assert await ask(feed) == Answered(PAGE)
    await ask(feed)
    assert await ask(feed) == Answered(PAGE)


async def test_a_connection_closed_while_idle(feed: HttpFeed, carrier: Carrier) -> None:
    """A kept connection that the carrier closed meanwhile is replaced without a failure."""
    carrier.cuts(carrier.answer(body=PAGE))
    carrier.answers(body=PAGE)
    assert await ask(feed) == Answered(PAGE)
    await carrier.gone_away.wait()
    assert await ask(feed) == Answered(PAGE)


async def test_no_tls_on_the_other_side(open_feed: OpenFeed, tls: ssl.SSLContext) -> None:
    """https to a server that speaks something else is an outcome."""

    async def plain(stream: trio.SocketStream) -> None:
        assert (await stream.receive_some())[0] == HANDSHAKE
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    outcome = await ask_over_tls(open_feed, tls, plain)
    assert isinstance(outcome, Failed)
    assert "cannot connect" in outcome.reason


async def test_a_tls_handshake_that_never_ends(open_feed: OpenFeed, tls: ssl.SSLContext) -> None:
    """A handshake without an answer ends in time, and its socket is closed and not leaked."""

    async def silent(stream: trio.SocketStream) -> None:
        while await stream.receive_some():
            pass

    assert isinstance(await ask_over_tls(open_feed, tls, silent, timeout=SHORT), Failed)


async def ask_over_tls(
    open_feed: OpenFeed,
    tls: ssl.SSLContext,
    serve: Callable[[trio.SocketStream], object],
    **settings: float,
) -> Outcome:
    async with trio.open_nursery() as nursery:
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        async with open_client(tls=tls) as client:
            feed = open_feed(client=client, url=f"https://127.0.0.1:{port}/", **settings)
            outcome = await ask(feed)
        nursery.cancel_scope.cancel()
    return outcome


# --- the deadline ------------------------------------------------------------

SLOW = {
    "no answer": (b"", b""),
    "slow headers": (b"HTTP/1.1 200 OK\r\nX-A: ", b"a"),
    "endless interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "no body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b""),
    "slow body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
    "slow chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
}


@pytest.mark.parametrize(("start", "drop"), SLOW.values(), ids=SLOW.keys())
async def test_slow_answers(
    open_feed: OpenFeed, carrier: Carrier, client: httpx.AsyncClient, start: bytes, drop: bytes
) -> None:
    """The deadline is for the whole answer: to keep sending a little does not prolong it."""
    carrier.drips(start, drop)
    carrier.answers(body=PAGE)
    feed = open_feed(timeout=SHORT)
    assert isinstance(await ask(feed), Failed)
    assert pooled(client) == []
    assert await ask(feed) == Answered(PAGE)


async def test_a_status_counts_though_its_body_is_slow(
    open_feed: OpenFeed, carrier: Carrier
) -> None:
    """A refusal whose body never ends is a refusal when the deadline has passed."""
    carrier.drips(carrier.answer("403 Forbidden", content_length=100_000), b" ")
    assert isinstance(await ask(open_feed(timeout=SHORT)), Refused)


@pytest.mark.parametrize(
    "start",
    [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", None],
    ids=["before the answer", "in the headers", "in the body", "in the body of an error"],
)
async def test_cancellation_passes(
    feed: HttpFeed, carrier: Carrier, client: httpx.AsyncClient, start: bytes | None
) -> None:
    """A cancelled request is no outcome, and leaves no half-read connection behind."""
    carrier.drips(start if start is not None else carrier.answer("500 No", content_length=9))
    carrier.answers(body=PAGE)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.ask, REQUEST)
            await wait_all_tasks_blocked(0.02)
            scope.cancel()
    assert scope.cancelled_caught
    assert pooled(client) == []
    assert await ask(feed) == Answered(PAGE)


class CancelAtStep(trio.abc.Instrument):
    """Cancels the current task's scope before the nth time that it is given the floor."""

    def __init__(self, scope: trio.CancelScope, step: int) -> None:
        self.task = trio.lowlevel.current_task()
        self.scope = scope
        self.steps = step

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self.task:
            self.steps -= 1
            if self.steps == 0:
                self.scope.cancel()


@pytest.mark.parametrize("warm", [False, True], ids=["new connection", "kept connection"])
async def test_cancellation_at_every_step(
    carrier: Carrier, tls: ssl.SSLContext, *, warm: bool
) -> None:
    """Wherever a request is cancelled, what is left in the pool can be used."""
    carrier.answers(body=PAGE)
    cancelled = 0
    for step in range(1, 12):
        async with open_client(tls=tls) as client:
            feed = HttpFeed(client=client, url=carrier.url, timeout=5, max_body=CAP)
            if warm:
                await ask(feed)
            with trio.CancelScope() as scope:
                instrument = CancelAtStep(scope, step)
                trio.lowlevel.add_instrument(instrument)
                try:
                    await feed.ask(REQUEST)
                finally:
                    trio.lowlevel.remove_instrument(instrument)
            cancelled += scope.cancelled_caught
            assert all("IDLE" in connection for connection in pooled(client))
            assert await ask(feed) == Answered(PAGE)
    assert cancelled >= 3
