"""An operator moves the cursor: the only way it goes elsewhere than on."""

from typing import NamedTuple

from scand.core.continuity import Incident
from scand.core.ledger import Outcome, Settled
from scand.store.commit import write_incident, write_settled
from scand.store.transaction import Statement, Transaction


class Moved(NamedTuple):
    """Where the cursor was (None: nowhere yet) and is, and how many ids are skipped."""

    was: int | None
    now: int
    skipped: int


def move_cursor(to: int, now: float) -> Transaction[Moved]:
    """Go on with the event after `to`. Back is without harm; forward skips, and that is kept."""
    ((was, high),) = yield Statement("SELECT cursor, high FROM feed")
    skipped = 0 if was is None else max(to - high, 0)
    recorded_at = int(now * 1000)
    if skipped:
        yield from write_settled([Settled(Outcome.SKIPPED, high + 1, to, now)], recorded_at)
    yield Statement(
        "UPDATE feed SET cursor = ?1, anchored = 0, attempts = 0, high = max(high, ?1)", [to]
    )
    detail = f"by an operator; {skipped} ids skipped"
    yield from write_incident(Incident("cursor_set", was, to, detail), recorded_at)
    return Moved(was, to, skipped)
