"""Retention: the oldest rows of the journal go, and what they said stays.

A pruned row is folded into `base`, a state per parcel: joined with the fold of the journal that is
left, it is the parcel, so `verify` stays exact. Its EventId goes into a range of `pruned_ids`: an
event that is served again is known for a duplicate, though its content can no longer be compared.
An id that was never journaled is in no range, and is applied whenever it comes.

The few newest events stay, however old they are: they prove that the feed is still the same.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import msgspec

from scand.core.continuity import WITNESSES
from scand.core.event import EventId, Reason, ScanEvent
from scand.core.parcel import Key, fold, join
from scand.store.rows import (
    EVENTS_AS_JSON,
    PARCEL_COLUMNS,
    PARCELS_AS_JSON,
    UPDATE_PARCELS,
    parcel_row,
    read_events,
    read_parcels,
)
from scand.store.transaction import Statement, Transaction, as_json, bulk, packed

Range = tuple[EventId, EventId]
"""The first and the last of some ids without a hole; an opaque id has no neighbours."""

NEWEST = f"""SELECT event_id FROM journal
    WHERE event_id <= (SELECT cursor FROM feed WHERE id_kind = 'integer')
    AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE identity = 'id:' || journal.event_id
                                               AND reason = '{Reason.CONFLICT.value}')
    ORDER BY event_id DESC LIMIT {WITNESSES}"""  # noqa: S608 - constants
"""SQL for the ids that `core.continuity` goes by: none that came with several contents, and none
where ids have no order."""

_OLD = f"event_id NOT IN ({NEWEST})"
_LAST_TO_GO = f"""
    WITH oldest AS (SELECT seq, recorded_at FROM journal WHERE {_OLD} ORDER BY seq LIMIT ?)
    SELECT coalesce((SELECT min(seq) - 1 FROM oldest WHERE recorded_at >= ?),
                    (SELECT max(seq) FROM oldest), 0)"""  # noqa: S608 - as above
_OLDEST = f"SELECT {EVENTS_AS_JSON} FROM journal WHERE seq <= ? AND {_OLD}"  # noqa: S608 - as above
_REMOVE = f"DELETE FROM journal WHERE seq <= ? AND {_OLD}"  # noqa: S608 - as above
_BASE = (
    f"SELECT {PARCELS_AS_JSON} FROM base"  # noqa: S608 - as above
    " WHERE parcel_id IN (SELECT value FROM json_each(?))"
)
_INSERT_BASE = f"INSERT INTO base ({', '.join(PARCEL_COLUMNS)}, events)"
_UPDATE_BASE = f"{UPDATE_PARCELS}, events = base.events + excluded.events"
_NEIGHBOURS = """SELECT json_group_array(json_array(low, high)) FROM pruned_ids WHERE low IN (
    SELECT (SELECT max(low) FROM pruned_ids WHERE low < value) FROM json_each(?)
    UNION SELECT value + 1 FROM json_each(?))"""
_FORGET = "DELETE FROM pruned_ids WHERE low IN (SELECT value FROM json_each(?))"
_KNOWN = """SELECT json_group_array(value) FROM json_each(?) WHERE value <=
    (SELECT high FROM pruned_ids WHERE low <= value ORDER BY low DESC LIMIT 1)"""
_read_ids = msgspec.json.Decoder(list[EventId]).decode
_read_ranges = msgspec.json.Decoder(list[tuple[int, int]]).decode


def prune_events(before: float, limit: int, key: Key) -> Transaction[int]:
    """Prune the oldest rows, `limit` at the most, up to the first committed at `before` or later.

    `before` is in seconds since 1970. Returns how many. Where the clock was set back, rows are kept
    for longer than was asked, and never for less.
    """
    # A sink that has not read so far yet will be a third bound, beside age and limit.
    ((last,),) = yield Statement(_LAST_TO_GO, [limit, int(before * 1000)])
    ((oldest,),) = yield Statement(_OLDEST, [last])
    events = read_events(oldest)
    if events:
        yield from _fold_into_base(events, key)
        yield from _remember([event.event_id for event in events])
        yield Statement(_REMOVE, [last])
        yield Statement("UPDATE feed SET pruned_events = pruned_events + ?", [len(events)])
    return len(events)


def known_as_pruned(ids: Iterable[EventId]) -> Transaction[set[EventId]]:
    """Those of `ids` that were journaled and pruned."""
    return set(_read_ids((yield from packed(_KNOWN, ids))))


def _fold_into_base(events: Sequence[ScanEvent], key: Key) -> Transaction[None]:
    counts = Counter(event.parcel_id for event in events)
    before = dict(read_parcels((yield from packed(_BASE, list(counts)))))
    rows = []
    for parcel_id, state in fold(events, key).items():
        known = before.get(parcel_id)
        folded = state if known is None else join(known, state, key)
        rows.append((*parcel_row(parcel_id, folded), counts[parcel_id]))
    yield from bulk(_INSERT_BASE, rows, _UPDATE_BASE)


def _remember(ids: Collection[EventId]) -> Transaction[None]:
    """Put ids into the ranges; ranges that touch become one, so that a dense feed has few."""
    fresh = merge((each, each) for each in ids if isinstance(each, int))
    ranges: list[Range] = [(each, each) for each in ids if not isinstance(each, int)]
    if fresh:
        lows, highs = zip(*fresh, strict=True)
        touched = _read_ranges((yield from packed(_NEIGHBOURS, lows, highs)))
        yield Statement(_FORGET, [as_json(low for low, _ in touched)])
        ranges += merge([*touched, *fresh])
    yield from bulk("INSERT INTO pruned_ids (low, high)", ranges)


def merge(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same ids in the fewest ranges, ascending."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged
