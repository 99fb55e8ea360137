"""What a carrier does instead of sending a page."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random

import httpx
import trio

from tests.simulation.answers import HTML, JSON, PLAIN, Answer, gzipped
from tests.simulation.faults import Fault
from tests.simulation.plan import Plan
from tests.simulation.rates import CLOCK_JUMPS
from tests.simulation.scans import MAX_BODY
from tests.support.parts import NOON


@dataclass(frozen=True)
class Trouble:
    """What is known where an answer goes wrong: `body` is the page that was asked for.

    `longest_wait` is how long the daemon waits at the most when it is told to, in seconds.
    """

    rng: Random
    plan: Plan
    longest_wait: float
    body: bytes


async def _error(trouble: Trouble) -> Answer:
    return Answer("failure", trouble.rng.choice([500, 502, 503, 504, 408]), PLAIN, b"sorry")


async def _throttle(trouble: Trouble) -> Answer:
    rng, now = trouble.rng, trio.current_time()
    status, seconds = rng.choice([429, 429, 503]), rng.choice([1.0, 5.0, 20.0, 300.0])
    headers = {"retry-after": f"{seconds:g}"}
    match rng.randrange(4):
        case 0 if not trouble.plan.rates.keys() & CLOCK_JUMPS:
            until = datetime.fromtimestamp(int(NOON + now) + seconds, UTC)
            headers = {"retry-after": format_datetime(until, usegmt=True)}
            seconds = until.timestamp() - NOON - now
        case 1 if status == 429:
            headers = {"ratelimit": f'"minute";r=0;t={seconds:g}'}
        case 2 if status == 429:
            headers, seconds = {}, 0.0
    return Answer("neutral", status, headers, not_before=now + min(seconds, trouble.longest_wait))


async def _refused(trouble: Trouble) -> Answer:
    status = trouble.rng.choice([401, 403, 400, 302])
    headers = {"location": "https://elsewhere.test/"} if status == 302 else PLAIN
    return Answer("neutral", status, headers, b"no")


async def _not_found(_: Trouble) -> Answer:
    return Answer("neutral", 404, PLAIN, b"nothing here")


async def _timeout(trouble: Trouble) -> Answer:
    if trouble.rng.random() < 0.5:
        await trio.sleep_forever()
    return Answer("failure", body=trouble.body, ending="stall")


async def _reset(trouble: Trouble) -> Answer:
    if trouble.rng.random() < 0.5:
        raise trouble.rng.choice(_BREAKS)("the connection was lost")
    return Answer("failure", body=trouble.body, ending="break")


_BREAKS = (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError, httpx.ConnectTimeout)


async def _truncated(trouble: Trouble) -> Answer:
    whole = Answer("doubtful", body=trouble.body)
    if trouble.rng.random() < 0.3:
        whole = replace(gzipped(whole), verdict="failure")
    body = whole.body[: trouble.rng.randrange(len(whole.body))]
    return replace(whole, body=body, verdict=whole.verdict if body else "failure")


async def _html(trouble: Trouble) -> Answer:
    if trouble.rng.choice([True, False]):
        return Answer("failure", headers={"content-type": "text/html"}, body=HTML)
    return Answer("doubtful", headers=JSON, body=HTML)


async def _garbage(trouble: Trouble) -> Answer:
    bodies = [b'{"ScanEvents": null}', b"{}", b"null", b'"scans"', b'{"ScanEvents": {}}']
    return Answer("doubtful", body=trouble.rng.choice(bodies))


async def _oversize(trouble: Trouble) -> Answer:
    large = Answer("neutral", body=trouble.body[:1] + b" " * MAX_BODY + trouble.body[1:])
    if trouble.rng.random() < 0.3:
        return gzipped(large)
    length = {"content-length": str(len(large.body))} if trouble.rng.random() < 0.5 else {}
    return replace(large, headers={**JSON, **length})


TROUBLES: Mapping[Fault, Callable[[Trouble], Awaitable[Answer]]] = {
    Fault.ERROR: _error,
    Fault.THROTTLE: _throttle,
    Fault.REFUSED: _refused,
    Fault.NOT_FOUND: _not_found,
    Fault.TIMEOUT: _timeout,
    Fault.RESET: _reset,
    Fault.TRUNCATED: _truncated,
    Fault.HTML: _html,
    Fault.GARBAGE: _garbage,
    Fault.OVERSIZE: _oversize,
}
