"""Dead letters in the store: filed, closed, tried again, given up and removed."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from scand.core.catalogue import Catalogue
from scand.core.continuity import WITNESSES
from scand.core.dead_letters import MAX_CONTENTS, State
from scand.core.errors import RolledBackError
from scand.core.event import Reason
from scand.core.judge import Judge
from scand.core.parcel import ORDERS
from scand.core.review import Item, Outcome, Review, Selection, refuse, review
from scand.core.traces import Traced
from scand.ports import PageResult
from scand.store.commit import commit
from scand.store.opening import APPLICATION_ID, connect, migrations, prepare
from scand.store.reading import open_reader
from scand.store.replaying import AT_ONCE, MAX_VOLUME
from scand.store.transaction import run
from scand.store.verify import verify
from tests.store.conftest import Opens
from tests.store.pages import FEED, contents, expected_parcels, page, rows
from tests.support.scans import DECODER, scan

OPEN_BOOK: Review = partial(review, DECODER, Judge(Catalogue.of()))
BAD, GOOD = scan(7, 5, ParcelId="?"), scan(7, 5, "PICKUP")
NAMELESS = {**GOOD, "EventId": None}


def strictly(one: dict[str, Any]) -> PageResult:
    """A page from which a strict catalogue has turned this event away."""
    found = review(DECODER, Judge(Catalogue.of([], strict=True)), [raw_of(one)], 0.0)
    return replace(page(one), events=[], parcels={}, rejected=found)


def raw_of(one: dict[str, Any]) -> bytes:
    return json.dumps(one).encode()


def states(path: Path) -> dict[str, str]:
    return dict(rows(path, "SELECT identity, state FROM dead_letters"))


def letter(path: Path, number: int = 1) -> dict[str, Any]:
    """A letter as it is shown."""
    with open_reader(path) as reader:
        found = reader.dead_letters.one(number)
    assert found is not None
    return found.document()


def story(path: Path, number: int = 1) -> list[tuple[str, str | None, str | None]]:
    """What happened to a letter: the act, the reason, and the bytes that it does not have."""
    return [(told["act"], told["reason"], told["raw"]) for told in letter(path, number)["history"]]


def assert_accounted_for(path: Path) -> None:
    """Parcels are the fold of the journal, and an open letter of an applied id is a conflict."""
    with open_reader(path) as reader:
        assert verify(reader).ok
    undecided = """SELECT identity FROM dead_letters WHERE state = 'open' AND reason <> 'conflict'
        AND event_id IN (SELECT event_id FROM journal)"""
    assert rows(path, undecided) == []
    assert (
        rows(path, "SELECT id FROM dead_letters WHERE (closed_at IS NULL) <> (state = 'open')")
        == []
    )


# --- filed -----------------------------------------------------------------------


async def test_what_is_kept(opens: Opens, path: Path) -> None:
    """Bytes, reason, detail, the page it came from, the parcel where it can be read."""
    served = scan(7, 5, CreatedDateTimeUtc="yesterday")
    async with opens() as store:
        await store.commit([page(served, asked_from=3)])
    document = letter(path)
    assert document["raw"] == json.dumps(served)
    assert (document["event_id"], document["parcel_id"], document["asked_from"]) == (7, 5, 3)
    assert (document["state"], document["attempts"], document["closed_at"]) == ("open", 1, None)
    assert (document["reason"], document["detail"][:10]) == ("invalid_created_at", "CreatedDat")
    assert document["first_seen"] == document["last_seen"] == document["history"][0]["at"]
    assert story(path) == [("seen", "invalid_created_at", None)]


async def test_the_same_again_is_only_counted(opens: Opens, path: Path) -> None:
    """Served a hundred times, a letter has a hundred attempts and one entry."""
    async with opens() as store:
        for _ in range(10):
            await store.commit([page(BAD, BAD), page(*[BAD] * 8)])
    assert letter(path)["attempts"] == 100
    assert story(path) == [("seen", "invalid_parcel_id", None)]


@pytest.mark.parametrize("together", [True, False])
async def test_other_bytes_under_an_id(opens: Opens, path: Path, together: bool) -> None:  # noqa: FBT001
    """The letter shows the latest, and its history keeps those before."""
    copies = [scan(7, ParcelId=text) for text in ("one", "two", "one", "three")]
    async with opens() as store:
        for pages in (
            [[page(one) for one in copies]] if together else [[page(one)] for one in copies]
        ):
            await store.commit(pages)
    assert letter(path)["raw"] == json.dumps(copies[3])
    assert letter(path)["attempts"] == 4
    assert story(path) == [
        ("seen", "invalid_parcel_id", json.dumps(copies[0])),
        ("failed_again", "invalid_parcel_id", json.dumps(copies[1])),
        ("failed_again", "invalid_parcel_id", None),
    ]


async def test_a_page_that_never_comes_the_same(opens: Opens, path: Path) -> None:
    """Of an event that is written anew each time, so many contents are kept, and all counted."""
    async with opens() as store:
        for number in range(MAX_CONTENTS + 20):
            await store.commit([page(scan(7, ParcelId=f"x{number}"))])
    assert letter(path)["attempts"] == MAX_CONTENTS + 20
    assert len(story(path)) == MAX_CONTENTS


# --- closed by its event ---------------------------------------------------------------


BOTH = [
    pytest.param([[page(BAD)], [page(GOOD)]], id="bad, then good"),
    pytest.param([[page(GOOD)], [page(BAD)]], id="good, then bad"),
    pytest.param([[page(BAD), page(GOOD)]], id="in one commit"),
    pytest.param([[page(GOOD), page(BAD)]], id="in one commit, good first"),
    pytest.param([[page(GOOD, BAD)]], id="in one page"),
]


@pytest.mark.parametrize("commits", BOTH)
async def test_superseded(opens: Opens, path: Path, commits: list[list[PageResult]]) -> None:
    """A letter is closed when its event is applied, in whatever order and company they come."""
    async with opens() as store:
        receipts = [await store.commit(pages) for pages in commits]
    assert states(path) == {"id:7": "superseded"}
    assert story(path) == [("seen", "invalid_parcel_id", None), ("superseded", None, None)]
    assert sum(receipt.superseded for receipt in receipts) == 1
    assert rows(path, "SELECT event_id FROM journal") == [(7,)]
    assert_accounted_for(path)


async def test_others_stay_open(opens: Opens, path: Path) -> None:
    """Only the letters of the events that are applied are closed, however many there are."""
    async with opens() as store:
        await store.commit([page(*[scan(number, ParcelId="?") for number in range(1, 3001)])])
        even = [scan(number) for number in range(2, 3001, 2)]
        receipt = await store.commit([page(*even, scan(4000))])
    assert receipt.superseded == 1500
    odd = "SELECT count(*), min(event_id % 2) FROM dead_letters WHERE state = 'open'"
    assert rows(path, odd) == [(1500, 1)]
    assert_accounted_for(path)


async def test_the_letter_of_an_applied_event_stays_closed(opens: Opens, path: Path) -> None:
    """A bad copy that comes again, or another one, is kept; and there is nothing to do."""
    async with opens() as store:
        await store.commit([page(BAD), page(GOOD)])
        await store.commit([page(BAD), page(scan(7, ParcelId="!"))])
    assert states(path) == {"id:7": "superseded"}
    assert letter(path)["attempts"] == 3
    assert [act for act, _, _ in story(path)] == ["seen", "superseded", "failed_again"]
    assert story(path)[0][2] == json.dumps(BAD)


async def test_a_failed_commit_closes_nothing(opens: Opens, path: Path) -> None:
    """Applying and closing are one transaction."""
    async with opens() as store:
        await store.commit([page(BAD)])
        before = contents(path)
        broken = replace(page(GOOD), history="many")  # the last statement of a commit fails
        with pytest.raises(RolledBackError):
            await store.commit([broken])
    assert contents(path) == before
    assert states(path) == {"id:7": "open"}


# --- conflicts ----------------------------------------------------------------------


async def test_a_conflict_is_not_closed_by_the_other(opens: Opens, path: Path) -> None:
    """The journaled event may come as often as it likes: of the conflict somebody must decide."""
    other = scan(7, 6, "DELIVERY")
    async with opens() as store:
        await store.commit([page(GOOD)])
        await store.commit([page(other)])
        await store.commit([page(GOOD), page(GOOD)])
    assert states(path) == {"id:7": "open"}
    assert letter(path)["raw"] == json.dumps(other)
    assert (letter(path)["reason"], letter(path)["parcel_id"]) == ("conflict", 6)


@pytest.mark.parametrize("together", [True, False])
async def test_a_conflict_reopens(opens: Opens, path: Path, together: bool) -> None:  # noqa: FBT001
    """A letter that was closed opens for a conflict, and what it was about before is kept."""
    other = scan(7, 6, "DELIVERY")
    parts = [page(BAD), page(GOOD), page(other)]
    async with opens() as store:
        for pages in [parts] if together else [[part] for part in parts]:
            await store.commit(pages)
    assert states(path) == {"id:7": "open"}
    assert (letter(path)["raw"], letter(path)["closed_at"]) == (json.dumps(other), None)
    assert story(path) == [
        ("seen", "invalid_parcel_id", json.dumps(BAD)),
        ("superseded", None, None),
        ("reopened", "conflict", None),
    ]


async def test_a_bad_copy_does_not_hide_a_conflict(opens: Opens, path: Path) -> None:
    """It is kept with its bytes, and the conflict stays what the letter is about."""
    other = scan(7, 6, "DELIVERY")
    async with opens() as store:
        for one in (GOOD, other, BAD):
            await store.commit([page(one)])
    assert (letter(path)["reason"], letter(path)["raw"]) == ("conflict", json.dumps(other))
    assert story(path)[1:] == [("seen", "invalid_parcel_id", json.dumps(BAD))]


# --- tried again ------------------------------------------------------------------------


async def replayed(store: Any, *numbers: int, rules: Review = OPEN_BOOK) -> list[tuple[int, str]]:
    items = await store.replay_letters(list(numbers), rules)
    return [(item.id, item.outcome) for item in items]


async def test_replay(opens: Opens, path: Path) -> None:
    """What the rules accept by now is applied, with milestone and parcel, and only once."""
    async with opens() as store:
        await store.commit([strictly(GOOD)])
        assert await replayed(store, 1) == [(1, "applied")]
        after = contents(path)
        assert await replayed(store, 1) == [(1, "closed")]
        assert contents(path) == after
        receipt = await store.commit([page(GOOD)])
    assert (receipt.applied, receipt.duplicates) == (0, 1)
    assert states(path) == {"id:7": "replayed"}
    assert [act for act, _, _ in story(path)] == ["seen", "replayed"]
    assert rows(path, "SELECT event_id, milestone FROM journal") == [(7, "picked_up")]
    assert rows(path, "SELECT * FROM parcels") == expected_parcels(page(GOOD).events, "event_id")
    assert_accounted_for(path)


async def test_replay_goes_on_with_the_trace(opens: Opens, path: Path) -> None:
    """An event whose letter has a trace is applied in it; a letter keeps the trace it was given."""
    ((salt,),) = rows(path, "SELECT salt FROM tracing")
    async with opens() as store:
        await store.commit([replace(strictly(GOOD), traced=Traced(salt))])
        await store.commit([strictly(scan(8, 5))])
        ((before,),) = rows(path, "SELECT trace_id FROM dead_letters WHERE event_id = 7")
        await store.commit([strictly(GOOD)])
        await store.replay_letters([1, 2], OPEN_BOOK)
    assert before == Traced(salt).trace_id(7)
    assert letter(path)["trace_id"] == before.hex()
    kept = rows(path, "SELECT event_id, trace_id FROM journal ORDER BY event_id")
    assert kept == [(7, before), (8, None)]


async def test_replay_of_what_is_still_bad(opens: Opens, path: Path) -> None:
    """It says why, counts, and makes an entry only where something else is wrong than before."""
    async with opens() as store:
        await store.commit([page(BAD), strictly(scan(8))])
        strict: Review = partial(review, DECODER, Judge(Catalogue.of(["RETURN"], strict=True)))
        for _ in range(3):
            items = await store.replay_letters([1, 2], strict)
        await store.replay_letters([2], partial(refuse, "no room"))
    assert [item.outcome for item in items] == [Outcome.FAILED_AGAIN] * 2
    assert [item.reason for item in items] == [Reason.INVALID_PARCEL_ID, Reason.NOT_IN_CATALOGUE]
    assert all(item.detail for item in items)
    assert (letter(path)["attempts"], len(story(path))) == (4, 1)
    assert (letter(path, 2)["attempts"], letter(path, 2)["state"]) == (5, "open")
    assert story(path, 2) == [
        ("seen", "not_in_catalogue", None),
        ("failed_again", "processing_failed", None),
    ]


async def test_replay_of_a_conflict(opens: Opens, path: Path) -> None:
    """The event that was first stays; the other goes on being in conflict."""
    async with opens() as store:
        await store.commit([page(GOOD), page(scan(7, 6))])
        assert await replayed(store, 1) == [(1, "failed_again")]
    assert states(path) == {"id:7": "open"}
    assert_accounted_for(path)


async def test_replay_of_a_conflict_with_a_pruned_event(opens: Opens, path: Path) -> None:
    """Only the id of the first is known then: the other is in conflict with it as before."""
    rest = [scan(number) for number in range(8, 8 + WITNESSES)]
    async with opens() as store:
        await store.commit([page(GOOD), page(scan(7, 6)), page(*rest)])
        await store.prune_events(1e10, 100)
        assert rows(path, "SELECT low, high FROM pruned_ids") == [(7, 7)]
        assert await replayed(store, 1) == [(1, "failed_again")]
        await store.discard_letters([1])
        assert await replayed(store, 1) == [(1, "failed_again")]
    assert states(path) == {"id:7": "discarded"}
    assert_accounted_for(path)


async def test_replay_of_the_discarded(opens: Opens, path: Path) -> None:
    """By its number a letter can be tried even after it was given up."""
    async with opens() as store:
        await store.commit([strictly(GOOD), page(scan(8, ParcelId="?"))])
        await store.discard_letters([1, 2])
        assert await replayed(store, 1, 2) == [(1, "applied"), (2, "failed_again")]
    assert states(path) == {"id:7": "replayed", "id:8": "discarded"}


async def test_replay_of_what_is_known_by_now(opens: Opens, path: Path) -> None:
    """A discarded letter whose event has come meanwhile has nothing left to apply."""
    async with opens() as store:
        await store.commit([strictly(GOOD)])
        await store.discard_letters([1])
        await store.commit([page(GOOD)])
        assert states(path) == {"id:7": "discarded"}
        assert await replayed(store, 1) == [(1, "already_known")]
    assert states(path) == {"id:7": "replayed"}
    assert rows(path, "SELECT event_id FROM journal") == [(7,)]


async def test_what_a_replay_brings_to_light(opens: Opens, path: Path) -> None:
    """Letters without an id that turn out to be of one event: the first counts, by content."""
    async with opens() as store:
        nameless = [{**NAMELESS, "Note": text} for text in ("a", "b")]
        await store.commit([page(*nameless, {**NAMELESS, "ParcelId": 6}, BAD)])

        def enlightened(raws: Any, now: float) -> Any:
            return review(
                DECODER, Judge(Catalogue.of()), [raw.replace(b"null", b"7") for raw in raws], now
            )

        outcomes = await replayed(store, 1, 2, 3, rules=enlightened)
    assert outcomes == [(1, "applied"), (2, "already_known"), (3, "failed_again")]
    assert letter(path, 3)["reason"] == "conflict"
    assert states(path)["id:7"] == "superseded"
    assert_accounted_for(path)


# --- given up, and removed ----------------------------------------------------------------


async def test_discard(opens: Opens, path: Path) -> None:
    """It stays given up when it comes again, and is counted; what is closed is left alone."""
    async with opens() as store:
        await store.commit([page(BAD, scan(8, ParcelId="?")), page(scan(8))])
        items = await store.discard_letters([1, 2, 99])
        await store.commit([page(BAD)])
        again = await store.discard_letters([1])
    assert items == [
        Item(1, Outcome.DISCARDED, 7),
        Item(2, Outcome.CLOSED, 8, detail="superseded"),
    ]
    assert again == [Item(1, Outcome.CLOSED, 7, detail="discarded")]
    assert states(path) == {"id:7": "discarded", "id:8": "superseded"}
    assert letter(path)["attempts"] == 2
    assert [act for act, _, _ in story(path)] == ["seen", "discarded"]


async def test_pruning(opens: Opens, path: Path) -> None:
    """Closed letters go when their time has come, with their history; open ones never do."""
    bad = [scan(number, ParcelId="?") for number in range(1, 9)]
    async with opens() as store:
        await store.commit([page(*bad)])
        await store.discard_letters([1, 2, 3, 4, 5])
        closed = dict(rows(path, "SELECT id, closed_at / 1000.0 FROM dead_letters LIMIT 5"))
        assert await store.prune_dead_letters(closed[1], 100) == 0
        later = closed[1] + 1.0
        assert await store.prune_dead_letters(later, 2) == 2
        assert await store.prune_dead_letters(later, 100) == 3
        assert await store.prune_dead_letters(later, 100) == 0
        await store.commit([page(bad[0])])
    assert rows(path, "SELECT id, state FROM dead_letters ORDER BY id") == [
        *((number, "open") for number in (6, 7, 8)),
        (9, "open"),  # numbers are not used twice
    ]
    assert rows(path, "SELECT DISTINCT letter FROM dead_letter_history") == [(6,), (7,), (8,), (9,)]
    with open_reader(path) as reader:
        assert reader.summary()["dead_letters"]["pruned"] == 5


# --- which ones ------------------------------------------------------------------------


async def test_selections(opens: Opens) -> None:
    """Every filter narrows, and they narrow together."""
    async with opens() as store:
        await store.commit(
            [page(scan(1, 5, Type=" "), scan(2, 6, Type=" "), scan(3, 5, CreatedDateTimeUtc="?"))]
        )
        await store.discard_letters([2])
        chosen = {
            name: (await store.choose_letters(selection)).numbers
            for name, selection in {
                "all": Selection(),
                "open": Selection(state=State.OPEN),
                "ids": Selection(ids=(3, 2, 77)),
                "no ids": Selection(ids=()),
                "reason": Selection(reason=Reason.INVALID_FIELD),
                "parcel": Selection(parcel=5),
                "both": Selection(parcel=5, reason=Reason.INVALID_FIELD),
                "since ever": Selection(since=0.0),
                "since tomorrow": Selection(since=1e11),
                "between": Selection(after=1, up_to=2),
            }.items()
        }
    assert chosen == {
        "all": [1, 2, 3],
        "open": [1, 3],
        "ids": [2, 3],
        "no ids": [],
        "reason": [1, 2],
        "parcel": [1, 3],
        "both": [1],
        "since ever": [1, 2, 3],
        "since tomorrow": [],
        "between": [2],
    }


async def test_a_step_is_bounded(opens: Opens) -> None:
    """So many letters at once, or so many bytes, but one at least."""
    huge = [scan(number, ParcelId="x" * (MAX_VOLUME // 3)) for number in (1, 2, 3, 4)]
    small = [scan(number, ParcelId="?") for number in range(10, 11 + AT_ONCE)]
    async with opens() as store:
        await store.commit([page(*huge)])
        await store.commit([page(*small)])
        first, complete = await store.choose_letters(Selection())
        assert (first, complete) == ([1, 2], False)
        rest = await store.choose_letters(Selection(after=4))
        assert (len(rest.numbers), rest.complete) == (AT_ONCE, False)
        last = await store.choose_letters(Selection(after=rest.numbers[-1]))
    assert (len(last.numbers), last.complete) == (1, True)


# --- a store from before ---------------------------------------------------------------------

_OLD = """INSERT INTO dead_letters
    (identity, event_id, reason, detail, raw, asked_from, first_seen, last_seen)
    VALUES (?, ?, ?, 'why', ?, 1, 1000, 2000)"""


def old_store(path: Path) -> None:
    """A store as it was before letters had a life: event 7 and 8 applied, and three letters."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            f"{''.join(migrations()[:2])} PRAGMA application_id = {APPLICATION_ID};"
            " PRAGMA user_version = 2;"
        )
        connection.execute(
            "INSERT INTO journal (event_id, parcel_id, type, created_at, status_code, recorded_at)"
            " VALUES (7, 5, 'PICKUP', '2021', '', 1), (8, 5, 'STATUS', '2021', '', 1)"
        )
        connection.execute(_OLD, ("id:7", 7, "invalid_parcel_id", raw_of(BAD)))
        connection.execute(_OLD, ("id:8", 8, "conflict", raw_of(scan(8))))
        connection.execute(_OLD, ("id:9", 9, "not_in_catalogue", raw_of(scan(9))))
        connection.commit()


def test_letters_from_before(tmp_path: Path) -> None:
    """Migrated, they are open or superseded as they should be, and go on as any other."""
    path = tmp_path / "old.db"
    old_store(path)
    prepare(path, FEED)
    assert states(path) == {"id:7": "superseded", "id:8": "open", "id:9": "open"}
    assert story(path, 1) == [("seen", "invalid_parcel_id", None), ("superseded", None, None)]
    assert story(path, 2) == [("seen", "conflict", None)]
    bad, key = scan(9, ParcelId="?"), ORDERS["event_id"]
    with closing(connect(path)) as connection:
        run(connection, commit([page(bad), page(scan(10, ParcelId="?"))], key, 5.0))
    assert story(path, 3) == [
        ("seen", "not_in_catalogue", json.dumps(scan(9))),
        ("failed_again", "invalid_parcel_id", None),
    ]
    assert letter(path, 4)["event_id"] == 10
