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

A page that does not decode though its framing is whole says nothing about the carrier's health: it
is neutral for the breaker. Any other body may be damaged on the way, and is a failure, until it has
come so often, or where it is known what damages pages, or just being found out.
"""

import codecs
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial

import trio

from scand.core.decode import Body, Decoded, Decoder
from scand.core.pulse import Pulse
from scand.core.tolerant import Damaged, Salvaged, Whole, read_page
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

LARGE = 1 << 20
"""Bytes from which on a body is read in a thread: garbage of that size takes its time."""

LARGE_TAKES = 600.0
"""Seconds that this may be: who is started again for it would be served the same body."""

_Page = tuple[Decoded, bytes]
_Read = Whole | Salvaged | Damaged
_EMPTY: _Page = Decoded([], []), b"[]"


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


class Purpose(Enum):
    """What a page is wanted for."""

    FOLLOWING = auto()  # it has to be read, however long that takes
    SEARCHING = auto()  # for what makes pages unreadable: one look at each is enough
    PROBING = auto()  # as well; and nothing may be there, which some carriers refuse to say


async def in_thread(read: Callable[[], _Read]) -> _Read:
    """Read a large body while the rest of the process goes on."""
    return await trio.to_thread.run_sync(read, abandon_on_cancel=True)


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
        aside: Callable[[Callable[[], _Read]], Awaitable[_Read]] = in_thread,
    ) -> None:
        self._feed, self.breaker, self.backoff = feed, breaker, backoff
        self._observer, self.decoder, self._aside = observer, decoder, aside
        self._retry_after_cap, self._refused_pause = retry_after_cap, refused_pause
        self._timeout, self.pulse = timeout, pulse
        self._refused, self._pardoned = False, trio.Event()
        self._suspect = Suspect()
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
        self, request: Request, *, may_be_idle: bool, purpose: Purpose = Purpose.FOLLOWING
    ) -> Reading | TooLarge | Unreadable:
        """Ask until there is an answer. `may_be_idle`: a 404 can mean that nothing is new."""
        searching = purpose is not Purpose.FOLLOWING
        while True:
            with self.pulse.waiting("the next try", self._not_before):
                with trio.move_on_at(self._not_before):
                    await self._pardoned.wait()
            probe_at = trio.current_time() + self.breaker.reopens_in()
            with self.pulse.waiting("the circuit breaker", probe_at):
                outcome = await self._ask(request, may_be_idle=may_be_idle, searching=searching)
            if isinstance(outcome, Refused) and purpose is Purpose.PROBING:
                self._pause(self.backoff.brief())
                (decoded, body), now = _EMPTY, trio.current_time()
                return Reading(decoded, Body(body, self.decoder), now, 0.0, now)
            if isinstance(outcome, Unreadable):
                self._pause(self.backoff.brief())
                return outcome
            if isinstance(outcome, Reading):
                self._resting &= searching
                if not self._resting:
                    self.backoff.reset()
                return outcome
            if isinstance(outcome, TooLarge) and (searching or self._can_be_less(request)):
                return outcome
            self._fail(type(outcome).__name__, _reason(outcome), self._wait_after(outcome))
            self._refused = isinstance(outcome, Refused | NotFound)

    def rest(self, why: str) -> None:
        """Nothing can be read: leave the carrier in peace for a while."""
        self._resting = True
        self._fail(Failed.__name__, why, self.backoff.next())

    def _fail(self, kind: str, why: str, wait: float) -> None:
        self._observer(FetchFailed(kind, why, wait))
        self._pause(wait)

    def _pause(self, seconds: float) -> None:
        self._not_before = trio.current_time() + seconds
        self._refused, self._pardoned = False, trio.Event()

    def _can_be_less(self, request: Request) -> bool:
        return request.limit > self.decoder.kind.least_limit

    async def _ask(
        self, request: Request, *, may_be_idle: bool, searching: bool
    ) -> Reading | Unreadable | Outcome:
        async with self.breaker.admission() as permit:
            begun = trio.current_time()
            with self.pulse.waiting("the carrier", begun + self._timeout):
                outcome = await self._feed.ask(request)
            seconds = trio.current_time() - begun
            verdict = VERDICTS[type(outcome)]
            result: _Page | Unreadable | Outcome = outcome
            match outcome:
                case Answered(body):
                    verdict, result = await self._interpret(body, begun, searching=searching)
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
            whole = Body(body, self.decoder)
            return Reading(decoded, whole, begun, seconds, trio.current_time())

    async def _interpret(
        self, body: bytes, begun: float, *, searching: bool
    ) -> tuple[Verdict, _Page | Failed | Unreadable]:
        body = body.removeprefix(codecs.BOM_UTF8)  # .NET likes to write one
        read = partial(read_page, body, self.decoder)
        match read() if len(body) < LARGE else await self._read_aside(read):
            case Whole(decoded):
                self._suspect.clear()
                return Verdict.SUCCESS, (decoded, body)
            case Salvaged(decoded, sound, mark, why):
                convicted = self._suspect.convicts(mark)
                return Verdict.NEUTRAL, (decoded, sound) if convicted else Failed(why)
            case Damaged() as damaged:
                return self._doubt(damaged, body, begun, searching=searching)

    async def _read_aside(self, read: Callable[[], _Read]) -> _Read:
        with self.pulse.waiting("a large body to be read", trio.current_time() + LARGE_TAKES):
            return await self._aside(read)

    def _doubt(
        self, damaged: Damaged, body: bytes, begun: float, *, searching: bool
    ) -> tuple[Verdict, Failed | Unreadable]:
        known = damaged.begins and self._suspect.knows(damaged.mark)
        if searching or self._suspect.convicts(damaged.mark):
            self._suspect.close(damaged.mark)
            unreadable = Unreadable(damaged.why, body, begun, damaged.mark, damaged.begins)
            return Verdict.NEUTRAL, unreadable
        return Verdict.NEUTRAL if known else Verdict.FAILURE, Failed(damaged.why)

    def _wait_after(self, outcome: Outcome) -> float:
        match outcome:
            case Throttled(retry_after=float(seconds)) if seconds > 0:
                return min(seconds, self._retry_after_cap)
            case Refused() | NotFound():
                return self._refused_pause
            case _:
                return self.backoff.next()


class Suspect:
    """Remembers how the last page that did not decode was damaged, and how often that came."""

    def __init__(self) -> None:
        self._mark, self._times = b"", 0
        self._convicted: bytes | None = None

    def convicts(self, mark: bytes) -> bool:
        """Whether this has now come often enough in a row to be poison rather than damage."""
        self._times = self._times + 1 if mark == self._mark else 1
        self._mark = mark
        return self._times >= POISON_AFTER

    def knows(self, mark: bytes) -> bool:
        """Whether this was the last that no reader could make sense of."""
        return mark == self._convicted

    def clear(self) -> None:
        """A page was read."""
        self._mark, self._times = b"", 0

    def close(self, mark: bytes) -> None:
        """It is known that this cannot be read."""
        self.clear()
        self._convicted = mark


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
