"""What is pruned leaves the journal, and nothing else changes: no parcel, and not what is known."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scand.core.errors import RolledBackError, StoreError
from scand.core.event import MAX_ID
from scand.core.parcel import ORDERS, Milestone, Order
from scand.ports import PageResult, Receipt
from scand.store.accounts import pruned_events
from scand.store.commit import commit
from scand.store.opening import Identity, connect, prepare
from scand.store.place import begin
from scand.store.pruning import merge, prune_events
from scand.store.reading import open_reader
from scand.store.transaction import run
from scand.store.verify import Verification, verify
from tests.store.conftest import Opens
from tests.store.pages import FEED, at, contents, expected_parcels, many, page, rows
from tests.support.scans import scan

KEY = ORDERS["event_id"]
_numbers = count()


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection that may write, to a new store."""
    with closing(connect(path)) as connection:
        yield connection


def put(connection: sqlite3.Connection, *pages: PageResult, now: float = 1.0) -> Receipt:
    """Commit pages that move no cursor: of a feed that was not read, no event is the newest."""
    parts = [replace(each, position=None) for each in pages]
    return run(connection, commit(parts, KEY, now))


def prune_all(connection: sqlite3.Connection, before: float = 1e9, limit: int = 1000) -> int:
    """Prune until nothing is left to be pruned; how many rows that were."""
    total = 0
    while done := run(connection, prune_events(before, limit, KEY)):
        assert done <= limit
        total += done
    return total


def verified(path: Path) -> Verification:
    with open_reader(path) as reader:
        return verify(reader)


def ranges(path: Path) -> list[tuple[int, int]]:
    return rows(path, "SELECT low, high FROM pruned_ids ORDER BY low")  # type: ignore[return-value]


# --- everything is pruned --------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 7, 20, 1000])
def test_all_that_was_known_still_holds(
    connection: sqlite3.Connection, path: Path, limit: int
) -> None:
    """With an empty journal the parcels are the same, and are proven by the base alone."""
    put(connection, page(*many(1, 20)))
    before, digest = rows(path, "SELECT * FROM parcels"), verified(path).digest
    assert prune_all(connection, limit=limit) == 20
    assert rows(path, "SELECT count(*) FROM journal") == [(0,)]
    assert rows(path, "SELECT * FROM parcels") == before
    result = verified(path)
    assert (result.ok, result.events, result.pruned, result.digest) == (True, 0, 20, digest)


def test_what_is_served_again_is_known(connection: sqlite3.Connection, path: Path) -> None:
    """With this content or another: nothing can be compared any more, so it is a duplicate."""
    put(connection, page(*many(1, 20)))
    prune_all(connection)
    before = contents(path)
    receipt = put(connection, page(*many(1, 20), scan(3, 99, "DELIVERY")))
    assert (receipt.applied, receipt.duplicates, receipt.conflicts) == (0, 21, 0)
    assert contents(path) == before
    receipt = put(connection, page(scan(20, 99), scan(21)))
    assert (receipt.applied, receipt.duplicates) == (1, 1)
    assert verified(path).ok


def test_what_was_never_journaled_is_applied(connection: sqlite3.Connection, path: Path) -> None:
    """A late id below all that was pruned counts, and corrects what it has to."""
    pickup = scan(9, 5, "PICKUP", CreatedDateTimeUtc=at(30))
    put(connection, page(*many(1, 3), pickup))
    prune_all(connection)
    late = page(scan(7, 5, "PICKUP", CreatedDateTimeUtc=at(10)))
    receipt = put(connection, late)
    assert receipt.applied == 1
    ((cause, change),) = receipt.milestones
    assert (cause, change.milestone, change.old.event_id) == (7, Milestone.PICKED_UP, 9)  # type: ignore[union-attr]
    assert rows(path, "SELECT milestone, corrects FROM journal") == [("picked_up", at(30))]
    assert verified(path).ok
    prune_all(connection)
    assert verified(path).ok
    assert ranges(path) == [(1, 3), (7, 7), (9, 9)]


