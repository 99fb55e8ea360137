"""What carrier and network may do, said in bytes over TCP, and what the feed makes of it."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from scand import __version__
from scand.feed.http import HttpFeed, open_client
from scand.ports import (
    Answered,
    Failed,
    Feed,
    NotFound,
    NothingNew,
    Outcome,
    Refused,
    Request,
    Throttled,
    TooLarge,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    import httpx
    from conftest import Carrier

    OpenFeed = Callable[..., HttpFeed]

REQUEST = Request(from_id=83269, limit=100)
PAGE = b'{"ScanEvents": []}'
SHORT = 0.2  # seconds: a total deadline that a test can afford to see pass
CAP = 1000  # bytes
HANDSHAKE = 0x16  # the first byte of a TLS connection


async def ask(feed: HttpFeed) -> Outcome:
    """Every reason is one short line, whatever it is about."""
    outcome = await feed.ask(REQUEST)
    reason = getattr(outcome, "reason", "-")
    assert reason.isprintable()
    assert 0 < len(reason) < 300
    return outcome


def pooled(client: httpx.AsyncClient) -> list[str]:
    return [repr(connection) for connection in client._transport._pool.connections]


# --- a page ------------------------------------------------------------------


async def test_a_page_is_answered(feed: HttpFeed, carrier: Carrier) -> None:
    """A complete JSON body is handed on byte by byte as it came."""
    carrier.answers(body=PAGE)
    port: Feed = feed
    assert await port.ask(REQUEST) == Answered(PAGE)


async def test_what_is_asked(feed: HttpFeed, carrier: Carrier) -> None:
    """The question carries the id and the limit, and says who asks and what is understood."""
    carrier.answers(body=PAGE)
    await ask(feed)
    line, *headers = carrier.requests[0].strip().lower().split("\r\n")
    assert line == "get /scans?fromeventid=83269&limit=100 http/1.1"
    assert f"user-agent: scand/{__version__}" in headers
    assert "accept: application/json" in headers
    assert "accept-encoding: gzip" in headers
    assert not any(header.startswith("authorization") for header in headers)


@pytest.mark.parametrize(
    ("suffix", "target"),
    [
        ("?tenant=a%20b", "/scans?tenant=a%20b&FromEventId=83269&Limit=100"),
        ("?", "/scans?FromEventId=83269&Limit=100"),
        ("#fragment", "/scans?FromEventId=83269&Limit=100"),
    ],
)
async def test_the_address_keeps_its_own_query(
    open_feed: OpenFeed, carrier: Carrier, suffix: str, target: str
) -> None:
    """What the operator wrote behind the question mark is kept, and a fragment is not sent."""
    carrier.answers(body=PAGE)
    await ask(open_feed(url=carrier.url + suffix))
    assert carrier.requests[0].split()[1] == target


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/problem+json",
        "application/vnd.carrier.scans+json;v=1",
        None,
    ],
)
async def test_json_by_any_name(feed: HttpFeed, carrier: Carrier, kind: str | None) -> None:
    """JSON types with parameters and suffixes are taken, and so is a body without a type."""
    carrier.answers(body=PAGE, content_type=kind)
    assert await ask(feed) == Answered(PAGE)


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/octet-stream", "x"])
async def test_a_page_that_is_not_json(feed: HttpFeed, carrier: Carrier, kind: str) -> None:
    """A 200 with HTML is a proxy's or a maintenance page: transport trouble, quoted in short."""
    carrier.answers(body=b"<html>\n<b>Sorry,\x00 back\tsoon</b>" + b"x" * 500, content_type=kind)
    outcome = await ask(feed)
    assert isinstance(outcome, Failed)
    assert kind in outcome.reason
    assert "<html> <b>Sorry, back soon</b>xxx" in outcome.reason
    assert "x" * 80 not in outcome.reason


async def test_chunked(feed: HttpFeed, carrier: Carrier) -> None:
    """A chunked body is put together, whatever a Content-Length beside it says."""
    chunks = b"5\r\n" + PAGE[:5] + b"\r\n%x\r\n" % len(PAGE[5:]) + PAGE[5:] + b"\r\n0\r\n\r\n"
    carrier.says(carrier.answer(transfer_encoding="chunked", content_length=1 << 40) + chunks)
    assert await ask(feed) == Answered(PAGE)


