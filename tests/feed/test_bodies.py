"""Bodies that are too large, or compressed, or both."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import pytest

from scand.ports import Answered, Failed, TooLarge
from tests.feed.asking import CAP, PAGE, ask, pooled

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from conftest import Carrier

    from scand.feed.http import HttpFeed

    OpenFeed = Callable[..., HttpFeed]


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