def test_the_newest_events_stay(connection: sqlite3.Connection, path: Path) -> None:
    """They are what the next process knows the feed by; an event in dispute is none of them."""
    pages = [page(*many(1, 9)), page(scan(8, 99), scan(50), cursor=9)]
    run(connection, commit(pages, KEY, 1.0))
    before = run(connection, begin())
    assert [event.event_id for event in before.newest] == [9, 7, 6, 5]
    assert prune_all(connection, limit=1) == 6
    assert rows(path, "SELECT event_id FROM journal") == [(5,), (6,), (7,), (9,)]
    after = run(connection, begin())
    assert (after.position, after.newest) == (before.position, before.newest)
    assert verified(path).ok


def test_numbers_are_not_used_again(connection: sqlite3.Connection, path: Path) -> None:
    """A row's number in the journal is its own for ever, also when all rows are gone."""
    put(connection, page(*many(1, 5)))
    prune_all(connection)
    put(connection, page(scan(6)))
    assert rows(path, "SELECT seq, event_id FROM journal") == [(6, 6)]


def test_says_how_much_was_pruned(connection: sqlite3.Connection, path: Path) -> None:
    """In all, and of each parcel, however often a parcel was met."""
    put(connection, page(scan(1, 5), scan(2, 6), scan(3, 5), scan(4, 5)))
    prune_all(connection, limit=1)
    put(connection, page(scan(5, 5)))
    with open_reader(path) as reader:
        counts = [pruned_events(reader.query, each) for each in (None, 5, 6, 7)]
        summary = reader.summary()
    assert counts == [4, 3, 1, 0]
    assert (summary["events"], summary["pruned_events"]) == (1, 4)


# --- what is old enough -----------------------------------------------------------


def test_prunes_by_age(connection: sqlite3.Connection, path: Path) -> None:
    """What was committed before then goes, the oldest first and at most so many; the rest stays."""
    for number in range(1, 6):
        put(connection, page(scan(number)), now=float(number))
    assert run(connection, prune_events(4.0, 2, KEY)) == 2
    assert rows(path, "SELECT event_id FROM journal") == [(3,), (4,), (5,)]
    assert run(connection, prune_events(4.0, 2, KEY)) == 1
    assert run(connection, prune_events(4.0, 2, KEY)) == 0
    assert rows(path, "SELECT event_id FROM journal") == [(4,), (5,)]


def test_a_clock_that_was_set_back_prunes_nothing_early(
    connection: sqlite3.Connection, path: Path
) -> None:
    """Rows are kept until those before them are old enough."""
    for number, now in ((1, 1.0), (2, 100.0), (3, 2.0)):
        put(connection, page(scan(number)), now=now)
    assert prune_all(connection, before=50.0) == 1
    assert rows(path, "SELECT event_id FROM journal") == [(2,), (3,)]
    assert prune_all(connection, before=101.0) == 2


def test_an_empty_journal_is_left_alone(connection: sqlite3.Connection, path: Path) -> None:
    """Where nothing is to be pruned, nothing is written."""
    before = contents(path)
    assert run(connection, prune_events(1e9, 1000, KEY)) == 0
    assert contents(path) == before


# --- what is known by range --------------------------------------------------------


def test_a_dense_feed_is_one_range(connection: sqlite3.Connection, path: Path) -> None:
    """Whatever the order and the size of the pieces."""
    for first in (41, 1, 81, 61, 21):
        put(connection, page(*reversed(many(first, 20))))
    assert prune_all(connection, limit=13) == 100
    assert ranges(path) == [(1, 100)]


def test_the_greatest_id_has_no_successor(connection: sqlite3.Connection, path: Path) -> None:
    """Ranges reach to the end of all ids."""
    put(connection, page(scan(MAX_ID - 1), scan(MAX_ID), scan(1)))
    prune_all(connection, limit=1)
    assert ranges(path) == [(1, 1), (MAX_ID - 1, MAX_ID)]
    assert put(connection, page(scan(MAX_ID), scan(2))).duplicates == 1


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5))))
def test_merged_ranges_hold_the_same_ids(given: list[tuple[int, int]]) -> None:
    """And no two of them touch."""
    merged = merge([(low, low + size) for low, size in given])
    ids = {each for low, size in given for each in range(low, low + size + 1)}
    assert {each for low, high in merged for each in range(low, high + 1)} == ids
    assert all(one[1] + 1 < other[0] for one, other in pairwise(merged))


# --- whatever happens in between ----------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the stores of all examples."""
    return tmp_path_factory.mktemp("stores")


Step = list[dict[str, Any]] | int


