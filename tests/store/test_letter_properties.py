"""What holds for dead letters, whatever is served in whatever order, and whatever is done."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scand.core.catalogue import Catalogue
from scand.core.judge import Judge
from scand.core.parcel import ORDERS
from scand.core.review import Item, Outcome, review
from scand.store.commit import commit
from scand.store.old_letters import prune_dead_letters
from scand.store.opening import connect, prepare
from scand.store.reading import open_reader
from scand.store.replaying import discard, replay
from scand.store.transaction import run
from scand.store.verify import verify
from tests.store.pages import FEED, page
from tests.support.scans import DECODER, scan

KEY = ORDERS["event_id"]
RULES = partial(review, DECODER, Judge(Catalogue.of()))
_numbers = count()

good = st.builds(scan, st.integers(1, 3), st.integers(1, 2))
bad = st.builds(scan, st.integers(1, 3), ParcelId=st.sampled_from(["?", "!"]))
nameless = st.builds(scan, st.none(), st.integers(1, 2))
anything = st.one_of(good, bad, nameless)
streams = st.lists(anything, min_size=1, max_size=12)
cuts = st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the stores of all examples."""
    return tmp_path_factory.mktemp("stores")


@contextmanager
def new_store(folder: Path) -> Iterator[tuple[sqlite3.Connection, Path]]:
    path = folder / f"{next(_numbers)}.db"
    prepare(path, FEED)
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")  # no power is cut here
        yield connection, path


def commits_of(
    stream: Sequence[dict[str, Any]], places: Sequence[tuple[int, bool]]
) -> list[list[Sequence[dict[str, Any]]]]:
    """A stream cut into pages, and these into commits."""
    size = len(stream)
    edges = sorted({(min(place, size), new) for place, new in places} | {(0, True), (size, True)})
    commits: list[list[Sequence[dict[str, Any]]]] = []
    for (start, new_commit), (end, _) in pairwise(edges):
        if new_commit or not commits:
            commits.append([])
        commits[-1].append(stream[start:end])
    return commits


@settings(deadline=None, max_examples=60)
@given(stream=streams, one=cuts, other=cuts)
def test_how_pages_are_put_together_makes_no_difference(
    folder: Path,
    stream: list[dict[str, Any]],
    one: list[tuple[int, bool]],
    other: list[tuple[int, bool]],
) -> None:
    """The letters are the same in the end: their states, reasons, bytes and attempts."""
    ends = []
    for places in (one, other):
        with new_store(folder) as (connection, _):
            for pages in commits_of(stream, places):
                run(connection, commit([page(*scans) for scans in pages], KEY, 1.0))
            letters = "SELECT identity, state, reason, raw, attempts FROM dead_letters ORDER BY 1"
            ends.append(connection.execute(letters).fetchall())
    assert ends[0] == ends[1]


acts = st.one_of(
    st.tuples(st.just("serve"), st.lists(anything, min_size=1, max_size=5)),
    st.tuples(st.sampled_from(["replay", "discard"]), st.lists(st.integers(1, 6), unique=True)),
)


@settings(deadline=None, max_examples=100)
@given(deeds=st.lists(acts, min_size=1, max_size=12))
def test_everything_is_accounted_for(folder: Path, deeds: list[tuple[str, list[Any]]]) -> None:
    """Whatever an operator does meanwhile, no event and none of its bytes is lost."""
    served: list[dict[str, Any]] = []
    items: list[Item] = []
    failures = 0
    with new_store(folder) as (connection, path):
        for now, (deed, what) in enumerate(deeds, 1):
            if deed == "serve":
                served += what
                failures += run(connection, commit([page(*what)], KEY, now)).dead_letters
            elif deed == "replay":
                items += run(connection, replay(what, RULES, KEY, now))
            else:
                run(connection, discard(what, now))
        failures += sum(item.outcome is Outcome.FAILED_AGAIN for item in items)
        assert_nothing_lost(connection, served, failures)
        closed = "SELECT count(*) FROM dead_letters WHERE state <> 'open'"
        ((there,),) = connection.execute(closed).fetchall()
        assert run(connection, prune_dead_letters(1e9, 1000)) == there
        with open_reader(path) as reader:
            assert verify(reader).ok


def assert_nothing_lost(
    connection: sqlite3.Connection, served: Sequence[dict[str, Any]], failures: int
) -> None:
    def all_of(sql: str) -> set[Any]:
        return {value for (value,) in connection.execute(sql)}

    applied = dict(connection.execute("SELECT event_id, parcel_id FROM journal").fetchall())
    kept = all_of("SELECT raw FROM dead_letters UNION SELECT raw FROM dead_letter_history")
    for one in served:
        is_applied = applied.get(one["EventId"]) == one["ParcelId"]
        assert is_applied or json.dumps(one).encode() in kept
    disputed = all_of("SELECT event_id FROM dead_letters WHERE reason = 'conflict'")
    assert disputed <= applied.keys()
    undecided = all_of("SELECT event_id FROM dead_letters WHERE state = 'open'") - {None}
    assert undecided & applied.keys() <= disputed
    ((attempts,),) = connection.execute("SELECT coalesce(sum(attempts), 0) FROM dead_letters")
    assert attempts == failures
    told = connection.execute("SELECT DISTINCT letter FROM dead_letter_history").fetchall()
    assert len(told) == connection.execute("SELECT count(*) FROM dead_letters").fetchone()[0]
