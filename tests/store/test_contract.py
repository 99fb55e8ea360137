"""What every store does, in production and in simulation."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from scand.core.coverage import Position
from scand.core.event import MAX_ID, Reason
from scand.core.ledger import Gap, LedgerChange, Outcome, Settled
from scand.core.parcel import Change, Mark, Milestone, Order
from scand.ports import PageResult, Receipt
from scand.store.reading import open_reader
from scand.store.verify import verify
from tests.store.conftest import Opens
from tests.store.pages import at, contents, expected_parcels, many, page, rows
from tests.support.scans import body_of, event_of, scan

ODD_TEXTS = ["", "\0", "a\0b", "\x01\x1f\x7f\x85", "\u2028\ufeff\ufffe\uffff", "🦊", '"\\/']


async def test_fresh(opens: Opens) -> None:
    """A new store has no position and no gaps."""
    async with opens() as store:
        checkpoint = await store.begin()
    assert checkpoint.position is None
    assert checkpoint.gaps == []


async def test_journal_in_page_order(opens: Opens, path: Path) -> None:
    """Events are journaled in the order of the pages, and of the scans within each."""
    async with opens() as store:
        await store.commit([page(scan(5), scan(3)), page(scan(4), scan(9))])
        await store.commit([page(scan(1))])
    assert rows(path, "SELECT seq, event_id FROM journal ORDER BY seq") == [
        (1, 5),
        (2, 3),
        (3, 4),
        (4, 9),
        (5, 1),
    ]


async def test_every_field(opens: Opens, path: Path) -> None:
    """The journal gives back each event with all its fields, and their types."""
    number = scan(7, Device={"DeviceTransactionId": 83269, "DeviceId": "103"})
    text = scan(8, User={"UserId": "NC1001", "CarrierId": "NC", "RunId": 100})
    result = page(number, text, scan(9, User=None, Device=None))
    async with opens() as store:
        await store.commit([result])
    with open_reader(path) as reader:
        assert [row.event for row in reader.journal()] == result.events
    assert result.events[0].device_transaction_id == 83269
    assert result.events[0].device_id == "103"


@pytest.mark.parametrize("reopen", [False, True])
async def test_load(opens: Opens, reopen: bool) -> None:  # noqa: FBT001
    """What was committed is loaded again, by this store and by the next on the same file."""
    gaps = [Gap(4, 6, 1620000000.25), Gap(11, MAX_ID, 1620000001.0)]
    result = page(scan(3), cursor=12, ledger=LedgerChange(put=list(reversed(gaps))))
    async with opens() as store:
        await store.commit([result])
        checkpoint = await store.begin()
    if reopen:
        async with opens() as store:
            checkpoint = await store.begin()
    assert checkpoint.position == Position(12, anchored=True, high=12)
    assert checkpoint.gaps == gaps


async def test_unanchored(opens: Opens) -> None:
    """A cursor that is no event's id is loaded as such."""
    result = page()
    result = PageResult([], {}, [], 1, result.body, Position(0, anchored=False), LedgerChange())
    async with opens() as store:
        await store.commit([result])
        assert (await store.begin()).position[:2] == (0, False)


async def test_ledger(opens: Opens, path: Path) -> None:
    """Gaps are opened, replaced and removed page by page, and how each ended is kept."""
    opened = LedgerChange(put=[Gap(2, 4, 100.0), Gap(6, 9, 100.0)])
    filled = Settled(Outcome.FILLED, 3, 3, 100.0, 101.5)
    split = LedgerChange([2], [Gap(2, 2, 100.0), Gap(4, 4, 100.0)], [filled])
    given_up = Settled(Outcome.GIVEN_UP, 6, 9, 100.0, 700.0)
    async with opens() as store:
        await store.commit([page(ledger=opened, history=5), page(ledger=split, history=2)])
        assert (await store.begin()).gaps == [Gap(2, 2, 100.0), Gap(4, 4, 100.0), Gap(6, 9, 100.0)]
        await store.commit([page(ledger=LedgerChange(removed=[6], settled=[given_up]))])
        assert (await store.begin()).gaps == [Gap(2, 2, 100.0), Gap(4, 4, 100.0)]
    assert rows(path, "SELECT outcome, low, high, since, settled_at FROM settled_gaps") == [
        ("filled", 3, 3, 100.0, 101_500),
        ("given_up", 6, 9, 100.0, 700_000),
    ]
    assert rows(path, "SELECT missing_history FROM feed") == [(7,)]