@st.composite
def lives(draw: st.DrawFn) -> list[Step]:
    """Pages of few ids, parcels and instants, each id with one content; in between, prunings."""
    pool = [
        scan(
            number,
            draw(st.integers(1, 3)),
            draw(st.sampled_from(["PICKUP", "STATUS", "DELIVERY"])),
            CreatedDateTimeUtc=at(draw(st.integers(0, 5))),
        )
        for number in range(1, 13)
    ]
    pages = st.lists(st.sampled_from(pool), max_size=8)
    return draw(st.lists(st.one_of(pages, st.integers(1, 6)), max_size=20))


@pytest.mark.parametrize("order", ORDERS)
@settings(deadline=None, max_examples=100)
@given(life=lives())
def test_only_the_journal_changes(folder: Path, order: Order, life: list[Step]) -> None:
    """Each event counts once, the parcels are the fold of all, and verify can prove it."""
    path, key = folder / f"{next(_numbers)}.db", ORDERS[order]
    prepare(path, Identity(FEED.name, FEED.id_kind, order, FEED.url))
    first: dict[int, Any] = {}
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")  # no power is cut here
        for step in life:
            if isinstance(step, int):
                run(connection, prune_events(1e9, step, key))
                continue
            result = page(*step, order=order)
            fresh = {event.event_id: event for event in result.events} | first
            receipt = run(connection, commit([result], key, 1.0))
            assert receipt.applied == len(fresh) - len(first)
            assert receipt.applied + receipt.duplicates == len(result.events)
            first = fresh
        assert verified(path).ok
    journal = {event_id for (event_id,) in rows(path, "SELECT event_id FROM journal")}
    pruned = {each for low, high in ranges(path) for each in range(low, high + 1)}
    assert journal | pruned == first.keys()
    assert not journal & pruned
    assert all(one[1] + 1 < other[0] for one, other in pairwise(ranges(path)))
    parcels = rows(path, "SELECT * FROM parcels ORDER BY parcel_id")
    assert parcels == expected_parcels(first.values(), order)
    assert rows(path, "SELECT pruned_events FROM feed") == [(len(pruned),)]


@pytest.mark.parametrize(
    "refused",
    ["INSERT ON base", "INSERT ON pruned_ids", "DELETE ON journal", "UPDATE ON feed"],
)
async def test_it_is_all_or_nothing(opens: Opens, path: Path, refused: str) -> None:
    """A pruning that fails leaves no trace, and works when it is tried again."""
    async with opens() as store:
        await store.commit([replace(page(*many(1, 20)), position=None)])
        before = contents(path)
        with closing(sqlite3.connect(path)) as other:
            other.execute(f"CREATE TRIGGER r BEFORE {refused} BEGIN SELECT RAISE(ABORT, 'no'); END")
        with pytest.raises(RolledBackError, match="no"):
            await store.prune_events(1e12, 1000)
        assert contents(path) == before
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TRIGGER r")
        assert await store.prune_events(1e12, 1000) == 20
        assert await store.prune_events(1e12, 1000) == 0
    assert verified(path).ok


# --- what verify finds ---------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        "UPDATE base SET status_code = 'X' WHERE parcel_id = 3",
        "UPDATE base SET picked_up_at = '1', picked_up_event_id = 1 WHERE parcel_id = 3",
        "UPDATE parcels SET status_code = 'X' WHERE parcel_id = 3",
        "DELETE FROM base WHERE parcel_id = 3",
        "DELETE FROM parcels WHERE parcel_id = 3",
        "INSERT INTO journal SELECT 9, 999, 3, 'X', '2021', '', 1, 1, 1, 1, 1, NULL, NULL, 1, NULL",
    ],
)
def test_a_base_that_was_tampered_with(
    connection: sqlite3.Connection, path: Path, script: str
) -> None:
    """A parcel that is no longer the fold of base and journal is found, and it alone."""
    put(connection, page(*many(1, 20)))
    prune_all(connection)
    connection.execute(script)
    result = verified(path)
    assert (result.ok, result.named) == (False, [3])


def test_a_damaged_file_is_told(path: Path) -> None:
    """Also where no parcel and no event is damaged: SQLite reads the whole file first."""
    with closing(connect(path)) as connection:
        put(connection, page(*many(1, 2_000)))
        ((root,),) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'journal_by_parcel'"
        ).fetchall()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\0" * 4096)
    with pytest.raises(StoreError, match="is damaged"):
        verified(path)