async def test_a_body_until_the_connection_closes(feed: HttpFeed, carrier: Carrier) -> None:
    """Without a length the body ends with the connection."""
    carrier.cuts(carrier.answer(body=PAGE, content_length=None))
    assert await ask(feed) == Answered(PAGE)


async def test_one_byte_at_a_time(feed: HttpFeed, carrier: Carrier) -> None:
    """An answer in the smallest of pieces is an answer like any other."""
    carrier.spells(carrier.answer(body=gzip.compress(PAGE), content_encoding="gzip"))
    assert await ask(feed) == Answered(PAGE)


async def test_an_empty_page_is_no_page(feed: HttpFeed, carrier: Carrier) -> None:
    """A 200 without a body says nothing at all, least of all that there is nothing new."""
    carrier.answers(body=b"")
    assert isinstance(await ask(feed), Failed)


async def test_connections_are_kept(
    feed: HttpFeed, carrier: Carrier, client: httpx.AsyncClient
) -> None:
    """Pages, empty answers and ordinary errors leave the connection open for the next request."""
    carrier.answers(body=PAGE)
    carrier.answers("204 No Content", content_length=None, content_type=None)
    carrier.answers("404 Not Found", b"{}")
    carrier.answers("500 Internal Server Error", b"sorry")
    carrier.answers("429 Too Many Requests", b"slow down")
    carrier.answers(body=gzip.compress(PAGE), content_encoding="gzip")
    for _ in range(6):
        await ask(feed)
    assert carrier.connections == 1
    assert len(pooled(client)) == 1


async def test_cookies_are_not_kept(feed: HttpFeed, carrier: Carrier) -> None:
    """A carrier cannot make the daemon remember, or send, anything."""
    carrier.answers(body=PAGE, set_cookie="session=1; Path=/")
    await ask(feed)
    await ask(feed)
    assert "cookie" not in carrier.requests[1].lower()


# --- what a status means -----------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("101 Switching Protocols", Failed),
        ("201 Created", Failed),
        ("204 No Content", NothingNew),
        ("206 Partial Content", Failed),
        ("300 Multiple Choices", Refused),
        ("304 Not Modified", Refused),
        ("400 Bad Request", Refused),
        ("401 Unauthorized", Refused),
        ("403 Forbidden", Refused),
        ("404 Not Found", NotFound),
        ("408 Request Timeout", Failed),
        ("410 Gone", Refused),
        ("422 Unprocessable Content", Refused),
        ("429 Too Many Requests", Throttled),
        ("499 Nobody Knows", Refused),
        ("500 Internal Server Error", Failed),
        ("502 Bad Gateway", Failed),
        ("503 Service Unavailable", Failed),
        ("504 Gateway Timeout", Failed),
        ("599 Nobody Knows", Failed),
        ("700 Nobody Knows", Failed),
        ("999 Nobody Knows", Failed),
        ("000 Nobody Knows", Failed),
    ],
)
async def test_statuses(feed: HttpFeed, carrier: Carrier, status: str, kind: type) -> None:
    """Each status has one meaning, and none is an exception."""
    carrier.answers(status)
    assert type(await ask(feed)) is kind


async def test_a_reason_says_what_the_carrier_said(feed: HttpFeed, carrier: Carrier) -> None:
    """The carrier's own words on a refusal reach the operator, also when they are compressed."""
    body = gzip.compress(b'{"error": "Limit must be at most 50"}')
    carrier.answers("400 Bad Request", body, content_encoding="gzip")
    outcome = await ask(feed)
    assert isinstance(outcome, Refused)
    assert "400 Bad Request" in outcome.reason
    assert "Limit must be at most 50" in outcome.reason