async def test_empty_page(opens: Opens, path: Path) -> None:
    """A page without events moves the cursor and nothing else."""
    before = contents(path)
    async with opens() as store:
        assert await store.commit([page(cursor=12)]) == Receipt(milestones=[])
    after = contents(path)
    assert after.pop("feed") != before.pop("feed")
    assert after == before


async def test_duplicates(opens: Opens, path: Path) -> None:
    """An event is journaled once, whether it comes twice in a page, a commit or a lifetime."""
    once = [scan(1, 1, "PICKUP"), scan(2, 2)]
    async with opens() as store:
        receipt = await store.commit([page(*once, *once), page(*once)])
        assert (receipt.applied, receipt.duplicates, receipt.conflicts) == (2, 4, 0)
        before = contents(path)
        receipt = await store.commit([page(*once), page(scan(2, 2))])
        twice = [event for each in (page(*once), page(scan(2, 2))) for event in each.events]
        assert receipt == Receipt(duplicates=3, milestones=[], repeated=tuple(twice))
    assert contents(path) == before


@pytest.mark.parametrize("together", ["in one page", "in one commit", "in two commits"])
@pytest.mark.parametrize("loser_parcel", [1, 2])
async def test_conflict(opens: Opens, path: Path, together: str, loser_parcel: int) -> None:
    """The first content of an id wins; the other is a dead letter that keeps its bytes."""
    winner = scan(7, 1, "PICKUP")
    loser = scan(7, loser_parcel, "DELIVERY", Unknown="kept as served")
    known, new = scan(5, 2, "STATUS"), scan(8, 3, "STATUS")
    pages = {
        "in one page": [[page(known, winner, loser, new)]],
        "in one commit": [[page(known, winner), page(loser, new)]],
        "in two commits": [[page(known, winner)], [page(loser, new)]],
    }[together]
    async with opens() as store:
        receipts = [await store.commit(commit) for commit in pages]
    assert sum(receipt.conflicts for receipt in receipts) == 1
    assert sum(receipt.applied for receipt in receipts) == 3
    assert rows(path, "SELECT * FROM parcels ORDER BY parcel_id") == expected_parcels(
        [event_of(7, 1, "PICKUP"), event_of(5, 2), event_of(8, 3)], "event_id"
    )
    sql = "SELECT identity, event_id, reason, raw, attempts FROM dead_letters"
    raw = body_of(loser)[len(b'{"ScanEvents": [') : -len(b"]}")]
    assert rows(path, sql) == [("id:7", 7, "conflict", raw, 1)]


async def test_conflict_counted_once(opens: Opens, path: Path) -> None:
    """Each time that a conflicting event is served counts once, however the pages are committed."""
    async with opens() as store:
        await store.commit([page(scan(7, 1))])
        receipt = await store.commit([page(scan(7, 2)), page(scan(7, 2), scan(7, 2), scan(7, 1))])
    assert (receipt.conflicts, receipt.dead_letters, receipt.duplicates) == (3, 3, 1)
    assert rows(path, "SELECT attempts FROM dead_letters") == [(3,)]


