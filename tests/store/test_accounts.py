"""What the store answers for: completeness, and how late ids were."""

from contextlib import closing
from pathlib import Path
from typing import Any

from scand.core.ledger import Gap, LedgerChange, Outcome, Settled
from scand.core.parcel import ORDERS
from scand.ports import PageResult
from scand.store import accounts
from scand.store.accounts import completeness, lateness, stamp
from scand.store.commit import commit
from scand.store.moving import rewind
from scand.store.opening import connect
from scand.store.pruning import prune_events
from scand.store.reading import open_reader
from scand.store.transaction import run
from tests.store.pages import many, page, rows
from tests.support.scans import scan

KEY = ORDERS["event_id"]
NOW = 1_620_820_800.5
NOTHING = {
    "complete_up_to": None,
    "open_gaps": 0,
    "open_gap_ids": 0,
    "given_up_ids": 0,
    "lost_ids": 0,
    "skipped_ids": 0,
    "history_ids": 0,
    "open_dead_letters": 0,
    "as_of": "2021-05-12T12:00:00.5000000Z",
}


def put(path: Path, *pages: PageResult) -> None:
    with closing(connect(path)) as connection:
        run(connection, commit(pages, KEY, 1.0))


def complete(path: Path) -> dict[str, Any]:
    with open_reader(path) as reader:
        return completeness(reader.query, NOW)


def late(path: Path, window: float = 600.0) -> dict[str, Any]:
    with open_reader(path) as reader:
        return lateness(reader.query, window)


def filled(*seconds: float) -> LedgerChange:
    gaps = [
        Settled(Outcome.FILLED, number, number, NOW, NOW + each)
        for number, each in enumerate(seconds, 1)
    ]
    return LedgerChange(settled=gaps)


# --- completeness ------------------------------------------------------------------


def test_a_new_store_is_complete_up_to_nowhere(path: Path) -> None:
    """Of a feed that was not read nothing is claimed."""
    assert complete(path) == NOTHING


def test_without_gaps_all_is_there(path: Path) -> None:
    """Up to the cursor."""
    put(path, page(*many(1, 9)))
    assert complete(path) == NOTHING | {"complete_up_to": 9}


def test_the_lowest_gap_is_the_limit(path: Path) -> None:
    """What was settled counts by its fate, what is open ends the claim."""
    settled = [
        Settled(Outcome.FILLED, 2, 2, 1.0, 2.0),
        Settled(Outcome.GIVEN_UP, 3, 5, 1.0, 2.0),
        Settled(Outcome.GIVEN_UP, 7, 7, 1.0, 2.0),
        Settled(Outcome.LOST, 11, 15, 1.0, 2.0),
        Settled(Outcome.SKIPPED, 16, 17, 1.0, 2.0),
    ]
    ledger = LedgerChange(put=[Gap(40, 40, 1.0), Gap(20, 29, 1.0)], settled=settled)
    put(path, page(*many(1, 2), scan(90, ParcelId="?"), ledger=ledger, cursor=50))
    assert complete(path) == NOTHING | {
        "complete_up_to": 19,
        "open_gaps": 2,
        "open_gap_ids": 11,
        "given_up_ids": 4,
        "lost_ids": 5,
        "skipped_ids": 2,
        "open_dead_letters": 1,
    }


def test_what_is_read_again_is_not_claimed_yet(path: Path) -> None:
    """After a rewind the claim is no higher than the cursor, wherever the gaps are."""
    put(path, page(*many(1, 9), ledger=LedgerChange(put=[Gap(40, 40, 1.0)]), cursor=50))
    with closing(connect(path)) as connection:
        run(connection, rewind(6, NOW))
    assert complete(path)["complete_up_to"] == 5


def test_a_stamp_says_what_an_export_holds(path: Path) -> None:
    """The last row's number, and how many rows are no longer there, also of an empty journal."""
    with open_reader(path) as reader:
        assert stamp(reader.query, NOW) == NOTHING | {"last_seq": 0, "pruned_events": 0}
    put(path, page(*many(1, 9)))
    with closing(connect(path)) as connection:
        run(connection, prune_events(2.0, 100, KEY))
    with open_reader(path) as reader:
        stamped = stamp(reader.query, NOW)
    assert stamped == NOTHING | {"complete_up_to": 9, "last_seq": 9, "pruned_events": 5}


# --- lateness ----------------------------------------------------------------------


def test_nothing_was_late_yet(path: Path) -> None:
    """There are no figures without late ids; what was given up is none."""
    put(path, page(ledger=LedgerChange(settled=[Settled(Outcome.GIVEN_UP, 3, 5, 1.0, 900.0)])))
    assert late(path) == {
        "found": 0,
        "p50": None,
        "p99": None,
        "max": None,
        "late_window": 600.0,
        "near_edge": 0,
        "last_near_edge": None,
    }


def test_lateness_is_measured(path: Path) -> None:
    """From when the successor was seen to when the id was; what came near the edge is counted."""
    put(path, page(ledger=filled(*range(1, 100), 500.0, 3.0)))
    figures = late(path)
    assert [figures[name] for name in ("found", "p50", "p99", "max")] == [101, 50.0, 99.0, 500.0]
    assert (figures["near_edge"], figures["last_near_edge"]) == (1, "2021-05-12T12:08:20.5000000Z")
    assert late(path, window=50.0)["near_edge"] == 60


def test_the_last_ones_count(path: Path, monkeypatch: Any) -> None:
    """What was late long ago says little of the window that is needed now."""
    monkeypatch.setattr(accounts, "RECENT", 3)
    put(path, page(ledger=filled(500.0, 1.0, 2.0)), page(ledger=filled(4.0)))
    figures = late(path)
    assert (figures["found"], figures["p50"], figures["max"], figures["near_edge"]) == (3, 2, 4, 0)


def test_measuring_reads_no_more_than_it_needs(path: Path) -> None:
    """The index knows the last ids that were found, however many were given up."""
    plan = rows(path, f"EXPLAIN QUERY PLAN {accounts._FILLED}", 3)
    assert [step[3] for step in plan] == [
        "SEARCH settled_gaps USING INDEX settled_gaps_by_outcome (outcome=?)"
    ]
