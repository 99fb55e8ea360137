"""The circuit breaker: leaves a carrier alone that keeps failing, and finds out when it is back.

pybreaker is the state machine; this module adds what it lacks under trio: a monotonic clock,
waiting instead of raising, one probe at a time, and verdicts that are neither success nor failure.

    state      a request may begin     SUCCESS            FAILURE                      NEUTRAL
    closed     at once                 failures := 0      failures + 1; N: -> open     -
    open       no; after reset_after   (none in flight    (none in flight counts)      -
               -> half-open            counts)
    half-open  one, the probe          -> closed          -> open, clock restarts      next probe

Every transition begins an epoch, and a verdict counts only in the epoch its request began in: what
was in flight when the circuit opened can neither close it nor prolong it. Cancellation, and any
other exception out of the request, is NEUTRAL.
"""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from typing import NoReturn

import pybreaker
import trio

from scand.ports import (
    Answered,
    Failed,
    NotFound,
    NothingNew,
    Outcome,
    Refused,
    Throttled,
    TooLarge,
)

CLOSED = pybreaker.STATE_CLOSED
OPEN = pybreaker.STATE_OPEN
HALF_OPEN = pybreaker.STATE_HALF_OPEN


class Verdict(Enum):
    """What an outcome says about the carrier's health."""

    SUCCESS = auto()
    FAILURE = auto()
    NEUTRAL = auto()


VERDICTS: dict[type[Outcome], Verdict] = {
    Answered: Verdict.SUCCESS,  # unless the body does not decode: the fetcher's to say
    NothingNew: Verdict.SUCCESS,
    NotFound: Verdict.NEUTRAL,
    Throttled: Verdict.NEUTRAL,
    Refused: Verdict.NEUTRAL,
    TooLarge: Verdict.NEUTRAL,  # cured by asking for less, not by waiting
    Failed: Verdict.FAILURE,
}


class Permit:
    """Leave to send one request. `settle` says how it went, once."""

    def __init__(self, report: Callable[[Verdict], None]) -> None:
        self._report = report
        self._settled = False

    @property
    def settled(self) -> bool:
        return self._settled

    def settle(self, verdict: Verdict) -> None:
        if self._settled:
            raise RuntimeError("a permit is settled once")
        self._settled = True
        self._report(verdict)


class Breaker:
    """Opens after `failures` consecutive failures; probes after `reset_after` seconds.

    `on_change(old, new)` is called after each transition and must not raise.
    """

    def __init__(
        self,
        failures: int,
        reset_after: float,
        on_change: Callable[[str, str], None] | None = None,
    ) -> None:
        # pybreaker's own timeout runs on the wall clock: 0 takes it out of play.
        self._circuit = pybreaker.CircuitBreaker(reset_timeout=0, throw_new_error_on_trip=False)
        self._on_change = on_change or (lambda _old, _new: None)
        self._epoch = 0
        self._opened_at = -math.inf
        self._probing = False
        self._gate = trio.Lock()
        self._changed = trio.Event()
        self.reconfigure(failures, reset_after)

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`."""
        return self._circuit.current_state

    @property
    def consecutive_failures(self) -> int:
        return self._circuit.fail_counter

    def reopens_in(self) -> float:
        """Return the seconds until a probe is allowed; 0 when time is not what is waited for."""
        if self.state != OPEN:
            return 0.0
        return max(0.0, self._barred_until() - trio.current_time())

    def reconfigure(self, failures: int, reset_after: float) -> None:
        """Take effect at once for a wait under way, and with the next failure for the threshold."""
        if failures < 1 or not reset_after >= 0:
            raise ValueError("failures must be at least 1, and reset_after at least 0")
        self._circuit.fail_max = failures
        self._reset_after = reset_after
        self._wake()

    @asynccontextmanager
    async def admission(self) -> AsyncIterator[Permit]:
        """Wait for the leave to send one request. Left without a verdict, it was NEUTRAL."""
        # Only the first in line watches the state, the others queue behind it at the gate: first
        # come, first served. No checkpoint stands between the leave and the `try` that returns it.
        async with self._gate:
            await self._clearance()
            permit = self._admit()
        try:
            yield permit
        finally:
            if not permit.settled:
                permit.settle(Verdict.NEUTRAL)

    async def _clearance(self) -> None:
        while (until := self._barred_until()) > trio.current_time():
            with trio.move_on_at(until):
                await self._changed.wait()

    def _barred_until(self) -> float:
        """On trio's clock; inf means until something changes."""
        if self._probing:
            return math.inf
        return self._opened_at + self._reset_after if self.state == OPEN else -math.inf

    def _admit(self) -> Permit:
        if self.state == OPEN:
            self._move(self._circuit.half_open)
        self._probing = self.state == HALF_OPEN
        epoch = self._epoch
        return Permit(lambda verdict: self._hear(verdict, epoch))

    def _hear(self, verdict: Verdict, epoch: int) -> None:
        if epoch != self._epoch:
            return
        self._probing = False
        self._move(_REPORTS[verdict], self._circuit)
        self._wake()

    def _move(self, step: Callable[..., object], *args: object) -> None:
        """Let pybreaker take one step, and draw the consequences if that was a transition."""
        # Not a pybreaker listener: those are called before the new state can be read.
        before = self.state
        step(*args)
        if self.state == before:
            return
        self._epoch += 1
        if self.state == OPEN:
            self._opened_at = trio.current_time()
        self._wake()
        self._on_change(before, self.state)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


# --- pybreaker's public way to be told: a call that returns, or raises --------


class _Failure(Exception):  # noqa: N818 - a message to pybreaker, not an error
    pass


def _fail() -> NoReturn:
    raise _Failure


def _report_success(circuit: pybreaker.CircuitBreaker) -> None:
    circuit.call(lambda: None)


def _report_failure(circuit: pybreaker.CircuitBreaker) -> None:
    with suppress(_Failure):
        circuit.call(_fail)


def _report_nothing(_circuit: pybreaker.CircuitBreaker) -> None:
    pass


_REPORTS: dict[Verdict, Callable[[pybreaker.CircuitBreaker], None]] = {
    Verdict.SUCCESS: _report_success,
    Verdict.FAILURE: _report_failure,
    Verdict.NEUTRAL: _report_nothing,
}