async def test_dead_letters(opens: Opens, path: Path) -> None:
    """A dead letter exists once per id or content, counts its attempts, keeps the last reason."""
    nameless, named = {"EventId": None}, scan(4, ParcelId="?")
    renamed = scan(4, CreatedDateTimeUtc="?")
    async with opens() as store:
        receipt = await store.commit([page(nameless, named, asked_from=3)])
        assert receipt.dead_letters == 2
        await store.commit([page(nameless), page(nameless, renamed, asked_from=9)])
    sql = "SELECT identity, event_id, reason, attempts, asked_from, state FROM dead_letters"
    nameless_row, named_row = rows(path, sql + " ORDER BY id")
    assert nameless_row[0].startswith("sha256:")
    assert nameless_row[1:] == (None, "missing_field", 3, 3, "open")
    assert named_row == ("id:4", 4, "invalid_created_at", 2, 3, "open")
    ((first_seen, last_seen),) = rows(
        path, "SELECT first_seen, last_seen FROM dead_letters WHERE event_id = 4"
    )
    assert first_seen <= last_seen


async def test_dead_letters_keep_their_number(opens: Opens, path: Path) -> None:
    """A dead letter that comes again does not use up numbers for the ones after it."""
    async with opens() as store:
        await store.commit([page(scan(1, ParcelId="?"))])
        await store.commit([page(scan(1, ParcelId="?"), scan(2, ParcelId="?"))])
    assert rows(path, "SELECT event_id FROM dead_letters ORDER BY id") == [(1,), (2,)]


async def test_milestones(opens: Opens, path: Path) -> None:
    """A milestone stands in the journal row that caused it, and in the receipt."""
    async with opens() as store:
        receipt = await store.commit(
            [page(scan(1, 5), scan(2, 5, "PICKUP"), scan(3, 5, "PICKUP"), scan(4, 5, "DELIVERY"))]
        )
    instant = event_of(1).created_at
    assert dict(receipt.milestones) == {
        2: Change(Milestone.PICKED_UP, Mark(2, instant), None),
        4: Change(Milestone.DELIVERED, Mark(4, instant), None),
    }
    assert rows(path, "SELECT event_id, milestone, corrects FROM journal ORDER BY seq") == [
        (1, None, None),
        (2, "picked_up", None),
        (3, None, None),
        (4, "delivered", None),
    ]


@pytest.mark.parametrize("order", ["event_id", "created_at"])
async def test_correction(opens: Opens, path: Path, order: Order) -> None:
    """A late event that changes a milestone says which instant it corrects."""
    seen = scan(9, 5, "PICKUP", CreatedDateTimeUtc=at(30))
    late = scan(3, 5, "PICKUP", CreatedDateTimeUtc=at(10))
    neither = scan(10, 5, "PICKUP", CreatedDateTimeUtc=at(40))
    async with opens(order) as store:
        await store.commit([page(seen, order=order)])
        receipt = await store.commit([page(late, order=order)])
        await store.commit([page(neither, order=order)])
    ((cause, change),) = receipt.milestones
    assert (cause, change.old) == (3, Mark(9, event_of(9, CreatedDateTimeUtc=at(30)).created_at))
    assert rows(path, "SELECT event_id, milestone, corrects FROM journal ORDER BY seq") == [
        (9, "picked_up", None),
        (3, "picked_up", at(30)),
        (10, None, None),
    ]


async def test_orders_differ(opens: Opens, path: Path) -> None:
    """With `created_at`, the event with the greatest date is the latest, whatever its id."""
    pages = [
        page(scan(9, 5, CreatedDateTimeUtc=at(10)), order="created_at"),
        page(scan(3, 5, CreatedDateTimeUtc=at(20)), order="created_at"),
    ]
    async with opens("created_at") as store:
        for each in pages:
            await store.commit([each])
    assert rows(path, "SELECT event_id FROM parcels") == [(3,)]


async def test_seq_is_never_reused(opens: Opens, path: Path) -> None:
    """A row of the journal that is gone leaves its number behind."""
    async with opens() as store:
        await store.commit([page(*many(1, 5))])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM journal WHERE seq > 3")
    async with opens() as store:
        await store.commit([page(scan(6))])
    assert rows(path, "SELECT seq, event_id FROM journal WHERE seq > 3") == [(6, 6)]


