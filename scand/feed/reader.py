"""Asks the carrier until there is a page: breaker, back-off and decoding around one request.

| outcome | what is done |
| --- | --- |
| a page, 204, or 404 where it can mean "nothing new" | returned |
| a body over the cap | returned: the fetcher asks for less |
| 429, 503 with Retry-After | wait as told, at most `retry_after_cap`; "0" is no wait to be had |
| 401, 403, another 404, a redirect | wait `refused_pause`; the credential is read again |
| a page that does not decode, three times the same | poison: read event by event |
| a body that no reader makes sense of, three times the same | returned: the fetcher finds out why |
| anything else | wait with full jitter, doubling up to `cap`; counts for the breaker |
"""

from dataclasses import dataclass

import trio

from scand.core.decode import Body, Decoded, Decoder
from scand.core.pulse import Pulse
from scand.feed.breaker import VERDICTS, Breaker
from scand.feed.interpreting import Aside, Interpreter, Page, in_thread
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

PROBES = 3
"""Failures in a row after which a probe goes without an answer."""

_EMPTY: Page = Decoded([], []), b"[]"


@dataclass(frozen=True, slots=True)
class Reading:
    """A page, read.

    `begun` and `decoded_at` are on trio's clock, `seconds` is how long the request took.
    """

    decoded: Decoded
    body: Body
    begun: float
    seconds: float
    decoded_at: float


class PageReader:
    """Turns requests into pages, however long it takes. `aside` runs what takes long."""

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
        timeout: float,
        pulse: Pulse,
        aside: Aside = in_thread,
    ) -> None:
        self._feed, self.breaker, self.backoff = feed, breaker, backoff
        self._observer, self.decoder = observer, decoder
        self._retry_after_cap, self._refused_pause = retry_after_cap, refused_pause
        self._timeout, self.pulse = timeout, pulse
        self._interpreter = Interpreter(decoder, pulse, aside)
        self._refused, self._pardoned = False, trio.Event()
        self._resting = False  # a search was in vain: the pages that another one shows end no wait
        self._not_before = 0.0  # on trio's clock; whoever asks next keeps to it, after a crash too

    def reconfigure(self, *, retry_after_cap: float, refused_pause: float, timeout: float) -> None:
        """Take effect with the next wait; one for a refusal ends: its cause may be mended."""
        self._retry_after_cap, self._refused_pause = retry_after_cap, refused_pause
        self._timeout, now = timeout, trio.current_time()
        self.pulse.prolong(now + self.breaker.reopens_in())
        if self._refused:
            self._not_before = now
            self._pardoned.set()

    async def read(
        self, request: Request, *, may_be_idle: bool, searching: bool = False
    ) -> Reading | TooLarge | Unreadable:
        """Ask until there is an answer. `may_be_idle`: a 404 can mean that nothing is new.

        `searching` for what makes pages unreadable, one look at each is enough.
        """
        while True:
            outcome = await self._try(request, may_be_idle=may_be_idle, searching=searching)
            if isinstance(outcome, Reading | Unreadable):
                return outcome
            if isinstance(outcome, TooLarge) and (searching or self._can_be_less(request)):
                return outcome
            self._wait_for(outcome)

    async def probe(self, request: Request) -> Reading | TooLarge | Unreadable | Failed:
        """Ask while searching, only to see how it is answered.

        There may be nothing, which some carriers refuse to say, and others fail of.
        """
        failures = 0
        while True:
            outcome = await self._try(request, may_be_idle=True, searching=True)
            if isinstance(outcome, Reading | Unreadable | TooLarge):
                return outcome
            if isinstance(outcome, Refused):
                self._pause(self.backoff.brief())
                now = trio.current_time()
                return self._reading(_EMPTY, now, now)
            self._wait_for(outcome)
            failures = failures + 1 if isinstance(outcome, Failed) else 0
            if failures == PROBES and isinstance(outcome, Failed):
                return outcome

    def rest(self, why: str) -> None:
        """Nothing can be read: leave the carrier in peace for a while."""
        self._resting = True
        self._wait_for(Failed(why))

    async def _try(
        self, request: Request, *, may_be_idle: bool, searching: bool
    ) -> Reading | Unreadable | Outcome:
        """Ask once, as soon as that may be."""
        with self.pulse.waiting("the next try", self._not_before):
            with trio.move_on_at(self._not_before):
                await self._pardoned.wait()
        probe_at = trio.current_time() + self.breaker.reopens_in()
        with self.pulse.waiting("the circuit breaker", probe_at):
            outcome = await self._ask(request, may_be_idle=may_be_idle, searching=searching)
        if isinstance(outcome, Unreadable):
            self._pause(self.backoff.brief())
        if isinstance(outcome, Reading):
            self._resting &= searching
            if not self._resting:
                self.backoff.reset()
        return outcome

    async def _ask(
        self, request: Request, *, may_be_idle: bool, searching: bool
    ) -> Reading | Unreadable | Outcome:
        async with self.breaker.admission() as permit:
            begun = trio.current_time()
            with self.pulse.waiting("the carrier", begun + self._timeout):
                outcome = await self._feed.ask(request)
            answered = trio.current_time()
            verdict = VERDICTS[type(outcome)]
            result: Page | Unreadable | Outcome = outcome
            match outcome:
                case Answered(body):
                    interpret = self._interpreter.interpret
                    verdict, result = await interpret(body, begun, searching=searching)
                case NothingNew():
                    result = _EMPTY
                case NotFound() if may_be_idle:
                    result = _EMPTY
                case _:
                    pass
            if result is _EMPTY:
                self._interpreter.clear()
            permit.settle(verdict)
            self._observer(RequestEnded(_answer(result), answered - begun))
            return self._reading(result, begun, answered) if isinstance(result, tuple) else result

    def _reading(self, page: Page, begun: float, answered: float) -> Reading:
        decoded, body = page
        now = trio.current_time()
        return Reading(decoded, Body(body, self.decoder), begun, answered - begun, now)

    def _can_be_less(self, request: Request) -> bool:
        return request.limit > self.decoder.kind.least_limit

    def _wait_for(self, outcome: Outcome) -> None:
        """Have whoever asks next wait, as long as such an outcome calls for."""
        wait, why = self._wait_after(outcome), getattr(outcome, "reason", "")
        self._observer(FetchFailed(type(outcome).__name__, why, wait))
        self._pause(wait)
        self._refused = isinstance(outcome, Refused | NotFound)

    def _wait_after(self, outcome: Outcome) -> float:
        match outcome:
            case Throttled(retry_after=float(seconds)) if seconds > 0:
                return min(seconds, self._retry_after_cap)
            case Refused() | NotFound():
                return self._refused_pause
            case _:
                return self.backoff.next()

    def _pause(self, seconds: float) -> None:
        self._not_before = trio.current_time() + seconds
        self._refused, self._pardoned = False, trio.Event()


_ANSWERS: dict[type, Answer] = {
    tuple: Answer.PAGE,
    Unreadable: Answer.UNREADABLE,
    TooLarge: Answer.TOO_LARGE,
    Throttled: Answer.THROTTLED,
    Refused: Answer.REFUSED,
    NotFound: Answer.NOT_FOUND,
    Failed: Answer.FAILED,
}


def _answer(result: Page | Unreadable | Outcome) -> Answer:
    return Answer.NOTHING_NEW if result is _EMPTY else _ANSWERS[type(result)]
