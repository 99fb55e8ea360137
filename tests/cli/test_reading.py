"""The commands that read a store: parcel, export, verify, status."""

import csv
import io
import json

import pytest

from scand.core.ledger import Gap
from tests.support.commands import Call, Shop
from tests.support.scans import scan

SCANS = [
    scan(
        83269,
        5002,
        "PICKUP",
        User={"UserId": "NC1001", "CarrierId": "NC", "RunId": "100"},
        Device={"DeviceTransactionId": 83269, "DeviceId": 103},
    ),
    scan(83270, 5003, StatusCode="IN_TRANSIT", CreatedDateTimeUtc="2023-01-01T03:52:48 -13:00"),
    scan(
        83272,
        5002,
        "DELIVERY",
        StatusCode="DELIVERED",
        CreatedDateTimeUtc="2021-05-11T22:00:00Z",
        User={"RunId": 7},
    ),
    scan(83273, 5002, ParcelId=None),
]


@pytest.fixture
def kept(shop: Shop) -> Shop:
    shop.keep(*SCANS, gaps=[Gap(83271, 83271, 1.0)])
    return shop


# --- parcel ----------------------------------------------------------------------


def test_parcel_as_json(kept: Shop, call: Call) -> None:
    """State and history, in the form that is promised."""
    done = call("parcel", 5002, "--json", *kept.options)
    assert done.status == 0
    document = json.loads(done.out)
    history = document.pop("history")
    assert document == {
        "parcel_id": 5002,
        "latest": {
            "event_id": 83272,
            "type": "DELIVERY",
            "status_code": "DELIVERED",
            "created_at": "2021-05-11T22:00:00.0000000Z",
            "run_id": "7",
        },
        "picked_up_at": "2021-05-11T21:11:34.1506147Z",
        "delivered_at": "2021-05-11T22:00:00.0000000Z",
    }
    assert [(event["event_id"], event["milestone"]) for event in history] == [
        (83269, "picked_up"),
        (83272, "delivered"),
    ]
    assert history[0]["carrier_id"] == "NC"
    assert history[0]["device_id"] == 103


def test_parcel_as_text(kept: Shop, call: Call) -> None:
    """For people: the state in three lines, then a line per event with its milestone."""
    done = call("parcel", 5002, *kept.options)
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[:3] == [
        ["parcel", "5002:", "DELIVERY", "DELIVERED"],
        ["picked", "up", "2021-05-11T21:11:34.1506147Z"],
        ["delivered", "2021-05-11T22:00:00.0000000Z"],
    ]
    assert lines[4:] == [
        ["2021-05-11T21:11:34.1506147Z", "83269", "PICKUP", "100", "picked_up"],
        ["2021-05-11T22:00:00.0000000Z", "83272", "DELIVERY", "DELIVERED", "7", "delivered"],
    ]


def test_parcel_shows_what_the_carrier_wrote(shop: Shop, call: Call) -> None:
    """Brackets and colons in a status code are text, not markup, and nothing is cut off."""
    shop.keep(scan(1, 9, StatusCode="[/b] :truck: [red]" + "X" * 60))
    done = call("parcel", 9, *shop.options)
    assert done.status == 0
    assert done.out.count("[/b] :truck: [red]" + "X" * 60) == 2


def test_an_unknown_parcel(kept: Shop, call: Call) -> None:
    """A parcel that was never scanned is a failure with a message."""
    done = call("parcel", 1, *kept.options)
    assert (done.status, done.out) == (1, "")
    assert done.err == "scand: parcel 1 is not known\n"


# --- export ------------------------------------------------------------------------


def test_export_parcels_as_json_lines(kept: Shop, call: Call) -> None:
    """One parcel per line, by id, as `scand parcel --json` says it, without history."""
    lines = call("export", "parcels", *kept.options).out.splitlines()
    documents = [json.loads(line) for line in lines]
    assert [document["parcel_id"] for document in documents] == [5002, 5003]
    alone = json.loads(call("parcel", 5002, "--json", *kept.options).out)
    del alone["history"]
    assert documents[0] == alone
    assert documents[1]["latest"]["created_at"] == "2023-01-01T16:52:48.0000000Z"
    assert documents[1]["delivered_at"] is None


def test_export_events_as_json_lines(kept: Shop, call: Call) -> None:
    """One event per line, in commit order."""
    lines = call("export", "events", "--format", "jsonl", *kept.options).out.splitlines()
    documents = [json.loads(line) for line in lines]
    assert [(each["seq"], each["event_id"]) for each in documents] == [
        (1, 83269),
        (2, 83270),
        (3, 83272),
    ]


@pytest.mark.parametrize("what", ["parcels", "events"])
def test_export_as_csv(kept: Shop, call: Call, what: str) -> None:
    """The same, with a header line; nothing nested, nothing for null."""
    done = call("export", what, "--format", "csv", *kept.options)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    lines = call("export", what, *kept.options).out.splitlines()
    assert len(rows) == len(lines)
    first = json.loads(lines[0])
    latest = first.pop("latest", {})
    flat = first | {f"latest_{name}": value for name, value in latest.items()}
    assert rows[0] == {name: "" if value is None else str(value) for name, value in flat.items()}


# --- verify ------------------------------------------------------------------------


def test_verify_a_sound_store(kept: Shop, call: Call) -> None:
    """What was never touched is the fold of its journal."""
    done = call("verify", *kept.options)
    assert done.status == 0
    assert done.out.startswith("ok: 2 parcels are the fold of 3 events\nsha256 ")
    document = json.loads(call("verify", "--json", *kept.options).out)
    assert (document["ok"], document["parcels"], document["events"]) == (True, 2, 3)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE parcels SET status_code = 'LOST' WHERE parcel_id = 5002",
        "UPDATE parcels SET delivered_at = NULL, delivered_event_id = NULL WHERE parcel_id = 5002",
        "DELETE FROM parcels WHERE parcel_id = 5002",
        "DELETE FROM journal WHERE event_id = 83272",
        "UPDATE journal SET parcel_id = 5002, event_id = 83280 WHERE event_id = 83270",
    ],
)
def test_verify_a_store_that_was_tampered_with(kept: Shop, call: Call, sql: str) -> None:
    """A difference between parcels and journal is named, with exit status 1."""
    kept.tamper(sql)
    done = call("verify", *kept.options)
    assert done.status == 1
    assert "differ" in done.out
    assert "5002" in done.out
    assert json.loads(call("verify", "--json", *kept.options).out)["ok"] is False


# --- status ------------------------------------------------------------------------


def test_status_without_a_daemon(kept: Shop, call: Call) -> None:
    """The durable half, from the store."""
    done = call("status", "--json", *kept.options)
    document = json.loads(done.out)
    names = {"cursor", "lag_seconds", "gaps", "breaker", "shards", "sinks", "dead_letters"}
    assert names <= document.keys()
    assert (document["cursor"], document["events"], document["parcels"]) == (83273, 3, 2)
    assert document["gaps"]["open_ids"] == 1
    dead = document["dead_letters"]
    assert (dead["open"], dead["by_reason"]) == (1, {"missing_field": 1})
    assert (document["daemon"], document["breaker"], document["lag_seconds"]) == (None,) * 3
    text = call("status", *kept.options).out
    assert "not running" in text
    assert "83273" in text
    assert "missing_field 1" in text


def test_status_of_a_store_that_has_seen_nothing(kept: Shop, call: Call) -> None:
    """There is no cursor yet, and that is not called None."""
    kept.tamper("UPDATE feed SET cursor = NULL")
    done = call("status", *kept.options)
    assert done.status == 0
    assert "None" not in done.out