@pytest.mark.parametrize(
    ("status", "headers", "delay"),
    [
        ("429 Too Many Requests", {}, None),
        ("429 Too Many Requests", {"retry_after": "7"}, 7.0),
        ("429 Too Many Requests", {"retry_after": "Wed, 01 Jul 2026 12:00:30 GMT"}, 30.0),
        ("429 Too Many Requests", {"retry_after": "Wed, 01 Jul 2020 12:00:30 GMT"}, 0.0),
        ("429 Too Many Requests", {"retry_after": "later"}, None),
        ("429 Too Many Requests", {"ratelimit": '"default";r=0;t=30'}, 30.0),
        ("429 Too Many Requests", {"ratelimit": "limit=100, remaining=0, reset=30"}, 30.0),
        ("429 Too Many Requests", {"ratelimit_reset": "30"}, 30.0),
        ("429 Too Many Requests", {"x_ratelimit_reset": "1782907245"}, 45.0),
        ("503 Service Unavailable", {"retry_after": "7"}, 7.0),
        ("503 Service Unavailable", {"retry_after": "later"}, None),
    ],
)
async def test_throttled(
    open_feed: OpenFeed, carrier: Carrier, status: str, headers: dict[str, str], delay: float | None
) -> None:
    """A carrier that asks for patience is told apart from one in trouble, and says how long."""
    carrier.answers(status, **headers)
    outcome = await ask(open_feed(now=lambda: datetime(2026, 7, 1, 12, tzinfo=UTC)))
    assert isinstance(outcome, Throttled)
    assert outcome.retry_after == delay


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://new.example.com:444/scans?key=hunter2secret", "new.example.com"),
        ("//new.example.com/scans?key=hunter2secret", "new.example.com"),
        ("https://scand:hunter2@new.example.com/scans", "new.example.com"),
        ("/login?key=hunter2secret", "feed.url"),
    ],
)
@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
async def test_redirects_are_refused(
    feed: HttpFeed, carrier: Carrier, status: str, location: str, host: str
) -> None:
    """A redirect is never followed; the operator is told where to, without its query."""
    carrier.answers(status, location=location)
    outcome = await ask(feed)
    assert isinstance(outcome, Refused)
    assert status[:3] in outcome.reason
    assert host in outcome.reason
    assert "hunter2" not in outcome.reason
    assert len(carrier.requests) == 1


async def test_a_redirect_to_nowhere(feed: HttpFeed, carrier: Carrier) -> None:
    """A redirect that does not say where to is refused as well."""
    carrier.answers("302 Found")
    assert isinstance(await ask(feed), Refused)


@pytest.mark.parametrize(
    "location",
    [
        b"http://[::1/",
        b"http://h:port/",
        b"http:relative",
        b"mailto:scans@example.com",
        b"http://xn--a/",
        b"http://\xcc\x81/",
        b"//:80",
        b"/" + b"a" * 70_000,
        b"http://" + b"a" * 300 + b"/",
        b"\xff\xfe",
    ],
)
async def test_a_garbled_redirect(feed: HttpFeed, carrier: Carrier, location: bytes) -> None:
    """A redirect that nobody can read is a redirect all the same."""
    carrier.says(carrier.answer("302 Found", location="?").replace(b"?", location))
    assert isinstance(await ask(feed), Refused)


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


# --- limits ------------------------------------------------------------------


@pytest.mark.parametrize("length", [None, CAP + 1], ids=["unannounced", "announced"])
async def test_too_large_on_the_wire(
    open_feed: OpenFeed, carrier: Carrier, client: httpx.AsyncClient, length: int | None
) -> None:
    """A body over the cap is given up at the cap, though it would go on for ever."""
    carrier.drips(carrier.answer(content_length=length), b"x" * 300, pause=0)
    carrier.answers(body=PAGE)
    feed = open_feed(max_body=CAP)
    assert isinstance(await ask(feed), TooLarge)
    assert pooled(client) == []
    assert await ask(feed) == Answered(PAGE)


async def test_announced_too_large_is_not_read(open_feed: OpenFeed, carrier: Carrier) -> None:
    """A length over the cap is enough to know: not a byte of the body is waited for."""
    carrier.drips(carrier.answer(content_length=CAP + 1))
    assert isinstance(await ask(open_feed(max_body=CAP)), TooLarge)


@pytest.mark.parametrize("coding", [None, "gzip", "deflate"])
async def test_the_cap_itself_is_allowed(
    open_feed: OpenFeed, carrier: Carrier, coding: str | None
) -> None:
    """A body of exactly the cap passes, and one byte more does not."""
    pack: dict[str | None, Callable[[bytes], bytes]] = {
        None: bytes,
        "gzip": gzip.compress,
        "deflate": zlib.compress,
    }
    feed = open_feed(max_body=CAP)
    for size in (CAP, CAP + 1):
        carrier.answers(body=pack[coding](b"x" * size), content_encoding=coding)
    assert await ask(feed) == Answered(b"x" * CAP)
    assert isinstance(await ask(feed), TooLarge)


