"""The carrier's API over HTTP: one request in, one named outcome back.

`body` reads and bounds, `statuses` says what each status means, `credential` holds the token,
`pacing` reads how long to wait, and `reasons` words what went wrong.
"""

import ssl
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.parse import urlencode

import httpx
import trio

from scand import __version__
from scand.feed.body import read_beginning, read_whole
from scand.feed.credential import TokenFile
from scand.feed.reasons import explain, quote
from scand.feed.statuses import Reply, is_page, judge
from scand.ports import Answered, Failed, Observer, Outcome, Refused, Request
from scand.records import BodyRead

_KEEP_ALIVE = 55.0  # seconds; the usual load balancer gives up after 60
_EXCERPT = 64 * 1024  # bytes read of a body that is only to be quoted
_MIN_SECRET = 6  # shorter query values are no secrets, and to blot them out would blot out reasons

_HEADERS = {
    "User-Agent": f"scand/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
}


def open_client(
    *,
    connections: int = 10,
    tls: ssl.SSLContext | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """Return a client to be entered with `async with`; `connections` bounds requests in flight.

    `transport` takes the place of the network, for simulations.
    """
    return httpx.AsyncClient(
        transport=transport,
        headers=_HEADERS,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # a jar would grow for ever
        follow_redirects=False,
        event_hooks={"response": [_set_location_aside]},
        verify=tls or True,
        limits=httpx.Limits(
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=_KEEP_ALIVE,
        ),
    )


async def _set_location_aside(response: httpx.Response) -> None:
    # httpx would build the request that follows a redirect even if told not to follow, and raises
    # InvalidURL, UnicodeError and others over what some servers write there.
    if "location" in response.headers:
        response.extensions["location"] = response.headers.pop("location")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class HttpFeed:
    """A `Feed` over HTTP, with a client as `open_client` makes it.

    `timeout` is seconds for the whole request; `max_body` is bytes, on the wire and again after
    decompression. Raises ValueError for a `url` that no request could be sent to.
    """

    def __init__(
        self,
        *,
        client: httpx.AsyncClient,
        url: str,
        timeout: float,
        max_body: int,
        token_file: Path | None = None,
        observer: Observer = lambda _: None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._client = client
        address = _checked(url)
        self._prefix = f"{address}{'&' if address.query else '?'}"
        self._private = _private_parts(address)
        self._observer = observer
        self._now = now
        self.reconfigure(timeout=timeout, max_body=max_body, token_file=token_file)

    def reconfigure(self, *, timeout: float, max_body: int, token_file: Path | None) -> None:
        """Take effect with the next request."""
        self._timeout = timeout
        # Half of it for TCP, half for TLS: a slow handshake is closed by httpcore when it times out
        # itself, but left to the garbage collector when the total deadline cancels it.
        self._timeouts = httpx.Timeout(timeout, connect=timeout / 2)
        self._max_body = max_body
        self._token_file = TokenFile(token_file) if token_file else None
        self._credential = f"the token in {str(token_file)!r}" if token_file else "no token"

    async def ask(self, request: Request) -> Outcome:
        """One request, bounded in time and size. Never raises for what the carrier does."""
        token = self._token_file.read() if self._token_file else ""
        if isinstance(token, Refused):
            return token
        secrets = (token, *self._private) if token else self._private
        timeout = self._timeout
        try:
            return await self._exchange(request, token, secrets)
        except trio.TooSlowError:
            return Failed(f"no complete answer within {timeout:g} s")
        except httpx.HTTPError as error:
            return Failed(explain(error, secrets))

    async def _exchange(self, request: Request, token: str, secrets: tuple[str, ...]) -> Outcome:
        deadline, max_body = trio.current_time() + self._timeout, self._max_body
        with trio.fail_at(deadline):
            response = await self._send(request, token)
        try:
            if is_page(response):
                with trio.fail_at(deadline):
                    return await self._page(response, max_body)
            excerpt = await self._excerpt(response, deadline)
        finally:
            await response.aclose()
        if response.status_code == HTTPStatus.UNAUTHORIZED and self._token_file:
            self._token_file.forget()
        return judge(Reply(response, quote(excerpt, secrets), self._credential, self._now))

    async def _send(self, request: Request, token: str) -> httpx.Response:
        beginning = {} if request.from_id == "" else {"FromEventId": request.from_id}
        query = urlencode(beginning | {"Limit": request.limit})
        return await self._client.send(
            self._client.build_request("GET", self._prefix + query, timeout=self._timeouts),
            stream=True,
            auth=_Bearer(token) if token else httpx.USE_CLIENT_DEFAULT,
            follow_redirects=False,
        )

    async def _page(self, response: httpx.Response, max_body: int) -> Outcome:
        body = await read_whole(response, max_body, self._count)
        if isinstance(body, bytes):
            return Answered(body) if body else Failed("HTTP 200 OK: the body is empty")
        return body

    async def _excerpt(self, response: httpx.Response, deadline: float) -> bytes:
        with trio.move_on_at(deadline):
            return await read_beginning(response, _EXCERPT, self._count)
        return b""

    def _count(self, received: int, decompressed: int) -> None:
        self._observer(BodyRead(received, decompressed))


class _Bearer(httpx.Auth):
    """RFC 6750. As an `Auth` it takes precedence over a user and password in the address."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._header
        yield request


def _checked(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
        address.host.encode("idna")  # the resolver's own check, before it is one in production
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ValueError(f"not a valid address: {error}") from error
    if address.scheme not in {"http", "https"} or not address.host:
        raise ValueError("not a valid address: it must begin with http:// or https:// and a host")
    return address.copy_with(fragment=None, query=address.query or None)


def _private_parts(address: httpx.URL) -> tuple[str, ...]:
    values = [address.password, *(value for _, value in address.params.multi_items())]
    return tuple(value for value in values if len(value) >= _MIN_SECRET)
