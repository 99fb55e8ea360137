"""A carrier made of raw bytes: what it serves need not be events, nor JSON, nor HTTP as it should.

It keeps the contract of the feed, the L lowest ids from N on, whatever the elements look like.
"""

from collections import deque
from collections.abc import Callable, Iterable

import httpx

Serve = Callable[[int, int], httpx.Response]


def good(event_id: int, parcel_id: int | None = None) -> bytes:
    """An event that nobody can object to; a parcel of its own unless told."""
    return (
        b'{"EventId":%d,"ParcelId":%d,"Type":"STATUS","CreatedDateTimeUtc":'
        b'"2021-05-11T21:11:34.1506147Z","StatusCode":"IN_TRANSIT","User":{"RunId":"100"}}'
        % (event_id, parcel_id or 1000 + event_id)
    )


def page_of(elements: Iterable[bytes]) -> bytes:
    """The elements as the body of an answer."""
    return b'{"ScanEvents":[' + b",".join(elements) + b"]}"


def answer(body: bytes, status: int = 200, **headers: str) -> httpx.Response:
    """A JSON answer; header names with _ for -."""
    named = {"content-type": "application/json"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, stream=httpx.ByteStream(body))


class RawCarrier(httpx.AsyncBaseTransport):
    """Serves `elements` by their place in the feed, after what `first` holds was served."""

    def __init__(self, elements: dict[int, bytes], *, cap: int = 1000) -> None:
        self.elements = elements
        self.cap = cap
        self.first: deque[Serve] = deque()
        self.always: Serve | None = None
        self.asked: list[tuple[int, int]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        from_id = int(request.url.params["FromEventId"])
        limit = int(request.url.params["Limit"])
        self.asked.append((from_id, limit))
        if self.first:
            return self.first.popleft()(from_id, limit)
        return (self.always or self.page)(from_id, limit)

    def page(self, from_id: int, limit: int) -> httpx.Response:
        return answer(page_of(self.chosen(from_id, limit)))

    def chosen(self, from_id: int, limit: int) -> list[bytes]:
        """The elements that belong to a page."""
        places = sorted(place for place in self.elements if place >= from_id)
        return [self.elements[place] for place in places[: min(limit, self.cap)]]
