"""What a store answers for: up to where it is complete, and how late ids were found."""

from collections.abc import Callable
from typing import Any

from scand.core.event import EventId
from scand.core.instant import instant_at
from scand.core.lateness import is_near, measure

Query = Callable[..., list[tuple[Any, ...]]]
"""Runs a SELECT with its parameters."""

RECENT = 10_000
"""Late ids that are measured: the last ones that were found."""

_COVERED = """SELECT cursor, (SELECT min(low) FROM gaps), (SELECT count(*) FROM gaps),
    (SELECT coalesce(sum(high - low + 1), 0) FROM gaps),
    (SELECT count(*) FROM dead_letters WHERE state = 'open'), missing_history FROM feed"""
_SETTLED = "SELECT outcome, sum(high - low + 1) FROM settled_gaps GROUP BY outcome"
_FILLED = """SELECT settled_at / 1000.0 - since, settled_at / 1000.0 FROM settled_gaps
    WHERE outcome = 'filled' ORDER BY id DESC LIMIT ?"""


def completeness(query: Query, now: float) -> dict[str, Any]:
    """What is there and what is not, `now` (seconds since 1970); to be asked in one snapshot.

    Up to `complete_up_to`, each id is applied, is a dead letter, or counts as one of those given
    up, lost, skipped, or missing from history.
    """
    ((cursor, lowest, gaps, ids, dead, history),) = query(_COVERED)
    settled: dict[str, int] = dict(query(_SETTLED))
    return {
        "complete_up_to": complete_up_to(cursor, lowest),
        "open_gaps": gaps,
        "open_gap_ids": ids,
        "given_up_ids": settled.get("given_up", 0),
        "lost_ids": settled.get("lost", 0),
        "skipped_ids": settled.get("skipped", 0),
        "history_ids": history,
        "open_dead_letters": dead,
        "as_of": instant_at(now),
    }


def complete_up_to(cursor: EventId | None, lowest_gap: int | None) -> EventId | None:
    """The id that everything is known up to; None in a new store. Opaque ids have no gaps."""
    if isinstance(cursor, int) and lowest_gap is not None:
        return min(lowest_gap - 1, cursor)
    return cursor


def stamp(query: Query, now: float) -> dict[str, Any]:
    """What goes with an export that begins `now`; to be asked in one snapshot.

    All that this speaks for is exported: events up to `last_seq` but for `pruned_events`, and
    parcels as they were then, or newer.
    """
    last = query("SELECT seq FROM sqlite_sequence WHERE name = 'journal'")
    return {
        **completeness(query, now),
        "last_seq": last[0][0] if last else 0,
        "pruned_events": pruned_events(query),
    }


def pruned_events(query: Query, parcel_id: int | None = None) -> int:
    """How many events were pruned, of one parcel or in all."""
    if parcel_id is None:
        ((count,),) = query("SELECT pruned_events FROM feed")
    else:
        sql = "SELECT coalesce(sum(events), 0) FROM base WHERE parcel_id = ?"
        ((count,),) = query(sql, parcel_id)
    return int(count)


def lateness(query: Query, late_window: float) -> dict[str, Any]:
    """How long ago the successors of late ids had been seen when they were found, in seconds."""
    found = query(_FILLED, RECENT)
    near = [at for seconds, at in found if is_near(seconds, late_window)]
    measured = measure([round(max(seconds, 0.0), 3) for seconds, _ in found])
    return {
        **measured._asdict(),
        "late_window": late_window,
        "near_edge": len(near),
        "last_near_edge": instant_at(near[0]) if near else None,
    }
