"""An operator moves the cursor: the only way it goes elsewhere than on."""

from typing import NamedTuple

from scand.core.continuity import Finding, Incident
from scand.core.ledger import Outcome, Settled
from scand.store.commit import write_incident, write_settled
from scand.store.transaction import Statement, Transaction


class Moved(NamedTuple):
    """Where the cursor was (None: nowhere yet) and is, and how many ids are skipped."""

    was: int | None
    now: int
    skipped: int


def move_cursor(to: int, now: float) -> Transaction[Moved]:
    """Go on with the event after `to`. Back is without harm; forward skips, and that is kept.

    As the answer to a reset it begins a new account of what is missing: ids mean other events now.
    """
    ((was, high),) = yield Statement("SELECT cursor, high FROM feed")
    last = yield Statement("SELECT action FROM audit ORDER BY id DESC LIMIT 1")
    anew = [tuple(row) for row in last] == [(Finding.RESET.value,)]
    skipped = 0 if was is None or anew else max(to - high, 0)
    recorded_at = int(now * 1000)
    if anew:
        gaps = yield Statement("DELETE FROM gaps RETURNING low, high, since")
        lost = [Settled(Outcome.LOST, *gap) for gap in gaps]
        yield from write_settled(lost, recorded_at)
    if skipped:
        yield from write_settled([Settled(Outcome.SKIPPED, high + 1, to, now)], recorded_at)
    yield Statement(
        "UPDATE feed SET cursor = ?1, anchored = 0, attempts = 0, high = max(?1, ?2)",
        [to, 0 if anew else high],
    )
    detail = f"by an operator; {skipped} ids skipped"
    yield from write_incident(Incident("cursor_set", was, to, detail), recorded_at)
    return Moved(was, to, skipped)
