"""Asks the carrier until there is a page: breaker, back-off and decoding around one request.

| outcome | what is done |
| --- | --- |
| a page, 204, or 404 where it can mean "nothing new" | returned |
| a body over the cap | returned: the fetcher asks for less |
| 429, 503 with Retry-After | wait as told, at most `retry_after_cap`; "0" is no wait to be had |
| 401, 403, another 404, a redirect | wait `refused_pause`; the credential is read again |
| a page that does not decode, three times the same | poison: read event by event |
| the same, and not even that is possible | returned: the fetcher isolates the event |
| anything else | wait with full jitter, doubling up to `cap`; counts for the breaker |

A page that does not decode though its framing is whole says nothing about the carrier's health: it
is neutral for the breaker. One whose framing is damaged may be transport, and is a failure, unless
the same has come so often that it is poison, or poison is known to be near.
"""

import codecs
import hashlib
from dataclasses import dataclass

import trio

from scand.core.decode import Body, Decoded, Decoder, Undecodable
from scand.core.framing import Broken, salvage
from scand.feed.breaker import VERDICTS, Breaker, Verdict
from scand.feed.pacing import Backoff
from scand.ports import (
    Answered,
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
    Unreadable,
)
from scand.records import Answer, FetchFailed, RequestEnded

POISON_AFTER = 3
"""Times the same undecodable page must come before it is taken for what the carrier means."""

WARY_AFTER = 2
"""The same where poison is known to be near."""

_Page = tuple[Decoded, bytes]
_EMPTY: _Page = Decoded([], []), b"[]"


@dataclass(frozen=True, slots=True)
class Reading:
    """A page, read. `begun` is on trio's clock, `seconds` is how long the request took."""

    decoded: Decoded
    body: Body
    begun: float
    seconds: float


class PageReader:
    """Turns requests into pages, however long it takes."""

    def __init__(
        self,
        feed: Feed,
        breaker: Breaker,
        backoff: Backoff,
        observer: Observer,
        decoder: Decoder,
        *,
        retry_after_cap: float,
        refused_pause: float,
    ) -> None:
        self._feed, self._breaker, self._backoff = feed, breaker, backoff
        self._observer, self.decoder = observer, decoder
        self._retry_after_cap, self._refused_pause = retry_after_cap, refused_pause
        self._suspect = Suspect()
        self._not_before = 0.0  # on trio's clock; whoever asks next keeps to it, after a crash too

    async def read(
        self, request: Request, *, may_be_idle: bool, wary: bool = False
    ) -> Reading | TooLarge | Unreadable:
        """Ask until there is an answer.

        `may_be_idle`: a 404 can mean that nothing is new. `wary`: poison is near.
        """
        self._suspect.patience = WARY_AFTER if wary else POISON_AFTER
        while True:
            await trio.sleep_until(self._not_before)
            outcome = await self._ask(request, may_be_idle=may_be_idle)
            if isinstance(outcome, Reading | Unreadable):
                self._backoff.reset()
                return outcome
            if isinstance(outcome, TooLarge) and request.limit > self.decoder.kind.least_limit:
                return outcome
            wait = self._wait_after(outcome)
            self._observer(FetchFailed(type(outcome).__name__, _reason(outcome), wait))
            self._not_before = trio.current_time() + wait

    async def _ask(self, request: Request, *, may_be_idle: bool) -> Reading | Unreadable | Outcome:
        async with self._breaker.admission() as permit:
            begun = trio.current_time()
            outcome = await self._feed.ask(request)
            seconds = trio.current_time() - begun
            verdict = VERDICTS[type(outcome)]
            result: _Page | Unreadable | Outcome = outcome
            match outcome:
                case Answered(body):
                    verdict, result = self._interpret(body, begun)
                case NothingNew():
                    result = _EMPTY
                case NotFound() if may_be_idle:
                    result = _EMPTY
                case _:
                    pass
            if result is _EMPTY:
                self._suspect.clear()
            permit.settle(verdict)
            self._observer(RequestEnded(_answer(result), seconds))
            if not isinstance(result, tuple):
                return result
            decoded, body = result
            return Reading(decoded, Body(body, self.decoder), begun, seconds)

    def _interpret(self, body: bytes, begun: float) -> tuple[Verdict, _Page | Failed | Unreadable]:
        body = body.removeprefix(codecs.BOM_UTF8)  # .NET likes to write one
        try:
            decoded = self.decoder.page(body)
        except Undecodable as error:
            return self._doubt(body, begun, str(error))
        self._suspect.clear()
        return Verdict.SUCCESS, (decoded, body)

    def _doubt(
        self, body: bytes, begun: float, why: str
    ) -> tuple[Verdict, _Page | Failed | Unreadable]:
        convicted = self._suspect.convicts(body)
        try:
            salvaged = salvage(body, self.decoder)
        except Broken as broken:
            known = convicted or self._suspect.patience < POISON_AFTER
            verdict = Verdict.NEUTRAL if known else Verdict.FAILURE
            return verdict, Unreadable(str(broken), body, begun) if convicted else Failed(why)
        except Undecodable:  # no page: a message for people, perhaps
            return Verdict.FAILURE, Failed(why)
        return Verdict.NEUTRAL, salvaged if convicted else Failed(why)

    def _wait_after(self, outcome: Outcome) -> float:
        match outcome:
            case Throttled(retry_after=float(seconds)) if seconds > 0:
                return min(seconds, self._retry_after_cap)
            case Refused() | NotFound():
                return self._refused_pause
            case _:
                return self._backoff.next()


class Suspect:
    """Remembers the last page that did not decode, by digest, and how often it came."""

    def __init__(self) -> None:
        self.patience = POISON_AFTER
        self._digest, self._times = b"", 0

    def convicts(self, body: bytes) -> bool:
        """Whether this body has now come often enough in a row to be poison rather than damage."""
        digest = hashlib.sha256(body).digest()
        self._times = self._times + 1 if digest == self._digest else 1
        self._digest = digest
        return self._times >= self.patience

    def clear(self) -> None:
        """A page decoded."""
        self._digest, self._times = b"", 0


_ANSWERS: dict[type, Answer] = {
    tuple: Answer.PAGE,
    Unreadable: Answer.UNREADABLE,
    TooLarge: Answer.TOO_LARGE,
    Throttled: Answer.THROTTLED,
    Refused: Answer.REFUSED,
    NotFound: Answer.NOT_FOUND,
    Failed: Answer.FAILED,
}


def _answer(result: _Page | Unreadable | Outcome) -> Answer:
    return Answer.NOTHING_NEW if result is _EMPTY else _ANSWERS[type(result)]


def _reason(outcome: Outcome) -> str:
    return getattr(outcome, "reason", "")
