"""A model of a polite client, which watches the carrier's door: independent of the real breaker.

closed      every request may begin; `failures` failures in a row open it
open        none may, for `reset_after` seconds
half-open   one at a time: a success closes it, a failure opens it, all else changes nothing
"""

import trio

from tests.simulation.faults import Invariant, Tally, require
from tests.simulation.trace import Trace

SLACK = 1e-6
"""Seconds: times are sums of floats."""

I6 = Invariant.I6


class Manners:
    """Judges when requests begin, by how those before them ended."""

    def __init__(self, failures: int, reset_after: float, tally: Tally, trace: Trace) -> None:
        self._threshold, self._reset_after = failures, reset_after
        self._tally, self._trace = tally, trace
        self._opened = False  # ever, in this run
        self.new_process()

    def new_process(self) -> None:
        """A process that has just begun knows nothing of those before it."""
        self._state, self._failures = "closed", 0
        self._opened_at = self._not_before = float("-inf")
        self._in_flight = 0

    def begins(self) -> None:
        """A request has arrived."""
        now = trio.current_time()
        require(now >= self._not_before - SLACK, I6, "asked before Retry-After was over")
        self._open_a_little()
        require(not self._in_flight, I6, "two requests at a time, with a concurrency of one")
        self._in_flight += 1

    def ends(self, verdict: str, not_before: float = float("-inf")) -> None:
        """A request is over: a `success`, a `failure`, or `neutral`."""
        self._in_flight -= 1
        self._not_before = not_before
        if verdict == "success":
            self._state, self._failures = "closed", 0
        elif verdict == "failure":
            self._failures += 1
            if self._state == "half-open" or self._failures >= self._threshold:
                self._state, self._opened_at = "open", trio.current_time()
                self._opened = True
        if self._opened:
            self._tally.held(I6)

    def _open_a_little(self) -> None:
        if self._state == "open":
            early = self._opened_at + self._reset_after - trio.current_time()
            require(early <= SLACK, I6, "asked while open, too early by", early)
            self._state = "half-open"

    def said(self, state: str) -> None:
        """The real breaker tells of its new state."""
        if state == "half-open":
            self._open_a_little()
        require(state == self._state, I6, "the breaker says", state, self._state)
