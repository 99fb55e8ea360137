"""Stores whose EventIds are text: all that the others do, but for the order of ids."""

import random
import sqlite3
import uuid
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from scand.core.continuity import Incident
from scand.core.course import Position
from scand.core.dead_letters import State
from scand.core.decode import Body, Decoder
from scand.core.event import Reason
from scand.core.ledger import LedgerChange
from scand.core.parcel import ORDERS, fold
from scand.core.review import Outcome, Selection, refuse
from scand.ports import PageResult
from scand.store.commit import commit
from scand.store.moving import Moved, move_cursor, rewind
from scand.store.opening import Identity, connect, prepare
from scand.store.pruning import prune_events
from scand.store.reading import event_document, open_reader, parcel_document
from scand.store.sqlite import open_store
from scand.store.transaction import run
from scand.store.verify import verify
from tests.store.pages import at, expected_parcels, rows
from tests.support.scans import body_of, scan

KEY = ORDERS["created_at"]
OPAQUE = Decoder(id_kind="opaque")
FEED = Identity("carrier", "opaque", "created_at", "https://carrier.test/v1/scans")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "scand.db"
    prepare(path, FEED)
    return path


def page(*scans: dict[str, Any], asked_from: str = "", **fields: Any) -> PageResult:
    """The scans as the carrier serves them; the cursor is the last one's id."""
    body = body_of(*scans)
    decoded = OPAQUE.page(body)
    cursor = decoded.in_order()[-1].event_id or "" if scans else asked_from
    result = PageResult(
        events=decoded.events,
        parcels=fold(decoded.events, KEY),
        rejected=decoded.rejected,
        asked_from=asked_from,
        body=Body(body, OPAQUE),
        position=Position(cursor, anchored=True, inclusive=True),
        ledger=LedgerChange(),
    )
    return replace(result, **fields)


def uuids(count: int, seed: int = 1) -> list[str]:
    dice = random.Random(seed)
    return [str(uuid.UUID(int=dice.getrandbits(128), version=4)) for _ in range(count)]


async def test_what_was_committed_is_there_again(opens: Any) -> None:
    """Events, their fold and the cursor, with ids that are text or look like numbers."""
    scans = [
        scan("b", 1, "PICKUP", CreatedDateTimeUtc=at(9)),
        scan("a", 1, "DELIVERY", CreatedDateTimeUtc=at(5)),
        scan(7, 2, CreatedDateTimeUtc=at(1)),
        scan("7.0", 2, CreatedDateTimeUtc=at(1)),
    ]
    result = page(*scans)
    async with opens("created_at") as store:
        assert (await store.begin()).position is None
        receipt = await store.commit([result])
        checkpoint = await store.begin()
    assert receipt.applied == 4
    assert checkpoint.position == Position("7.0", anchored=True, inclusive=True)
    assert checkpoint.newest == []


async def test_the_fold_goes_by_time(opens: Any, path: Path) -> None:
    """The latest event is the one of the greatest instant, wherever it stands in the feed."""
    first = [
        scan("b", 1, CreatedDateTimeUtc=at(9)),
        scan("c", 1, "PICKUP", CreatedDateTimeUtc=at(5)),
    ]
    async with opens("created_at") as store:
        await store.commit([page(*first)])
        await store.commit([page(scan("a", 1, "PICKUP", CreatedDateTimeUtc=at(2)))])
    with open_reader(path) as reader:
        state = reader.parcel(1)
        history = reader.history(1)
        assert verify(reader).ok
    assert state is not None
    assert parcel_document(1, state)["latest"]["event_id"] == "b"
    assert [event_document(row)["event_id"] for row in history] == ["b", "c", "a"]
    assert [row.milestone for row in history] == [None, "picked_up", "picked_up"]


async def test_duplicates_count_once(opens: Any, path: Path) -> None:
    """Within a page, at the seam of two pages of one commit, and in a later one."""
    one, two, three = (scan(each) for each in ("x", "m", "a"))
    async with opens("created_at") as store:
        receipt = await store.commit([page(one, two, one), page(two, three)])
        assert (receipt.applied, receipt.duplicates) == (3, 2)
        receipt = await store.commit([page(three, one)])
        assert (receipt.applied, receipt.duplicates) == (0, 2)
    assert rows(path, "SELECT event_id FROM journal ORDER BY seq") == [("x",), ("m",), ("a",)]


async def test_two_contents_under_one_id(opens: Any, path: Path) -> None:
    """The first committed wins, the other is a dead letter with its bytes."""
    async with opens("created_at") as store:
        await store.commit([page(scan("x", 1))])
        receipt = await store.commit([page(scan("x", 2))])
    assert (receipt.applied, receipt.conflicts, receipt.dead_letters) == (0, 1, 1)
    ((identity, event_id, reason),) = rows(
        path, "SELECT identity, event_id, reason FROM dead_letters"
    )
    assert (identity, event_id, reason) == ("id:x", "x", Reason.CONFLICT)
    assert rows(path, "SELECT parcel_id FROM journal") == [(1,)]


