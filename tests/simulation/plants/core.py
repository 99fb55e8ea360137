"""Mistakes in the rules."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import trio

from scand.core import careful, coverage, covered, decode, ledger, parcel
from scand.core.event import Rejected
from scand.ports import Clock
from scand.runtime import daemon
from scand.store import commit
from tests.simulation.plants.garden import plant
from tests.simulation.scheduler import exchanged


@plant("I1")
def the_last_to_come_is_the_latest() -> AbstractContextManager[None]:
    """Joining parcels goes by the order of arrival."""
    real = parcel.join

    def arrived(one: Any, other: Any, key: Any) -> Any:
        joined = real(one, other, key)
        return parcel.ParcelState(other.latest, joined.picked_up, joined.delivered)

    return _both(exchanged(parcel, join=arrived), exchanged(commit, join=arrived))


@plant("I9")
def given_up_by_the_clock() -> AbstractContextManager[None]:
    """A gap is given up when its window has passed, looked at or not."""
    real = ledger.GapLedger.due

    def due(self: Any, now: float, reach: int) -> Any:
        for low in [*self._lows]:
            self.looked(low, self._gaps[low].high, min(now, self._gaps[low].since + 1e9))
        return real(self, now, reach)

    return exchanged(ledger.GapLedger, due=due)


@plant("I9")
def given_up_at_the_first_look() -> AbstractContextManager[None]:
    """One look at a gap is held to be enough."""
    real = ledger.GapLedger.looked

    def looked(self: Any, low: int, high: int, begun: float) -> None:
        real(self, low, high, begun + self.late_window)

    return exchanged(ledger.GapLedger, looked=looked)


@plant("I2", "I3", "I9")
def holes_are_history() -> AbstractContextManager[None]:
    """No hole is looked for."""
    return exchanged(covered.Covered, _is_recent=lambda *_: False)


@plant("I2", "I3", "I8", "I9")
def every_server_is_inclusive() -> AbstractContextManager[None]:
    """Always asks from the id after the cursor."""
    return exchanged(coverage.Coverage, _offset=lambda _, *, prove: 1)  # noqa: ARG005


@plant("I3")
def malformed_events_vanish() -> AbstractContextManager[None]:
    """The careful reader keeps what it can read."""
    real = decode.Decoder.events

    def events(self: Any, raws: Any) -> Any:
        return decode.Decoded(real(self, raws).events, [])

    return exchanged(decode.Decoder, events=events)


@plant("I3")
def dead_letters_are_cut() -> AbstractContextManager[None]:
    """The bytes of a malformed event are kept, but not all of them."""
    real = careful.CarefulReader.event

    def event(self: Any, raw: bytes) -> Any:
        found = real(self, raw)
        if isinstance(found, Rejected):
            return Rejected(found.reason, found.detail, raw[:40], found.event_id)
        return found

    return exchanged(careful.CarefulReader, event=event)


@plant("I3", "I8")
def a_reset_goes_unnoticed() -> AbstractContextManager[None]:
    """Nobody looks whether the cursor's event is still there."""
    return exchanged(coverage.Coverage, misses_cursor=lambda *_: False)


@plant("I2", "I8", "I9")
def gaps_go_by_the_wall_clock() -> AbstractContextManager[None]:
    """What is set forward makes gaps look old."""

    class Jumpy:
        def __init__(self, wall: Clock) -> None:
            self._wall, self.began = wall, wall.now()

        def now(self) -> float:
            return self._wall.now()

        def at(self, moment: float) -> float:
            return self._wall.now() - trio.current_time() + moment

    return exchanged(daemon, SteadyClock=Jumpy)


@contextmanager
def _both(one: AbstractContextManager[None], other: AbstractContextManager[None]) -> Iterator[None]:
    with one, other:
        yield
