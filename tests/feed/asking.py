"""One request to a carrier of bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scand.ports import Outcome, Request

if TYPE_CHECKING:
    import httpx

    from scand.feed.http import HttpFeed

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
