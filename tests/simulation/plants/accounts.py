"""Mistakes in what is kept of events that are old, were turned away, or were skipped."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from scand.core import dead_letters, judge, opaque
from scand.core.covered import Covered
from scand.core.dead_letters import MOVES, Act, State
from scand.core.ledger import GapLedger
from scand.store import commit, filing, moving, opening, pruning, replaying
from tests.simulation.plants.garden import plant
from tests.simulation.scheduler import exchanged


def _nothing(*_: object) -> Any:
    yield from ()


@plant("I1")
def the_base_forgets() -> AbstractContextManager[None]:
    """What is pruned of a parcel takes the place of what was pruned before."""
    return exchanged(pruning, join=lambda _, state, __: state)


@plant("I1", "I3", "I5")
def pruned_ids_are_forgotten() -> AbstractContextManager[None]:
    """What was pruned is applied once more when it is served again."""
    return exchanged(pruning, _remember=_nothing)


@plant("I4")
def pruning_goes_by_the_date_of_the_scan() -> AbstractContextManager[None]:
    """An event that was old when it came is pruned at once."""
    oldest = pruning._LAST_TO_GO.replace(
        "SELECT seq, recorded_at",
        "SELECT seq, unixepoch(substr(created_at, 1, 19)) * 1000 AS recorded_at",
    )
    return exchanged(pruning, _LAST_TO_GO=oldest)


@plant("I3")
def the_pruned_are_nobody() -> AbstractContextManager[None]:
    """A bad copy of an event that was pruned opens a letter, as if that had never been applied."""

    def unknown(_ids: Any) -> Any:
        yield from ()
        return set()

    return exchanged(filing, known_as_pruned=unknown)


@plant("I1")
def a_replay_forgets_the_parcel() -> AbstractContextManager[None]:
    """It writes into the journal, and not what follows from that."""

    def write(events: Any, _delta: Any, _key: Any, recorded_at: int, _traced: Any) -> Any:
        yield from commit._write_events(events, {}, recorded_at, {})

    return exchanged(replaying, write_fresh=write)


@plant("I3")
def a_replay_closes_what_it_could_not_apply() -> AbstractContextManager[None]:
    """Tried is done."""

    def told(desk: Any, letter: Any, found: Any, _outcome: Any) -> Any:
        desk.do(letter.identity, Act.REPLAYED)
        return replaying.Item(letter.id, replaying.Outcome.APPLIED, found.event_id)

    return exchanged(replaying, _told=told)


@plant("I3")
def the_discarded_come_back() -> AbstractContextManager[None]:
    """An event that was given up closes its letter when it is applied, as if nobody had decided."""
    moves = {**MOVES, (State.DISCARDED, Act.SUPERSEDED): State.SUPERSEDED}
    return exchanged(dead_letters, MOVES=moves)


@plant("I2", "I8")
@contextmanager
def gaps_are_entered_twice() -> Iterator[None]:
    """A passage over ids that were passed before opens what is open, or was."""
    real = Covered.extend

    def unknown(_self: Any, low: int, high: int) -> Any:
        yield low, high

    def extend(self: Any, *args: Any, **flags: Any) -> Any:
        known, self.high = self.high, 0
        history = real(self, *args, **flags)
        self.high = max(self.high, known)
        return history

    with exchanged(GapLedger, unknown=unknown), exchanged(Covered, extend=extend):
        yield


@plant("I6")
def history_is_looked_for() -> AbstractContextManager[None]:
    """Every hole is held to be recent."""
    return exchanged(Covered, _is_recent=lambda *_: True)


@plant("I2", "I3", "I9")
def what_is_skipped_is_not_told() -> AbstractContextManager[None]:
    """The cursor is set, and nobody learns what lies between."""
    return exchanged(moving, write_settled=_nothing)


@plant("I3")
def the_far_future_is_now() -> AbstractContextManager[None]:
    """No date is too far ahead."""
    return exchanged(judge, instant_at=lambda _: "9999-12-31T23:59:59.9999999Z")


@plant("I5")
def any_store_will_do() -> AbstractContextManager[None]:
    """Nobody looks whose feed a store holds."""
    return exchanged(opening, require_same=lambda *_: None)


@plant("I2", "I3", "I8")
def opaque_ids_have_an_order() -> AbstractContextManager[None]:
    """Goes on from the greatest id of a page, not from the last."""
    real = opaque.OpaqueCourse._follow

    def follow(self: Any, ask: Any, seen: Any, _last: str) -> bool:
        return real(self, ask, seen, max(found for found, _ in seen.ids))

    return exchanged(opaque.OpaqueCourse, _follow=follow)
