"""Asks the carrier until there is a page: breaker, back-off and decoding around one request.

| outcome | what is done |
| --- | --- |
| a page, 204, or 404 where it can mean "nothing new" | returned |
| a body over the cap | returned: the fetcher asks for less |
| 429, 503 with Retry-After | wait as told, at most `retry_after_cap` |
| 401, 403, another 404, a redirect | wait `refused_pause`; the credential is read again |
| anything else | wait with full jitter, doubling up to `cap`; counts for the breaker |
"""

from dataclasses import dataclass

import trio

from scand.core.decode import Decoded, Undecodable, decode_page
from scand.feed.breaker import VERDICTS, Breaker
from scand.feed.pacing import Backoff
from scand.ports import (
    Answered,
    Clock,
    Failed,
    Feed,
    NotFound,
    NothingNew,
    Observer,
    Outcome,
    Refused,
    Request,
    Throttled,
    TooLarge,
)
from scand.records import FetchFailed


@dataclass(frozen=True, slots=True)
class Reading:
    """A page, read. `begun` is the time of day its request began, `seconds` how long it took."""

    decoded: Decoded
    body: bytes
    begun: float
    seconds: float


class PageReader:
    """Turns requests into pages, however long it takes."""

    def __init__(
        self,
        feed: Feed,
        breaker: Breaker,
        backoff: Backoff,
        clock: Clock,
        observer: Observer,
        *,
        retry_after_cap: float,
        refused_pause: float,
    ) -> None:
        self._feed, self._breaker, self._backoff = feed, breaker, backoff
        self._clock, self._observer = clock, observer
        self._retry_after_cap, self._refused_pause = retry_after_cap, refused_pause

    async def read(self, request: Request, *, may_be_idle: bool) -> Reading | TooLarge:
        """Ask until there is an answer. `may_be_idle`: a 404 can mean that nothing is new."""
        while True:
            outcome = await self._ask(request)
            if isinstance(outcome, NotFound) and may_be_idle:
                return Reading(Decoded([], []), b"", self._clock.now(), 0.0)
            if isinstance(outcome, Reading):
                self._backoff.reset()
                return outcome
            if isinstance(outcome, TooLarge) and request.limit > 1:
                return outcome
            wait = self._wait_after(outcome)
            self._observer(FetchFailed(type(outcome).__name__, _reason(outcome), wait))
            await trio.sleep(wait)

    async def _ask(self, request: Request) -> Reading | Outcome:
        async with self._breaker.admission() as permit:
            begun, started = self._clock.now(), trio.current_time()
            outcome = await self._feed.ask(request)
            reading = _read(outcome, begun, trio.current_time() - started)
            permit.settle(VERDICTS[Answered if isinstance(reading, Reading) else type(reading)])
            return reading

    def _wait_after(self, outcome: Outcome) -> float:
        match outcome:
            case Throttled(retry_after=float(seconds)):
                return min(seconds, self._retry_after_cap)
            case Refused() | NotFound():
                return self._refused_pause
            case _:
                return self._backoff.next()


def _read(outcome: Outcome, begun: float, seconds: float) -> Reading | Outcome:
    match outcome:
        case Answered(body):
            try:
                return Reading(decode_page(body), body, begun, seconds)
            except Undecodable as error:
                return Failed(str(error))
        case NothingNew():
            return Reading(Decoded([], []), b"", begun, seconds)
        case _:
            return outcome


def _reason(outcome: Outcome) -> str:
    return getattr(outcome, "reason", "")
