"""An operator moves the cursor: the only way it goes elsewhere than on."""

from typing import NamedTuple

from scand.core.continuity import Finding, Incident
from scand.core.event import EventId
from scand.core.ledger import Outcome, Settled
from scand.store.commit import write_incident, write_settled
from scand.store.transaction import Statement, Transaction


class Moved(NamedTuple):
    """Where the cursor was (None: nowhere yet) and is, and how many ids are skipped.

    Ids without an order are not counted.
    """

    was: EventId | None
    now: EventId
    skipped: int = 0


def move_cursor(to: EventId, now: float) -> Transaction[Moved]:
    """Go on with the event after `to`. Back is without harm; forward skips, and that is kept."""
    return _count_to(to, now) if isinstance(to, int) else _go_to(to, now)


def _go_to(to: str, now: float) -> Transaction[Moved]:
    ((was,),) = yield Statement("SELECT cursor FROM feed")
    yield Statement("UPDATE feed SET cursor = ?, anchored = 0, attempts = 0", [to])
    yield from write_incident(Incident("cursor_set", was, to, "by an operator"), int(now * 1000))
    return Moved(was, to)


def _count_to(to: int, now: float) -> Transaction[Moved]:
    """Among ids that have an order, what is skipped or read again can be told.

    As the answer to a reset it begins a new account of what is missing: ids mean other events now.
    """
    ((was, high),) = yield Statement("SELECT cursor, high FROM feed")
    recorded_at = int(now * 1000)
    if (yield from _answers_reset(was, to)):
        gaps = yield Statement("DELETE FROM gaps RETURNING low, high, since")
        yield from write_settled([Settled(Outcome.LOST, *gap) for gap in gaps], recorded_at)
        high = 0
    else:
        high = yield from _take_back(to, max(high, was or 0))
    skipped = 0 if was is None else max(to - max(high, was), 0)
    if skipped:
        gap = Settled(Outcome.SKIPPED, to - skipped + 1, to, now)
        yield from write_settled([gap], recorded_at)
    yield Statement(
        "UPDATE feed SET cursor = ?1, anchored = 0, attempts = 0, high = max(?1, ?2)", [to, high]
    )
    detail = f"by an operator; {skipped} ids skipped"
    yield from write_incident(Incident("cursor_set", was, to, detail), recorded_at)
    return Moved(was, to, skipped)


def _answers_reset(was: int | None, to: int) -> Transaction[bool]:
    last = yield Statement("SELECT action, now FROM audit ORDER BY id DESC LIMIT 1")
    return [tuple(row) for row in last] == [(Finding.RESET.value, was)] and to < (was or 0)


def _take_back(to: int, high: int) -> Transaction[int]:
    """What was skipped above `to` is read after all, so holes in it are to be found again."""
    rows = yield Statement(
        "DELETE FROM settled_gaps WHERE outcome = ? AND low > ? RETURNING low",
        [Outcome.SKIPPED.value, to],
    )
    return min([high, *(int(low) - 1 for (low,) in rows)])
