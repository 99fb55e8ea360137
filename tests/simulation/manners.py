"""A model of a polite client, which watches the carrier's door: independent of the real breaker.

closed      every request may begin; `failures` failures in a row open it
open        none may, for `reset_after` seconds
half-open   one at a time: a success closes it, a failure opens it, all else changes nothing

A page that cannot be decoded may be damaged or be meant so, which nobody can tell from one: such an
answer is doubtful, a failure or neutral. The client may be in any mood that its answers allow.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import trio

from tests.simulation.faults import Invariant, Tally, require
from tests.simulation.pace import Pace
from tests.simulation.terms import Terms
from tests.simulation.trace import Trace

SLACK = 1e-6
"""Seconds: times are sums of floats."""

I6 = Invariant.I6


@dataclass(frozen=True)
class Mood:
    """What the client may know of the carrier."""

    state: str = "closed"
    failures: int = 0
    opened_at: float = float("-inf")


class Manners:
    """Judges when requests begin, by how those before them ended."""

    def __init__(self, terms: Terms, tally: Tally, trace: Trace) -> None:
        self._terms, self._tally, self._trace = terms, tally, trace
        self.pace = Pace(terms)
        self._opened = False  # ever, in this run
        self.new_process()

    def new_process(self) -> None:
        """A process that has just begun knows nothing of those before it."""
        self._moods = {Mood()}
        self._not_before = float("-inf")
        self._in_flight = 0
        self.pace.begin()

    def begins(self, limit: int) -> None:
        """A request has arrived."""
        self.pace.asks(limit)
        now = trio.current_time()
        require(now >= self._not_before - SLACK, I6, "asked before Retry-After was over")
        self._open_a_little()
        require(not self._in_flight, I6, "two requests at a time, with a concurrency of one")
        self._in_flight += 1

    def ends(self, verdict: str, not_before: float = float("-inf")) -> None:
        """A request is over: a `success`, a `failure`, `neutral`, or `doubtful`."""
        self._in_flight -= 1
        self.pace.answered(verdict)
        self._not_before = not_before
        self._moods = {after for mood in self._moods for after in self._after(mood, verdict)}
        self._opened |= all(mood.state == "open" for mood in self._moods)
        if self._opened:
            self._tally.held(I6)

    def _after(self, mood: Mood, verdict: str) -> Iterator[Mood]:
        if verdict == "success":
            yield Mood()
        if verdict in {"neutral", "doubtful"}:
            yield mood
        if verdict in {"failure", "doubtful"}:
            failures = mood.failures + 1
            threshold = self._terms.now.feed.breaker.failures
            if mood.state == "half-open" or failures >= threshold:
                yield Mood("open", failures, trio.current_time())
            else:
                yield replace(mood, failures=failures)

    def _open_a_little(self) -> None:
        now = trio.current_time()
        rest = min(config.feed.breaker.reset_after for config in self._terms.since(now))
        early = min(mood.opened_at for mood in self._moods) + rest - now
        self._moods = {
            replace(mood, state="half-open") if mood.state == "open" else mood
            for mood in self._moods
            if mood.state != "open" or mood.opened_at + rest <= now + SLACK
        }
        require(self._moods, I6, "asked while open, too early by", early)

    def said(self, state: str) -> None:
        """The real breaker tells of its new state."""
        before = self._moods
        if state == "half-open":
            self._open_a_little()
        self._moods = {mood for mood in self._moods if mood.state == state}
        require(self._moods, I6, "the breaker says", state, before)
