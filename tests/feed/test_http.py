"""What carrier and network may do, said in bytes over TCP, and what the feed makes of it."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from scand import __version__
from scand.ports import (
    Answered,
    Failed,
    Feed,
    NotFound,
    NothingNew,
    Refused,
    Throttled,
)
from tests.feed.asking import PAGE, REQUEST, ask, pooled

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from conftest import Carrier

    from scand.feed.http import HttpFeed

    OpenFeed = Callable[..., HttpFeed]


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
