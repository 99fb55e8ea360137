"""How one request is answered: with its page, or with the fault that strikes it."""

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from math import ceil
from random import Random

from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from scand.simulator.faults import TransportFaults


class Dropped(ConnectionResetError):  # noqa: N818 - what happened, not whose error it was
    """The connection is gone. `serve` breaks it; without a server it reaches the caller."""

    def __init__(self, *, abruptly: bool) -> None:
        super().__init__("the simulated carrier dropped the connection")
        self.abruptly = abruptly
        """With a TCP reset, instead of an orderly end of the stream."""


class Broken(Response):
    """Announces the whole body, sends the first `sent` bytes, drops the connection."""

    def __init__(self, body: bytes, *, sent: int | None, abruptly: bool) -> None:
        super().__init__(body, media_type="application/json")
        self._sent = sent
        self._abruptly = abruptly

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        if self._sent is not None:
            start = {"status": self.status_code, "headers": self.raw_headers}
            part = bytes(self.body[: self._sent])
            await send({"type": "http.response.start", **start})
            await send({"type": "http.response.body", "body": part, "more_body": True})
        raise Dropped(abruptly=self._abruptly)


@dataclass(frozen=True, slots=True)
class Struck:
    """What a fault needs to know of the request it strikes."""

    body: bytes  # the page that would have been the answer
    dice: Random
    retry_after: int  # seconds
    wall: float  # seconds since 1970


def whole_page(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def draw(faults: TransportFaults, dice: Random) -> str | None:
    """The fault that strikes the next request, if any. Takes one number from the dice."""
    chance = dice.random()
    for name, probability in faults.probabilities:
        chance -= probability
        if chance < 0:
            return name
    return None


def _error(struck: Struck) -> Response:
    status = struck.dice.choice((500, 502, 503))
    return PlainTextResponse("the simulated carrier is in trouble\n", status)


def _throttle(struck: Struck) -> Response:
    wait = str(struck.retry_after)
    if struck.dice.random() < 0.25:  # noqa: PLR2004 - one in four says when, not how long
        wait = formatdate(ceil(struck.wall + struck.retry_after), usegmt=True)
    return PlainTextResponse("slow down\n", 429, {"Retry-After": wait})


def _reset(struck: Struck) -> Response:
    nothing, part = None, struck.dice.randrange(len(struck.body))
    sent, abruptly = struck.dice.choice(((nothing, True), (nothing, False), (part, True)))
    return Broken(struck.body, sent=sent, abruptly=abruptly)


def _truncated(struck: Struck) -> Response:
    # Without its last byte a page is no JSON any more, wherever it is cut.
    cut = struck.dice.randrange(1, len(struck.body))
    if struck.dice.random() < 0.5:  # noqa: PLR2004 - half of them look complete to HTTP
        return whole_page(struck.body[:cut])
    return Broken(struck.body, sent=cut, abruptly=False)


def _html(struck: Struck) -> Response:  # noqa: ARG001 - one signature for all
    return HTMLResponse("<html><body><h1>Scheduled maintenance</h1></body></html>\n")


STRIKES: dict[str, Callable[[Struck], Response]] = {
    "error": _error,
    "throttle": _throttle,
    "reset": _reset,
    "truncated": _truncated,
    "html": _html,
}
