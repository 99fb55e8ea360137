"""What holds for any events, in any order, however often and however they are committed."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scand.core.event import MAX_ID, ScanEvent
from scand.core.parcel import ORDERS, Order, fold
from scand.ports import PageResult, Receipt
from scand.store.commit import commit
from scand.store.opening import Identity, connect, prepare
from scand.store.reading import open_reader
from scand.store.transaction import run
from scand.store.verify import verify
from tests.store.pages import FEED, at, expected_parcels, page
from tests.support.scans import DECODER, scan

_numbers = count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the stores of all examples."""
    return tmp_path_factory.mktemp("stores")


@contextmanager
def new_store(folder: Path, order: Order) -> Iterator[tuple[sqlite3.Connection, Path]]:
    path = folder / f"{next(_numbers)}.db"
    prepare(path, Identity(FEED.name, FEED.id_kind, order, FEED.url))
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")  # no power is cut here
        yield connection, path


def commit_all(
    connection: sqlite3.Connection, commits: Sequence[Sequence[PageResult]], order: Order
) -> list[Receipt]:
    return [run(connection, commit(pages, ORDERS[order], 1.0)) for pages in commits]


@st.composite
def served(draw: st.DrawFn) -> list[list[list[dict[str, Any]]]]:
    """Scans of few ids, parcels and instants, so that they meet: by commit, and by page."""
    scans = st.builds(
        scan,
        st.integers(1, 12),
        st.integers(1, 3),
        st.sampled_from(["PICKUP", "STATUS", "DELIVERY"]),
        CreatedDateTimeUtc=st.builds(at, st.integers(0, 5)),
    )
    pool = draw(st.lists(scans, min_size=1, max_size=16))
    stream = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=40))
    cuts = draw(st.lists(st.tuples(st.integers(0, len(stream)), st.booleans()), max_size=8))
    edges = sorted({(0, True), (len(stream), True), *cuts})
    commits: list[list[list[dict[str, Any]]]] = []
    for (start, new_commit), (end, _) in pairwise(edges):
        if new_commit or not commits:
            commits.append([])
        commits[-1].append(stream[start:end])
    return commits


@pytest.mark.parametrize("order", ORDERS)
@settings(deadline=None, max_examples=100)
@given(commits=served())
def test_state_is_the_fold(
    folder: Path, order: Order, commits: list[list[list[dict[str, Any]]]]
) -> None:
    """The parcels are the fold of the first content of each id; every other is a dead letter."""
    pages = [[page(*scans, order=order) for scans in pages] for pages in commits]
    stream = [event for commit in pages for each in commit for event in each.events]
    first: dict[int, ScanEvent] = {}
    losers: dict[int, int] = {}
    for event in stream:
        if first.setdefault(event.event_id, event) != event:
            losers[event.event_id] = losers.get(event.event_id, 0) + 1
    with new_store(folder, order) as (connection, path):
        receipts = commit_all(connection, pages, order)
        parcels = connection.execute("SELECT * FROM parcels ORDER BY parcel_id").fetchall()
        letters = connection.execute("SELECT event_id, attempts FROM dead_letters").fetchall()
        journal = connection.execute("SELECT event_id FROM journal ORDER BY seq").fetchall()
        with open_reader(path) as reader:
            assert verify(reader).ok
    assert parcels == expected_parcels(first.values(), order)
    assert dict(letters) == losers
    assert [event_id for (event_id,) in journal] == list(first)
    assert sum(one.applied for one in receipts) == len(first)
    assert sum(one.conflicts for one in receipts) == sum(losers.values())
    assert sum(one.applied + one.duplicates + one.conflicts for one in receipts) == len(stream)


@pytest.mark.parametrize("order", ORDERS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_order_is_irrelevant(folder: Path, order: Order, data: st.DataObject) -> None:
    """Any permutation and any split of the same scans leave the same parcels."""
    scans = st.builds(
        scan,
        st.integers(1, MAX_ID),
        st.integers(1, 3),
        st.sampled_from(["PICKUP", "STATUS", "DELIVERY"]),
        CreatedDateTimeUtc=st.builds(at, st.integers(0, 5)),
    )
    pool = data.draw(st.lists(scans, unique_by=lambda one: one["EventId"], min_size=1, max_size=15))
    states = []
    for _ in range(2):
        stream = data.draw(st.permutations(pool))
        cut = data.draw(st.integers(0, len(stream)))
        pages = [[page(*stream[:cut], order=order)], [page(*stream[cut:], order=order)]]
        with new_store(folder, order) as (connection, _):
            commit_all(connection, pages, order)
            states.append(connection.execute("SELECT * FROM parcels").fetchall())
            for commit_rows in connection.execute("SELECT corrects, milestone FROM journal"):
                assert commit_rows[0] is None or commit_rows[1] is not None
    assert states[0] == states[1] == expected_parcels(page(*pool).events, order)


ids = st.one_of(st.integers(1, MAX_ID), st.sampled_from([1, 2, MAX_ID - 1, MAX_ID]))
fields = st.one_of(
    st.none(),
    st.text(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
)
people = st.fixed_dictionaries(
    {}, optional={"UserId": fields, "CarrierId": fields, "RunId": fields}
)
devices = st.fixed_dictionaries({}, optional={"DeviceId": fields, "DeviceTransactionId": fields})
wires = st.fixed_dictionaries(
    {
        "EventId": ids,
        "ParcelId": ids,
        "Type": st.one_of(st.sampled_from(["PICKUP", "delivery "]), st.text(), st.integers()),
        "CreatedDateTimeUtc": st.datetimes().map(lambda moment: moment.isoformat()),
    },
    optional={
        "StatusCode": fields,
        "User": st.one_of(st.none(), people),
        "Device": st.one_of(st.none(), devices),
    },
)


@settings(deadline=None, max_examples=200)
@given(wire=wires)
def test_what_decodes_can_be_stored(folder: Path, wire: dict[str, Any]) -> None:
    """Every event that decodes is given back unchanged, and so is what its parcel keeps of it."""
    event = DECODER.event(json.dumps(wire).encode())
    if not isinstance(event, ScanEvent):
        return
    key, alone = ORDERS["event_id"], page(wire)
    assert alone.events == [event]
    earlier = scan(1 if event.event_id > 1 else 2, event.parcel_id, "DELIVERY")
    later = page(earlier, wire)
    with new_store(folder, "event_id") as (connection, path):
        commit_all(connection, [[alone], [later]], "event_id")
        with open_reader(path) as reader:
            journal = [row.event for row in reader.journal()]
            assert verify(reader).ok
        parcels = connection.execute("SELECT * FROM parcels").fetchall()
    assert journal == [event, *later.events[:1]]
    assert [type(value) for value in vars_of(journal[0])] == [type(v) for v in vars_of(event)]
    assert parcels == expected_parcels(journal, "event_id")
    assert len(fold(journal, key)) == 1


def vars_of(event: ScanEvent) -> list[Any]:
    return [getattr(event, name) for name in event.__struct_fields__]
