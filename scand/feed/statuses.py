"""What an answer means when it is not a page: a table from its status to a named outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import httpx

from scand.feed.pacing import retry_after
from scand.feed.reasons import quote
from scand.ports import Failed, NotFound, NothingNew, Outcome, Refused, Throttled


def is_page(response: httpx.Response) -> bool:
    """Whether the body is to be read as events; `judge` is for all other answers."""
    essence = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = essence in {"", "application/json"} or essence.endswith("+json")
    return is_json and response.status_code == HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is not a page.

    `excerpt` is the beginning of its body, safe to log; `credential` names what was sent with the
    request, without telling it.
    """

    response: httpx.Response
    excerpt: str
    credential: str
    now: Callable[[], datetime]

    def reason(self, hint: str = "") -> str:
        said = f"the body begins {self.excerpt!r}" if self.excerpt else ""
        return "; ".join(filter(None, (_title(self.response.status_code), hint, said)))

    def delay(self) -> float | None:
        return retry_after(self.response.headers, self.now())


def _title(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def _not_json(reply: Reply) -> Outcome:
    kind = quote(reply.response.headers["content-type"].encode())
    return Failed(reply.reason(f"the body is {kind!r} and not JSON"))


def _nothing_new(_reply: Reply) -> Outcome:
    return NothingNew()


def _redirected(reply: Reply) -> Outcome:
    host = _host(reply.response.extensions.get("location", ""))
    where = f" to the host {host!r}" if host else ""
    return Refused(reply.reason(f"redirected{where}; set feed.url to the carrier's new address"))


def _host(location: str) -> str:
    """Only the host: the rest of a Location may hold a secret."""
    try:
        return quote(httpx.URL(location).raw_host)
    except httpx.InvalidURL:
        return ""


def _unauthorized(reply: Reply) -> Outcome:
    return Refused(reply.reason(f"the carrier does not accept {reply.credential}"))


def _forbidden(reply: Reply) -> Outcome:
    return Refused(reply.reason(f"{reply.credential} does not give access to this feed"))


def _not_found(reply: Reply) -> Outcome:
    return NotFound(reply.reason())


def _refused(reply: Reply) -> Outcome:
    return Refused(reply.reason("the carrier rejects the request itself; check feed.url and limit"))


def _throttled(reply: Reply) -> Outcome:
    return Throttled(reply.reason(), reply.delay())


def _unavailable(reply: Reply) -> Outcome:
    planned = "retry-after" in reply.response.headers
    return _throttled(reply) if planned else _failed(reply)


def _failed(reply: Reply) -> Outcome:
    return Failed(reply.reason())


_BY_STATUS: dict[int, Callable[[Reply], Outcome]] = {
    HTTPStatus.OK: _not_json,
    HTTPStatus.NO_CONTENT: _nothing_new,
    HTTPStatus.UNAUTHORIZED: _unauthorized,
    HTTPStatus.FORBIDDEN: _forbidden,
    HTTPStatus.NOT_FOUND: _not_found,
    HTTPStatus.REQUEST_TIMEOUT: _failed,
    HTTPStatus.TOO_MANY_REQUESTS: _throttled,
    HTTPStatus.SERVICE_UNAVAILABLE: _unavailable,
}
# The others by their first digit; what is in neither table is _failed.
_BY_CLASS: dict[int, Callable[[Reply], Outcome]] = {
    3: _redirected,
    4: _refused,
}


def judge(reply: Reply) -> Outcome:
    status = reply.response.status_code
    return _BY_STATUS.get(status, _BY_CLASS.get(status // 100, _failed))(reply)