async def test_a_dead_letter_lives_as_others_do(opens: Any, path: Path) -> None:
    """It is closed when its event comes well, whatever the order of the ids around it."""
    async with opens("created_at") as store:
        await store.commit([page(scan("m", ParcelId="?"), scan("b", ParcelId="?"), asked_from="z")])
        assert rows(path, "SELECT asked_from FROM dead_letters") == [("z",), ("z",)]
        receipt = await store.commit([page(scan("a"), scan("m"), scan("x"))])
        assert receipt.superseded == 1
        chosen = await store.choose_letters(Selection(state=State.OPEN))
        (item,) = await store.replay_letters(chosen.numbers, partial(refuse, "still"))
        assert (item.outcome, item.event_id) == (Outcome.FAILED_AGAIN, "b")
    states = "SELECT event_id, state FROM dead_letters ORDER BY event_id"
    assert rows(path, states) == [("b", "open"), ("m", "superseded")]


async def test_an_incident_is_told(opens: Any, path: Path) -> None:
    """The audit names the cursor that is gone."""
    incident = Incident("reset", "b", "", "gone; continue")
    async with opens("created_at") as store:
        await store.commit([page(scan("b"))])
        start = Position("", anchored=False, inclusive=True)
        await store.commit([page(position=start, incident=incident)])
        assert (await store.begin()).position.cursor == ""
    with open_reader(path) as reader:
        (told,) = reader.audit()
    assert (told["action"], told["was"], told["now"]) == ("reset", "b", "")


@pytest.mark.parametrize(("was", "to"), [("b", "a"), ("b", "z"), ("b", ""), (None, "z")])
async def test_the_cursor_is_moved_without_counting(path: Path, was: str | None, to: str) -> None:
    """Nobody knows what lies between two ids; the audit says who moved it."""
    if was is not None:
        async with open_store(path, "created_at") as store:
            await store.commit([page(scan(was))])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert run(connection, move_cursor(to, 1.0)) == Moved(was, to, 0)
    with open_reader(path) as reader:
        assert reader.position()["cursor"] == to
        assert reader.summary()["gaps"]["skipped_ids"] == 0
        assert [row["action"] for row in reader.audit()] == ["cursor_set"]
    async with open_store(path, "created_at") as store:
        assert (await store.begin()).position.cursor == to


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_of_pages_gives_the_same_parcels(opens: Any, path: Path, seed: int) -> None:
    """Whatever comes twice, and in whichever commits."""
    dice, ids = random.Random(seed), uuids(200, seed)
    kinds = ("PICKUP", "STATUS", "DELIVERY")
    scans = [
        scan(
            each,
            dice.randrange(1, 9),
            dice.choice(kinds),
            CreatedDateTimeUtc=at(dice.randrange(60)),
        )
        for each in ids
    ]
    async with opens("created_at") as store:
        for _ in range(30):
            pages = [page(*dice.sample(scans, dice.randrange(1, 30))) for _ in range(3)]
            await store.commit(pages)
        receipt = await store.commit([page(*scans)])
    assert receipt.conflicts == 0
    events = OPAQUE.page(body_of(*scans)).events
    assert rows(path, "SELECT * FROM parcels") == expected_parcels(events, "created_at")
    with open_reader(path) as reader:
        result = verify(reader)
        assert [row.seq for row in reader.journal()] == list(range(1, 201))
    assert (result.ok, result.events) == (True, 200)


def test_pruned_events_stay_known(path: Path) -> None:
    """All may be pruned; the parcels hold, and what is served again is a duplicate."""
    served = [scan(one) for one in ("b-2", "a-1", "c-3")]
    with closing(connect(path)) as connection:
        run(connection, commit([page(*served)], KEY, 1.0))
        before = rows(path, "SELECT * FROM parcels")
        assert run(connection, prune_events(9e9, 100, KEY)) == 3
        assert rows(path, "SELECT count(*) FROM journal") == [(0,)]
        again = run(connection, commit([page(*served, scan("a-0"))], KEY, 2.0))
    assert (again.applied, again.duplicates, again.conflicts) == (1, 3, 0)
    assert rows(path, "SELECT event_id FROM journal") == [("a-0",)]
    with open_reader(path) as reader:
        assert verify(reader).ok
        assert verify(reader).pruned == 3
    assert len(before) == len(rows(path, "SELECT * FROM parcels"))


def test_a_feed_is_read_again_from_an_event_that_was_read(path: Path) -> None:
    """The cursor is then that event, or nothing for the beginning; an unknown id is refused."""
    served = [scan(one) for one in ("b-2", "a-1", "c-3")]
    with closing(connect(path)) as connection:
        run(connection, commit([page(*served)], KEY, 1.0))
        assert run(connection, rewind("nobody", 2.0)) == Moved("c-3", "c-3")
        assert run(connection, rewind("a-1", 2.0)) == Moved("c-3", "a-1")
        assert run(connection, rewind("", 2.0)) == Moved("a-1", "")
    assert rows(path, "SELECT action, now FROM audit") == [("rewind", "a-1"), ("rewind", "")]
