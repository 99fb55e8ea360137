"""A store in figures, as they are scraped."""

from contextlib import closing
from pathlib import Path

import pytest

from scand.core.errors import StoreError
from scand.core.ledger import Gap, LedgerChange, Outcome, Settled
from scand.core.parcel import ORDERS
from scand.store.commit import commit
from scand.store.figures import read_figures
from scand.store.opening import connect
from scand.store.pruning import prune_events
from scand.store.transaction import Transaction, run
from tests.store.pages import many, page
from tests.support.scans import scan

KEY = ORDERS["event_id"]
LATE = 600.0


def do(path: Path, transaction: Transaction[object]) -> None:
    with closing(connect(path)) as connection:
        run(connection, transaction)


def test_a_new_store(path: Path) -> None:
    """Nothing yet, and room for more."""
    figures = read_figures(path, LATE)
    assert figures.complete_up_to is None
    assert (figures.journal_rows, figures.open_gaps, figures.open_letters) == (0, 0, {})
    assert figures.late == {"p50": None, "p99": None, "max": None}
    assert figures.size_bytes > 0
    assert figures.free_bytes > 0


def test_a_store_that_was_used(path: Path) -> None:
    """What was written, what is missing, what was turned away, and how late the rest was."""
    ledger = LedgerChange(
        put=[Gap(20, 29, 1.0), Gap(40, 40, 1.0)],
        settled=[Settled(Outcome.FILLED, 2, 2, 1.0, 2.0)],
    )
    scans = [*many(1, 9), scan(90, ParcelId="?"), scan(91, ParcelId="?")]
    do(path, commit([page(*scans, ledger=ledger, cursor=50, history=7)], KEY, 3.0))
    figures = read_figures(path, LATE)
    assert figures.complete_up_to == 19
    assert (figures.journal_rows, figures.missing_history) == (9, 7)
    assert (figures.open_gaps, figures.open_gap_ids) == (2, 11)
    assert figures.open_letters == {"invalid_parcel_id": 2}
    assert figures.late["max"] is not None


def test_rows_that_were_pruned_stay_counted(path: Path) -> None:
    """A counter does not go back."""
    do(path, commit([page(*many(1, 9))], KEY, 1.0))
    do(path, prune_events(2.0, 100, KEY))
    assert read_figures(path, LATE).journal_rows == 9


def test_a_store_that_cannot_be_read(path: Path) -> None:
    """An error that names it, whatever is in its place."""
    path.write_bytes(b"no database at all" * 300)
    with pytest.raises(StoreError, match=r"scand\.db"):
        read_figures(path, LATE)
