"""An operator moves the cursor: the only way it goes elsewhere than on."""

from typing import NamedTuple

from scand.core.continuity import Finding
from scand.core.event import EventId
from scand.core.ledger import Outcome, Settled
from scand.store.commit import write_settled
from scand.store.transaction import Statement, Transaction


class Moved(NamedTuple):
    """Where the cursor was (None: nowhere yet) and is, and how many ids are skipped.

    Ids without an order are not counted.
    """

    was: EventId | None
    now: EventId | None
    skipped: int = 0


ANYBODY = "an operator"


def operator(uid: int) -> str:
    """Who moves the cursor, in the words of the audit."""
    return f"{ANYBODY}, uid {uid}"


def rewind(to: EventId, now: float, who: str = ANYBODY) -> Transaction[Moved]:
    """Read again from event `to` on; nothing is done where that was not read yet."""
    ((was, was_read),) = yield Statement(WAS_READ, [to])
    if not was_read:
        return Moved(was, was)
    before = max(to - 1, 0) if isinstance(to, int) else to  # asked from an opaque id, it comes
    return (yield from move_cursor(before, now, who, "rewind"))


WAS_READ = """SELECT cursor, CASE
    WHEN cursor IS NULL THEN 0
    WHEN id_kind = 'integer' THEN ?1 <= cursor
    ELSE ?1 = '' OR EXISTS (SELECT 1 FROM journal WHERE event_id = ?1)
        OR EXISTS (SELECT 1 FROM pruned_ids WHERE low = ?1) END FROM feed"""
"""SQL for the cursor, and whether the feed was read up to an event."""


def move_cursor(
    to: EventId, now: float, who: str = ANYBODY, action: str = "cursor_set"
) -> Transaction[Moved]:
    """Go on with the event after `to`. Back is without harm; forward skips, and that is kept."""
    return _count_to(to, now, who, action) if isinstance(to, int) else _go_to(to, now, who, action)


def _go_to(to: str, now: float, who: str, action: str) -> Transaction[Moved]:
    ((was,),) = yield Statement("SELECT cursor FROM feed")
    yield Statement("UPDATE feed SET cursor = ?, anchored = 0, attempts = 0", [to])
    yield Statement(_TELL, [action, was, to, f"by {who}", int(now * 1000)])
    return Moved(was, to)


def _count_to(to: int, now: float, who: str, action: str) -> Transaction[Moved]:
    """Among ids that have an order, what is skipped or read again can be told.

    As the answer to a reset it begins a new account of what is missing: ids mean other events now.
    """
    ((was, high),) = yield Statement("SELECT cursor, high FROM feed")
    if (yield from _answers_reset(was, to)):
        gaps = yield Statement("DELETE FROM gaps RETURNING low, high, since")
        lost = [Settled(Outcome.LOST, low, top, since, now) for low, top, since in gaps]
        yield from write_settled(lost)
        high = 0
    else:
        high = yield from _take_back(to, max(high, was or 0))
    skipped = 0 if was is None else max(to - max(high, was), 0)
    if skipped:
        yield from write_settled([Settled(Outcome.SKIPPED, to - skipped + 1, to, now, now)])
    yield Statement(_MOVE, [to, high])
    detail = f"by {who}; {skipped} ids skipped"
    yield Statement(_TELL, [action, was, to, detail, int(now * 1000)])
    return Moved(was, to, skipped)


_TELL = "INSERT INTO audit (action, was, now, detail, at) VALUES (?, ?, ?, ?, ?)"
# where holes are to be found again, it does not matter when there was nothing beyond them
_MOVE = """UPDATE feed SET cursor = ?1, anchored = 0, attempts = 0, high = max(?1, ?2),
    head_at = CASE WHEN ?2 < high THEN NULL ELSE head_at END"""


def _answers_reset(was: int | None, to: int) -> Transaction[bool]:
    last = yield Statement("SELECT action, now FROM audit ORDER BY id DESC LIMIT 1")
    return [tuple(row) for row in last] == [(Finding.RESET.value, was)] and to < (was or 0)


def _take_back(to: int, high: int) -> Transaction[int]:
    """What was skipped above `to` is read after all, so holes in it are to be found again."""
    skipped = [Outcome.SKIPPED.value, to]
    astride = yield Statement(_SHORTEN, skipped)
    rows = yield Statement(_UNSKIP, skipped)
    return min([high, *(to for _ in astride), *(int(low) - 1 for (low,) in rows)])


_SHORTEN = """UPDATE settled_gaps SET high = ?2
    WHERE outcome = ?1 AND low <= ?2 AND high > ?2 RETURNING low"""
_UNSKIP = "DELETE FROM settled_gaps WHERE outcome = ?1 AND low > ?2 RETURNING low"