async def test_a_bomb(open_feed: OpenFeed, carrier: Carrier) -> None:
    """97 kB that inflate to 100 MB are given up at the cap."""
    bomb = gzip.compress(bytes(100_000_000), 9)
    assert len(bomb) < 100_000
    carrier.answers(body=bomb, content_encoding="gzip")
    assert isinstance(await ask(open_feed(max_body=1 << 20)), TooLarge)


async def test_a_body_that_inflates_to_nothing(open_feed: OpenFeed, carrier: Carrier) -> None:
    """The cap on the wire holds for what is empty after decompression too."""
    head = carrier.answer(content_length=None, content_encoding="gzip")
    carrier.drips(head, gzip.compress(b"") * 10, pause=0)
    assert isinstance(await ask(open_feed(max_body=CAP)), TooLarge)


async def test_a_large_error_page(feed: HttpFeed, carrier: Carrier) -> None:
    """Of an error page no more is read than its beginning."""
    carrier.drips(carrier.answer("500 No", b"sorry", content_length=None), b"x" * 60_000, pause=0)
    outcome = await ask(feed)
    assert isinstance(outcome, Failed)
    assert "sorry" in outcome.reason


# --- compression -------------------------------------------------------------


def bare_deflate(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(PAGE)),
        ("GZIP", gzip.compress(PAGE)),
        ("x-gzip", gzip.compress(PAGE)),
        ("gzip", gzip.compress(PAGE[:5]) + gzip.compress(PAGE[5:])),
        ("deflate", zlib.compress(PAGE)),
        ("deflate", bare_deflate(PAGE)),
        ("identity", PAGE),
        ("", PAGE),
    ],
)
async def test_codings(feed: HttpFeed, carrier: Carrier, coding: str, body: bytes) -> None:
    """What may be sent compressed is understood."""
    carrier.answers(body=body, content_encoding=coding)
    assert await ask(feed) == Answered(PAGE)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(PAGE)[:-1]),
        ("gzip", gzip.compress(PAGE)[:-8]),
        ("gzip", gzip.compress(PAGE)[:5]),
        ("gzip", gzip.compress(PAGE)[:-8] + bytes(8)),
        ("gzip", gzip.compress(PAGE) + b"trailing"),
        ("gzip", gzip.compress(PAGE) + gzip.compress(PAGE)[:9]),
        ("gzip", PAGE),
        ("deflate", zlib.compress(PAGE)[:-1]),
        ("deflate", bare_deflate(PAGE)[:-1]),
        ("deflate", PAGE),
        ("gzip", gzip.compress(b"")),
        ("br", PAGE),
        ("zstd", PAGE),
        ("gzip, gzip", gzip.compress(gzip.compress(PAGE))),
    ],
)
async def test_damaged_compression(
    feed: HttpFeed, carrier: Carrier, coding: str, body: bytes
) -> None:
    """What is truncated, damaged, or packed in a way that was not asked for, has failed."""
    carrier.answers(body=body, content_encoding=coding)
    carrier.answers(body=PAGE)
    assert isinstance(await ask(feed), Failed)
    assert await ask(feed) == Answered(PAGE)


# --- the address -------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["", "carrier.example.com/scans", "ftp://h/", "http://", "http://[::1/", "http://a..b/"]
)
async def test_an_address_that_cannot_be_asked(open_feed: OpenFeed, url: str) -> None:
    """What could never be sent is an error at the start and not in the night."""
    with pytest.raises(ValueError, match="not a valid address"):
        open_feed(url=url)


async def test_a_secret_in_the_address_stays_there(open_feed: OpenFeed, carrier: Carrier) -> None:
    """A key in the query or a password is sent, and blotted out where the carrier repeats it."""
    url = carrier.url.replace("//", "//scand:correcthorse@") + "?key=hunter2secret"
    echo = b"no: correcthorse hunter2secret GET /scans?key=hunter2%73ecret&x=1"
    carrier.answers("403 Forbidden", echo)
    outcome = await ask(open_feed(url=url))
    assert isinstance(outcome, Refused)
    assert "authorization: basic" in carrier.requests[0].lower()
    assert "no: *** *** GET /scans?***" in outcome.reason
