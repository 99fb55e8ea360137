"""Listing the journal: what is wanted, in order, wherever chunks end."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scand.core.parcel import ORDERS
from scand.store import reading
from scand.store.commit import commit
from scand.store.listing import Wanted, list_events
from scand.store.opening import connect
from scand.store.pruning import prune_events
from scand.store.reading import open_reader
from scand.store.transaction import run
from tests.store.pages import many, page

KEY = ORDERS["event_id"]


@pytest.fixture
def filled(path: Path) -> Path:
    """Return a store with events 1 to 30 of three parcels, one committed every second from 1."""
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")  # no power is cut here
        for number in range(1, 31):
            run(connection, commit([page(*many(number, 1, parcels=3))], KEY, float(number)))
    return path


@pytest.fixture(params=[1, 4, 5_000], autouse=True)
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let chunks end elsewhere."""
    monkeypatch.setattr(reading, "CHUNK", request.param)


def ids(path: Path, wanted: Wanted, **options: Any) -> list[int]:
    with open_reader(path) as reader:
        return [row.event.event_id for row in list_events(reader.query, wanted, **options)]


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), range(1, 31)),
        (Wanted(parcel_id=2), range(1, 31, 3)),
        (Wanted(type="DELIVERY"), range(2, 31, 3)),
        (Wanted(since=21.0), range(21, 31)),
        (Wanted(since=20.001), range(21, 31)),
        (Wanted(since=0.0), range(1, 31)),
        (Wanted(since=31.0), ()),
        (Wanted(parcel_id=3, type="DELIVERY", since=10.0), range(11, 31, 3)),
        (Wanted(parcel_id=3, type="PICKUP"), ()),
        (Wanted(parcel_id=99), ()),
    ],
)
def test_what_is_wanted(
    filled: Path,
    wanted: Wanted,
    expected: range,
    newest_first: bool,  # noqa: FBT001 - a parameter
) -> None:
    """All of it and nothing else, in commit order or against it."""
    listed = ids(filled, wanted, newest_first=newest_first)
    assert listed == (list(reversed(expected)) if newest_first else list(expected))


def test_an_empty_journal(path: Path) -> None:
    """Has no events, since whenever."""
    assert ids(path, Wanted()) == ids(path, Wanted(since=5.0)) == []


def test_what_was_pruned_is_not_listed(filled: Path) -> None:
    """And what is left is found by time all the same."""
    with closing(connect(filled)) as connection:
        run(connection, prune_events(26.0, 1000, KEY))
    assert ids(filled, Wanted()) == [26, 27, 28, 29, 30]
    assert ids(filled, Wanted(since=2.0)) == [26, 27, 28, 29, 30]
    assert ids(filled, Wanted(since=29.0)) == [29, 30]


def test_a_parcel_is_found_by_its_index(filled: Path) -> None:
    """One parcel of millions does not cost a reading of the journal."""
    with open_reader(filled) as reader:
        sqls: list[str] = []

        def spy(sql: str, *parameters: object) -> list[tuple[Any, ...]]:
            sqls.append(sql)
            return reader.query(sql, *parameters)

        list(list_events(spy, Wanted(parcel_id=2)))
        plan = reader.query(f"EXPLAIN QUERY PLAN {sqls[0]}", 0, 99, 2, 10)
    assert "journal_by_parcel" in plan[0][3]
    assert len(plan) == 1