async def test_large_commit(opens: Opens, path: Path) -> None:
    """A commit holds more rows than a statement can have parameters."""
    scans = many(1, 5_000, parcels=4_000)
    bad = [scan(number, ParcelId="?") for number in range(10_001, 15_001)]
    gaps = [Gap(number, number, 1.0) for number in range(20_000, 40_000, 2)]
    ledger = LedgerChange(put=gaps, settled=[Settled(Outcome.FILLED, *gap, 2.0) for gap in gaps])
    result = page(*scans, *bad, ledger=ledger)
    async with opens() as store:
        receipt = await store.commit([result])
        assert (await store.begin()).gaps == gaps
        again = await store.commit([result])
    assert (receipt.applied, receipt.dead_letters) == (5_000, 5_000)
    assert (again.applied, again.duplicates) == (0, 5_000)
    with open_reader(path) as reader:
        assert [row.event for row in reader.journal()] == result.events
        assert verify(reader).ok
    assert rows(path, "SELECT * FROM parcels") == expected_parcels(result.events, "event_id")


@pytest.mark.parametrize("text", [*ODD_TEXTS, "x" * 1_000_000], ids=repr)
async def test_odd_texts(opens: Opens, path: Path, text: str) -> None:
    """Any text survives in the journal, in the parcel, and when the parcel is read to be joined."""
    user = {"UserId": text, "CarrierId": text, "RunId": text}
    device = {"DeviceId": text, "DeviceTransactionId": text}
    latest = scan(MAX_ID, MAX_ID, f"x{text}", StatusCode=text, User=user, Device=device)
    async with opens() as store:
        await store.commit([page(latest)])
        await store.commit([page(scan(1, MAX_ID, "PICKUP"), latest)])
    event = page(latest).events[0]
    with open_reader(path) as reader:
        assert next(iter(reader.journal())).event == event
        assert verify(reader).ok
        state = reader.parcel(MAX_ID)
    assert state is not None
    assert state.picked_up is not None
    assert (state.latest.type, state.latest.status_code) == (event.type, event.status_code)
    assert (state.latest.event_id, state.latest.run_id) == (MAX_ID, event.run_id)


async def test_two_writers(opens: Opens, path: Path) -> None:
    """Tasks that commit at the same time take turns."""
    async with opens() as store, trio.open_nursery() as nursery:
        for first in range(1, 101, 10):
            nursery.start_soon(store.commit, [page(*many(first, 10))])
    with open_reader(path) as reader:
        result = verify(reader)
    assert (result.ok, result.events) == (True, 100)


async def test_conflict_reason_is_named(opens: Opens, path: Path) -> None:
    """The letter of a conflict says so in words, for those who read it."""
    async with opens() as store:
        await store.commit([page(scan(1, 1), scan(1, 2))])
    ((reason, detail),) = rows(path, "SELECT reason, detail FROM dead_letters")
    assert reason == Reason.CONFLICT
    assert "EventId" in detail


async def test_counts_the_generations_that_begin_at_one_place(opens: Opens) -> None:
    """Each start counts, until the cursor moves; a commit that does not move it changes nothing."""
    async with opens() as store:
        assert [(await store.begin()).attempts for _ in range(3)] == [1, 2, 3]
        await store.commit([page(scan(1))])
        assert (await store.begin()).attempts == 1
        await store.commit([page(scan(1))])
        assert (await store.begin()).attempts == 2
    async with opens() as store:
        assert (await store.begin()).attempts == 3


async def test_a_part_of_a_page_leaves_the_cursor(opens: Opens) -> None:
    """What a page holds may become durable before the page as a whole does."""
    async with opens() as store:
        await store.commit([page(scan(1))])
        await store.commit([replace(page(scan(2), scan(3)), position=None)])
        assert (await store.begin()).position.cursor == 1
        receipt = await store.commit([page(scan(2), scan(3), scan(4))])
    assert (receipt.applied, receipt.duplicates) == (1, 2)
