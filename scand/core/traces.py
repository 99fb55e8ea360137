"""Which events are traced, and the ids of their traces.

The id of a trace follows from the EventId and from a salt that each store has of its own. So an
event that is met again, after a crash, by a second look, or in a publisher hours later, goes on
with the same trace, and nobody has to be asked; and two stores that follow one feed share none.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from scand.core.event import EventId, Rejected, ScanEvent


@dataclass(frozen=True, slots=True)
class Traced:
    """Which events of a page have a trace whatever becomes of them. Dead letters always have."""

    salt: bytes
    events: frozenset[EventId] = frozenset()

    def trace_id(self, event_id: EventId) -> bytes:
        """16 bytes, as W3C Trace Context wants them."""
        return hashlib.blake2b(str(event_id).encode(), key=self.salt, digest_size=16).digest()

    def trace_id_of(self, rejected: Rejected) -> bytes:
        """The same for a dead letter, whose EventId may be unknown."""
        known = rejected.event_id
        return self.trace_id(rejected.identity if known is None else known)


def root_span_id(trace_id: bytes) -> bytes:
    """The span that all others of an event's trace are below, those of later days too."""
    return hashlib.blake2b(trace_id, digest_size=8).digest()


def traceparent(trace_id: bytes) -> str:
    """What whoever receives an event goes on from: a W3C `traceparent`, sampled."""
    return f"00-{trace_id.hex()}-{root_span_id(trace_id).hex()}-01"


class Sampler:
    """Chooses who is traced, once per page: at most `rate` events a second, None for all.

    A token bucket: what is not used up is kept for bursts of up to `burst` seconds.
    """

    def __init__(self, salt: bytes, rate: float | None, burst: float) -> None:
        self._nobody = Traced(salt)
        self._rate, self._depth = rate, (rate or 0.0) * burst
        self._tokens, self._filled_at = self._depth, 0.0

    def choose(self, events: Sequence[ScanEvent], now: float) -> Traced:
        """Who is traced of a page, at a moment of a clock that does not go back."""
        chosen = events[: self._take(len(events), now)]
        if not chosen:
            return self._nobody
        return Traced(self._nobody.salt, frozenset(event.event_id for event in chosen))

    def _take(self, wanted: int, now: float) -> int:
        if self._rate is None:
            return wanted
        earned = (now - self._filled_at) * self._rate
        self._tokens, self._filled_at = min(self._tokens + earned, self._depth), now
        taken = min(wanted, int(self._tokens))
        self._tokens -= taken
        return taken
