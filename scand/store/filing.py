"""Dead letters in a commit: what was turned away is filed, and what is applied closes its letter.

All letters that are concerned are read at once, changed by `Desk`, and written at once. A commit
in which nothing was turned away costs one look: does an open letter lie among its events?
"""

from collections.abc import Iterable, Sequence
from itertools import count

import msgspec

from scand.core.event import EventId, Reason
from scand.store.desk import Arrival, Desk, letters
from scand.store.pruning import known_as_pruned
from scand.store.transaction import Statement, Transaction, packed

_OPEN_IN = """SELECT EXISTS (SELECT 1 FROM dead_letters
    WHERE state = 'open' AND event_id BETWEEN ? AND ?)"""
_OPEN_AMONG = """SELECT json_group_array(event_id) FROM dead_letters
    WHERE state = 'open' AND event_id IN (SELECT value FROM json_each(?))"""
_JOURNALED = """SELECT json_group_array(event_id) FROM journal
    WHERE event_id IN (SELECT value FROM json_each(?))"""
_LAST = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'dead_letters'"
_read_ids = msgspec.json.Decoder(set[EventId]).decode


def file_letters(
    arrivals: Sequence[Arrival], fresh: Sequence[EventId], at: int
) -> Transaction[int]:
    """File `arrivals`, and close the letters of all that is applied. Returns how many it closed.

    `fresh` are the ids that were put into the journal just now; `at` is in ms since 1970.
    """
    applied = yield from _open_among(fresh)
    identities = {each.rejected.identity for each in arrivals}
    identities.update(f"id:{event_id}" for event_id in applied)
    if not identities:
        return 0
    applied |= yield from _journaled(arrivals)
    ((last,),) = yield Statement(_LAST)
    desk = Desk((yield from letters("identity", identities)), at, count(last + 1))
    for each in arrivals:
        if each.rejected.reason is not Reason.CONFLICT:
            desk.take(each)
    closed = desk.supersede(applied)
    for each in arrivals:  # what is in conflict is so with an event that is applied by now
        if each.rejected.reason is Reason.CONFLICT:
            desk.take(each)
    yield from desk.write()
    return closed


def supersede(fresh: Sequence[EventId], at: int) -> Transaction[int]:
    """Close the letters of events that were put into the journal just now."""
    return file_letters([], fresh, at)


def _open_among(ids: Sequence[EventId]) -> Transaction[set[EventId]]:
    """Those of these ids that have an open letter."""
    if not ids:
        return set()
    ((some,),) = yield Statement(_OPEN_IN, [min(ids), max(ids)])
    return (yield from _ids(_OPEN_AMONG, ids)) if some else set()


def _journaled(arrivals: Iterable[Arrival]) -> Transaction[set[EventId]]:
    """The ids among these arrivals that are applied."""
    ids = {each.rejected.event_id for each in arrivals if each.rejected.event_id is not None}
    if not ids:
        return set()
    return (yield from _ids(_JOURNALED, ids)) | (yield from known_as_pruned(ids))


def _ids(select: str, among: Iterable[EventId]) -> Transaction[set[EventId]]:
    return _read_ids((yield from packed(select, among)))
