"""Listing the journal, in commit order or the newest first, a chunk at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

from scand.core.event import MAX_ID
from scand.store import reading
from scand.store.accounts import Query
from scand.store.reading import SELECT_JOURNAL, Journaled, journaled


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: those of a parcel, of a type, committed from then on (seconds since 1970)."""

    parcel_id: int | None = None
    type: str | None = None
    since: float | None = None


def list_events(query: Query, wanted: Wanted, *, newest_first: bool = False) -> Iterator[Journaled]:
    """The events that are wanted, and still in the journal."""
    after = 0 if wanted.since is None else _last_before(query, int(wanted.since * 1000))
    before = MAX_ID
    given = {"parcel_id": wanted.parcel_id, "type": wanted.type}
    wishes = {f"{column} = ?": value for column, value in given.items() if value is not None}
    where = " AND ".join(("seq > ?", "seq < ?", *wishes))
    direction = "DESC" if newest_first else "ASC"
    sql = f"{SELECT_JOURNAL} WHERE {where} ORDER BY seq {direction} LIMIT ?"
    while rows := query(sql, after, before, *wishes.values(), reading.CHUNK):
        yield from map(journaled, rows)
        last = rows[-1][0]
        after, before = (after, last) if newest_first else (last, before)


def _last_before(query: Query, since: int) -> int:
    """A number below that of the first row committed at `since` or later, and of no other.

    By bisection: the clock runs with the journal. Where it was set back, one of the places is found
    where rows older than `since` are followed by younger ones.
    """
    ((low, high),) = query("SELECT 0, coalesce(max(seq), 0) FROM journal")
    while low < high:
        middle = (low + high) // 2
        ((recorded_at,),) = query(_NEXT, middle)
        low, high = (low, middle) if recorded_at >= since else (middle + 1, high)
    return int(low)


_NEXT = "SELECT recorded_at FROM journal WHERE seq > ? ORDER BY seq LIMIT 1"
