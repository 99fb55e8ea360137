"""How late ids were found, and whether `late_window` was wide enough.

An id that is late counts as such from when its successor was first seen to when a look showed it.
Looks are made when the age of a gap has doubled, and none during an outage: the id may have been
visible for a while, so what is measured is the most that its lateness can have been.
"""

from collections.abc import Iterable, Sequence
from math import ceil
from typing import NamedTuple

from scand.core.ledger import Outcome, Settled

NEAR = 0.8
"""The share of `late_window` beyond which a late id came near to being given up."""

WARN_EVERY = 600.0
"""Seconds between two warnings of that."""


class Lateness(NamedTuple):
    """Of so many late ids: seconds, None where there were none."""

    found: int
    p50: float | None = None
    p99: float | None = None
    max: float | None = None


def measure(seconds: Sequence[float]) -> Lateness:
    """The nearest-rank percentiles of how late ids were."""
    ranked = sorted(seconds)
    if not ranked:
        return Lateness(0)
    median, high = (ranked[ceil(share * len(ranked)) - 1] for share in (0.5, 0.99))
    return Lateness(len(ranked), median, high, ranked[-1])


def is_near(seconds: float, late_window: float) -> bool:
    """Whether an id that late came near to being given up."""
    return seconds > NEAR * late_window


class EdgeWatch:
    """Notices when late ids are found near the end of `late_window`."""

    def __init__(self) -> None:
        self._warned_at = float("-inf")

    def notice(self, settled: Iterable[Settled], now: float, late_window: float) -> float | None:
        """The lateness to warn of, in seconds; None when there is none, or was one just now."""
        filled = (gap.at - gap.since for gap in settled if gap.outcome is Outcome.FILLED)
        latest = max(filled, default=0.0)
        if not is_near(latest, late_window) or now - self._warned_at < WARN_EVERY:
            return None
        self._warned_at = now
        return latest
