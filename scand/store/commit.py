"""The one transaction that moves everything: journal, parcels, dead letters, gaps, cursor.

It reads before it writes, under the write lock: which of the ids are in the journal already, and
what is known of the parcels. The join is `core.parcel`'s; SQL only stores its result.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from operator import itemgetter, lt

import msgspec

from scand.core.continuity import Incident
from scand.core.event import EventId, Reason, Rejected, ScanEvent
from scand.core.ledger import LedgerChange, Settled
from scand.core.parcel import Change, Key, ParcelState, changes, fold, join, merge
from scand.core.traces import Traced
from scand.ports import PageResult, Receipt
from scand.store.desk import Arrival
from scand.store.filing import file_letters
from scand.store.place import write_position
from scand.store.pruning import known_as_pruned
from scand.store.rows import (
    EVENT_COLUMNS,
    EVENTS_AS_JSON,
    PARCEL_COLUMNS,
    PARCELS_AS_JSON,
    UPDATE_PARCELS,
    parcel_row,
    read_events,
    read_parcels,
)
from scand.store.transaction import Statement, Transaction, as_json, bulk, packed

_INSERT_EVENTS = (
    f"INSERT INTO journal ({', '.join(EVENT_COLUMNS)}, milestone, corrects, recorded_at, trace_id)"
)
_KNOWN_EVENTS = (
    f"SELECT {EVENTS_AS_JSON} FROM journal"  # noqa: S608 - constant names
    " WHERE event_id IN (SELECT value FROM json_each(?))"
)
_KNOWN_PARCELS = (
    f"SELECT {PARCELS_AS_JSON} FROM parcels"  # noqa: S608 - as above
    " WHERE parcel_id IN (SELECT value FROM json_each(?))"
)
_HIGHEST = """SELECT max(coalesce((SELECT max(event_id) FROM journal), 0), coalesce(high, 0)), high
    FROM (SELECT (SELECT high FROM pruned_ids ORDER BY low DESC LIMIT 1) AS high)"""
_PARCEL_ID = itemgetter(0)
_INSERT_PARCELS = f"INSERT INTO parcels ({', '.join(PARCEL_COLUMNS)})"

_Rest = tuple[str | None, str | None, int, bytes | None]

DISPUTED = "another event was committed under this EventId before"


def commit(pages: Sequence[PageResult], key: Key, now: float) -> Transaction[Receipt]:
    """Make `pages` durable, in order, at `now` (seconds since 1970)."""
    recorded_at = int(now * 1000)
    events = list(chain.from_iterable(page.events for page in pages))
    traced = _traced(pages)
    fresh, conflicts = yield from deduplicate(events)
    if len(fresh) == len(events):
        delta = merge(chain.from_iterable(page.parcels.items() for page in pages), key)
    else:
        delta = fold(fresh, key)
    milestones = yield from write_fresh(fresh, delta, key, recorded_at, traced)
    disputed = frozenset(conflicts)
    dead = [
        Arrival(page.asked_from, rejected, traced.trace_id_of(rejected) if traced else None)
        for page in pages
        for rejected in chain(page.rejected, _conflicts(page, disputed))
    ]
    superseded = yield from file_letters(dead, [event.event_id for event in fresh], recorded_at)
    for page in pages:
        yield from _write_ledger(page.ledger)
        if page.incident is not None:
            yield from write_incident(page.incident, recorded_at)
    yield from write_position(pages)
    return Receipt(
        applied=len(fresh),
        duplicates=len(events) - len(fresh) - len(conflicts),
        conflicts=len(conflicts),
        dead_letters=len(dead),
        superseded=superseded,
        milestones=list(milestones.items()),
        repeated=_others(events, fresh, conflicts),
        disputed=tuple(conflicts),
    )


def write_fresh(
    events: Sequence[ScanEvent],
    delta: Mapping[int, ParcelState],
    key: Key,
    recorded_at: int,
    traced: Traced | None,
) -> Transaction[dict[EventId, Change]]:
    """Apply events that are not in the journal, `delta` being their fold. Returns milestones."""
    milestones = yield from _write_parcels(delta, key)
    yield from _write_events(events, milestones, recorded_at, _trace_ids(traced, milestones))
    return milestones


def _traced(pages: Sequence[PageResult]) -> Traced | None:
    """Who is traced of all these pages."""
    each = [page.traced for page in pages if page.traced is not None]
    events = frozenset(chain.from_iterable(one.events for one in each))
    return replace(each[0], events=events) if each else None


def _trace_ids(
    traced: Traced | None, milestones: Mapping[EventId, Change]
) -> Mapping[EventId, bytes]:
    """By the ids of those who are traced: corrections always are."""
    if traced is None:
        return {}
    corrections = (event_id for event_id, change in milestones.items() if change.old)
    return {event_id: traced.trace_id(event_id) for event_id in traced.events.union(corrections)}


def _others(events: Sequence[ScanEvent], *known: Sequence[ScanEvent]) -> tuple[ScanEvent, ...]:
    """Those events, each for itself, that are in none of the sequences."""
    if len(events) == sum(map(len, known)):
        return ()
    told = {id(event) for event in chain.from_iterable(known)}
    return tuple(event for event in events if id(event) not in told)


def deduplicate(
    events: Sequence[ScanEvent],
) -> Transaction[tuple[Sequence[ScanEvent], Sequence[ScanEvent]]]:
    """The events not journaled yet, each once, and those whose id means another event.

    Of an event that was pruned, only the id is known: whatever comes under it is a duplicate.
    """
    ids = [event.event_id for event in events]
    ((highest, highest_pruned),) = yield Statement(_HIGHEST)
    if _ascend_from(highest, ids):
        return events, []
    if highest_pruned is not None:
        pruned = yield from known_as_pruned(ids)
        events = [event for event in events if event.event_id not in pruned]
    journaled = read_events((yield from packed(_KNOWN_EVENTS, ids)))
    known = {event.event_id: event for event in journaled}
    fresh, conflicts = [], []
    for event in events:
        first = known.setdefault(event.event_id, event)
        if first is event:
            fresh.append(event)
        elif first != event:
            conflicts.append(event)
    return fresh, conflicts


def _ascend_from(highest: EventId, ids: Sequence[EventId]) -> bool:
    """Whether ids that have an order show by it that none of them is known."""
    if isinstance(highest, str) or (ids and isinstance(ids[0], str)):
        return False
    return all(map(lt, [highest, *ids], ids))


def _write_parcels(
    delta: Mapping[int, ParcelState], key: Key
) -> Transaction[dict[EventId, Change]]:
    """Join `delta` into the parcels; returns the milestones by the event that caused each."""
    if not delta:
        return {}
    before = dict(read_parcels((yield from packed(_KNOWN_PARCELS, delta))))
    milestones: dict[EventId, Change] = {}
    written = []
    for parcel_id, state in delta.items():
        old = before.get(parcel_id)
        new = state if old is None else join(old, state, key)
        for change in changes(old, new):
            milestones[change.mark.event_id] = change
        written.append(parcel_row(parcel_id, new))
    written.sort(key=_PARCEL_ID)  # a quarter faster: the tree is gone through once
    yield from bulk(_INSERT_PARCELS, written, UPDATE_PARCELS)
    return milestones


def _write_events(
    events: Iterable[ScanEvent],
    milestones: Mapping[EventId, Change],
    recorded_at: int,
    traces: Mapping[EventId, bytes],
) -> Transaction[None]:
    eventful: dict[EventId, _Rest] = {
        event_id: (None, None, recorded_at, trace) for event_id, trace in traces.items()
    }
    eventful |= {
        event_id: (*_milestone(change), recorded_at, traces.get(event_id))
        for event_id, change in milestones.items()
    }
    plain = (None, None, recorded_at, None)
    rows = [
        msgspec.structs.astuple(event) + eventful.get(event.event_id, plain) for event in events
    ]
    yield from bulk(_INSERT_EVENTS, rows)


def _milestone(change: Change) -> tuple[str, str | None]:
    return change.milestone.value, change.old and change.old.created_at


def _conflicts(page: PageResult, disputed: frozenset[ScanEvent]) -> Iterator[Rejected]:
    if not disputed or disputed.isdisjoint(page.events):
        return
    raws = page.body.raws_of(disputed.intersection(page.events))
    for event in page.events:
        if event in disputed:
            yield Rejected.of(event, Reason.CONFLICT, DISPUTED, raws[event])


def _write_ledger(change: LedgerChange) -> Transaction[None]:
    if change.removed:
        removed = as_json(change.removed)
        yield Statement("DELETE FROM gaps WHERE low IN (SELECT value FROM json_each(?))", [removed])
    replace = "ON CONFLICT (low) DO UPDATE SET high = excluded.high, since = excluded.since"
    yield from bulk("INSERT INTO gaps (low, high, since)", change.put, replace)
    yield from write_settled(change.settled)


def write_settled(settled: Iterable[Settled]) -> Transaction[None]:
    """How gaps ended."""
    rows = [(*gap[:-1], int(gap.at * 1000)) for gap in settled]
    yield from bulk("INSERT INTO settled_gaps (outcome, low, high, since, settled_at)", rows)


def write_incident(incident: Incident, recorded_at: int) -> Transaction[None]:
    """Into the audit; what goes on as before, over restarts, is told once."""
    yield Statement(
        "INSERT INTO audit (action, was, now, detail, at) SELECT ?1, ?2, ?3, ?4, ?5"
        " WHERE (?1, ?2, ?3, ?4) IS NOT"
        " (SELECT action, was, now, detail FROM audit ORDER BY id DESC LIMIT 1)",
        [*incident, recorded_at],
    )
