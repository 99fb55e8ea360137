"""How often the carrier is asked, and for how much: never more than the settings allow.

Whoever has come to rest at the head asks again after `poll_interval`, also where settings are
exchanged in between. That can be told of polls that took one question each, and have kept to it
before: it is not so while something is searched for.
"""

import trio

from scand.records import PageFetched
from tests.simulation.faults import Invariant, require
from tests.simulation.terms import Terms

I6, I7 = Invariant.I6, Invariant.I7

SLACK = 1e-6
"""Seconds: times are sums of floats."""

LEAST_ASKED = 5
"""Events that are asked for to find out what became of some, however few a page may have."""


class Pace:
    """Watches the questions of one process."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.begin()

    def begin(self) -> None:
        """Nothing is known: a generation begins, or the feed was not what it was."""
        self._asked, self._asked_at, self._well = 0, 0.0, False
        self._head_at: float | None = None
        self._rests_since: float | None = None
        self._calm_since = self._terms.begun

    def asks(self, limit: int) -> None:
        """A question has arrived."""
        self._asked, self._asked_at = self._asked + 1, trio.current_time()
        allowed = [config.feed.limit for config in self._terms.since(self._calm_since)]
        require(limit <= max(LEAST_ASKED, *allowed), I7, "asked for too many:", limit, allowed)

    def answered(self, verdict: str) -> None:
        """A question had its answer: see `manners`."""
        self._well = verdict == "success"

    def read(self, page: PageFetched) -> None:
        """An answer was taken."""
        polled = self._asked == 1 and self._well and not page.reread
        if polled and self._rests_since is not None:
            rested = self._has_rested(self._rests_since)
            require(rested, I6, "polled before it was time, resting since", self._rests_since)
        head = polled and page.at_head and not page.gaps
        steady = head and self._head_at is not None and self._has_rested(self._head_at)
        self._head_at = self._asked_at if head else None
        self._rests_since = self._asked_at if steady else None
        self._calm_since = self._asked_at if steady else self._calm_since
        self._asked = 0

    def _has_rested(self, since: float) -> bool:
        least = min(config.feed.poll_interval for config in self._terms.since(since))
        return self._asked_at - since >= least - SLACK
