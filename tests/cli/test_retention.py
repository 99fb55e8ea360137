"""What the commands say of a store that was pruned, and of how complete it is."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scand.core.ledger import Gap, Outcome, Settled
from scand.core.parcel import ORDERS
from scand.store.commit import write_settled
from scand.store.opening import connect
from scand.store.pruning import prune_events
from scand.store.transaction import run
from tests.support.commands import Call, Shop
from tests.support.parts import NOON
from tests.support.scans import scan


@pytest.fixture
def kept(shop: Shop) -> Shop:
    """Return a store with a gap and a dead letter; all but the newest events were pruned."""
    shop.keep(scan(1, 5, "PICKUP"), scan(2, 6), scan(3, 5))
    shop.keep(scan(4, 5, "DELIVERY"), scan(5, 6), scan(7, 6), scan(8, 6))
    shop.keep(scan(9, ParcelId="?"), gaps=[Gap(6, 6, NOON)])
    with closing(connect(shop.store)) as connection:
        run(connection, prune_events(NOON + 1, 3, ORDERS["event_id"]))
    return shop


def settle(shop: Shop, *late: float) -> None:
    """Ids were found so late, in seconds."""
    with closing(connect(shop.store)) as connection:
        found = [Settled(Outcome.FILLED, 1, 1, NOON, NOON + each) for each in late]
        run(connection, write_settled(found))


def said(shop: Shop, call: Call, *arguments: object) -> str:
    done = call(*arguments, *shop.options)
    assert done.status == 0, done.err
    return done.out


# --- what was pruned ----------------------------------------------------------------


def test_a_parcel_says_what_was_pruned_of_it(kept: Shop, call: Call) -> None:
    """Its state is whole, its history is not, and that is said."""
    text = said(kept, call, "parcel", 5)
    assert "2 earlier events were pruned" in text
    assert "picked up  2021-05-11T21:11:34.1506147Z" in text
    document = json.loads(said(kept, call, "parcel", 5, "--json"))
    assert document["pruned_events"] == 2
    assert [each["event_id"] for each in document["history"]] == [4]


def test_a_parcel_with_its_whole_history_says_nothing(shop: Shop, call: Call) -> None:
    """Where nothing was pruned, the document is as it always was."""
    shop.keep(scan(1, 5))
    assert "pruned" not in said(shop, call, "parcel", 5)
    assert "pruned_events" not in json.loads(said(shop, call, "parcel", 5, "--json"))


def test_verify_tells_the_pruned_from_the_others(kept: Shop, call: Call) -> None:
    """The proof is of base and journal."""
    text = said(kept, call, "verify")
    assert "2 parcels are the fold of 4 events, and of 3 that were pruned" in text
    document = json.loads(said(kept, call, "verify", "--json"))
    assert (document["events"], document["pruned_events"]) == (4, 3)


def test_verify_tells_a_damaged_file(kept: Shop, call: Call) -> None:
    """Damage that no event or parcel shows is found, with what to do about it."""
    with closing(sqlite3.connect(kept.store)) as connection:
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'audit'")
    with kept.store.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\0" * 4096)
    done = call("verify", *kept.options)
    assert done.status == 2
    assert "is damaged" in done.err
    assert "backup" in done.err


def test_the_status_counts_what_was_pruned(kept: Shop, call: Call) -> None:
    """Beside what is left."""
    assert "4, of 2 parcels; 3 older events were pruned" in said(kept, call, "status")
    assert json.loads(said(kept, call, "status", "--json"))["pruned_events"] == 3


# --- how complete it is ---------------------------------------------------------------


def test_the_status_says_how_complete_it_is(kept: Shop, call: Call) -> None:
    """In one sentence, and as an object."""
    text = said(kept, call, "status")
    assert (
        "complete      up to EventId 5, with 1 open gaps (1 ids), 0 ids given up,"
        " 1 open dead letters, as of 20"
    ) in text
    document = json.loads(said(kept, call, "status", "--json"))["completeness"]
    assert (document.pop("as_of")[:2], document.pop("complete_up_to")) == ("20", 5)
    assert document == {
        "open_gaps": 1,
        "open_gap_ids": 1,
        "given_up_ids": 0,
        "lost_ids": 0,
        "skipped_ids": 0,
        "history_ids": 0,
        "open_dead_letters": 1,
    }


def test_what_is_rare_is_said_where_it_is(kept: Shop, call: Call) -> None:
    """Ids that were lost or skipped end no claim, but belong to it."""
    call("cursor", "set", 17, "--yes", *kept.options)
    assert "0 ids given up, 8 skipped, 1 open dead letters" in said(kept, call, "status")


@pytest.mark.parametrize("style", ["jsonl", "csv"])
@pytest.mark.parametrize(("what", "rows"), [("events", 4), ("parcels", 2)])
def test_an_export_can_be_stamped(
    kept: Shop, call: Call, tmp_path: Path, what: str, rows: int, style: str
) -> None:
    """With what is known of its completeness, and what was exported."""
    stamp = tmp_path / "stamp.json"
    plain = said(kept, call, "export", what, "--format", style)
    assert said(kept, call, "export", what, "--format", style, "--stamp", stamp) == plain
    document: dict[str, Any] = json.loads(stamp.read_text())
    known = json.loads(said(kept, call, "status", "--json"))["completeness"]
    assert document.pop("as_of") <= known.pop("as_of")
    assert document == known | {
        "kind": what,
        "rows": rows,
        "last_seq": 7,
        "pruned_events": 3,
    }


def test_an_export_that_fails_has_no_stamp(
    kept: Shop, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even an old one."""
    stamp = tmp_path / "stamp.json"
    said(kept, call, "export", "events", "--stamp", stamp)
    monkeypatch.setattr("scand.cli.export.event_document", fail)
    assert call("export", "events", "--stamp", stamp, *kept.options).status == 1
    assert stamp.read_text() == ""


def fail(_: object) -> None:
    raise OSError("No space left on device")


def test_a_stamp_that_cannot_be_written_is_told_first(kept: Shop, call: Call) -> None:
    """Before anything is exported."""
    done = call("export", "events", "--stamp", "/nowhere/stamp", *kept.options)
    assert (done.status, done.out) == (2, "")
    assert "/nowhere/stamp" in done.err


# --- how late ids were ------------------------------------------------------------------


def test_the_status_says_which_window_was_needed(kept: Shop, call: Call) -> None:
    """Beside the window that is set; there is nothing to be warned of."""
    assert "late ids      none yet; late_window is 600 s" in said(kept, call, "status")
    settle(kept, 1.0, 2.0, 4.0)
    text = said(kept, call, "status")
    assert "found after 2.0 s (p50), 4.0 s (p99), 4.0 s (max) at the most" in text
    assert "late_window is 600 s" in text
    assert "WARNING" not in text
    late = json.loads(said(kept, call, "status", "--json"))["lateness"]
    assert (late["found"], late["p50"], late["p99"], late["max"]) == (3, 2.0, 4.0, 4.0)
    assert (late["late_window"], late["near_edge"]) == (600.0, 0)


def test_the_status_warns_near_the_edge(kept: Shop, call: Call) -> None:
    """With how many came so late, when the last did, and what to do."""
    settle(kept, 1.0, 490.0, 590.0)
    text = said(kept, call, "status")
    assert "WARNING     2 of the last 3 late ids were found after more than 80% of" in text
    assert "the last at 2021-05-12T12:09:50.0000000Z" in text
    assert "feed.late_window" in text
