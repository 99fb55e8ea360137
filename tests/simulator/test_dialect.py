"""Carriers that differ from the sample's: what they serve, and how it is written as text."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from scand.simulator import DataFaults, Dialect, World, create_app, parse_dialect
from scand.simulator.app import EVENTS_PATH
from scand.simulator.world import UnknownIdError

MakeWorld = Callable[..., World]

RENAMED = Dialect(
    names={
        "events": "data.items",
        "event_id": "id",
        "parcel_id": "parcel.id",
        "status_code": "parcel.status",
        "run_id": "run",
        "carrier_id": "carrier",
        "user_id": "user",
    }
)


def page(world: World, from_id: int | str, limit: int = 1000) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(world.page(from_id, limit).body)["ScanEvents"]
    return found


# --- ids ---------------------------------------------------------------------------


def test_opaque_ids_are_uuids_in_an_order_of_their_own(make_world: MakeWorld) -> None:
    """Each event has one, the same for the same seed, and they are not sorted."""
    one, same, other = (
        make_world(events=200, seed=seed, dialect=Dialect(opaque=True)) for seed in (1, 1, 2)
    )
    ids = [event["EventId"] for event in page(one, "")]
    assert len(set(ids)) == 200
    assert all(len(each) == 36 for each in ids)
    assert ids != sorted(ids)
    assert one.page("", 10) == same.page("", 10) != other.page("", 10)
    assert one.head == ids[-1]


def test_an_opaque_page_begins_with_the_event_asked_for(make_world: MakeWorld) -> None:
    """Then come those behind it in the feed; of an unknown id, nothing is known."""
    world = make_world(events=50, dialect=Dialect(opaque=True))
    ids = [event["EventId"] for event in page(world, "")]
    assert [event["EventId"] for event in page(world, ids[7], 5)] == ids[7:12]
    assert [event["EventId"] for event in page(world, ids[-1])] == ids[-1:]
    with pytest.raises(UnknownIdError):
        world.page("nobody", 5)


def test_the_traffic_is_the_same_under_any_dialect(make_world: MakeWorld) -> None:
    """Only the ids differ, in what is served and in what is true."""
    plain, opaque = (make_world(events=300, dialect=Dialect(opaque=each)) for each in (False, True))
    assert [event["ParcelId"] for event in page(plain, 1)] == [
        event["ParcelId"] for event in page(opaque, "")
    ]
    ids = {event["EventId"] for event in page(opaque, "")}
    for number, parcel in opaque.oracle("created_at").items():
        assert parcel["latest"]["event_id"] in ids
        twin = plain.oracle("created_at")[number]
        assert parcel["latest"]["created_at"] == twin["latest"]["created_at"]


def test_a_late_event_of_an_opaque_feed_comes_at_its_end(make_world: MakeWorld) -> None:
    """A feed without an order of ids can only append."""
    world = make_world(
        events=100, history=10.0, dialect=Dialect(opaque=True), faults=DataFaults(late=0.3)
    )
    before = [event["EventId"] for event in page(world, "")]
    world.freeze()
    after = [event["EventId"] for event in page(world, "")]
    assert after[: len(before)] == before
    assert len(after) == 100 > len(before)


def test_a_malformed_opaque_id_is_none(make_world: MakeWorld) -> None:
    """What is broken for numbers would do for text."""
    faults = DataFaults(malformed=1.0)
    world = make_world(events=300, dialect=Dialect(opaque=True), faults=faults)
    ids = {event["EventId"] for event in page(world, "") if event["EventId"] is not None}
    assert "" in ids
    assert "unreadable" not in ids
    world.repair()
    assert "" not in {event["EventId"] for event in page(world, "")}


# --- names ----------------------------------------------------------------------------


def test_fields_have_other_names(make_world: MakeWorld) -> None:
    """Everything is there, elsewhere; objects that are empty then are gone."""
    plain, renamed = make_world(events=5), make_world(events=5, dialect=RENAMED)
    sample = page(plain, 1)[0]
    event = json.loads(renamed.page(1, 1).body)["data"]["items"][0]
    assert event == {
        "Type": sample["Type"],
        "CreatedDateTimeUtc": sample["CreatedDateTimeUtc"],
        "Device": sample["Device"],
        "id": sample["EventId"],
        "parcel": {"id": sample["ParcelId"], "status": sample["StatusCode"]},
        "run": sample["User"]["RunId"],
        "carrier": sample["User"]["CarrierId"],
        "user": sample["User"]["UserId"],
    }


def test_faults_speak_the_dialect(make_world: MakeWorld) -> None:
    """A malformed event is broken under its new names, and repaired under them."""
    faults = DataFaults(malformed=1.0)
    world = make_world(events=200, dialect=RENAMED, faults=faults)
    broken = json.loads(world.page(1, 1000).body)["data"]["items"]
    assert all("EventId" not in event and "ParcelId" not in event for event in broken)
    assert {type(event.get("parcel", {}).get("id")) for event in broken} >= {int, str, type(None)}
    world.repair()
    whole = json.loads(world.page(1, 1000).body)["data"]["items"]
    assert [event["id"] for event in whole] == list(range(1, 201))


def test_a_bare_page_is_an_array(make_world: MakeWorld) -> None:
    """Without an object around it."""
    world = make_world(events=3, dialect=Dialect(bare=True))
    assert [event["EventId"] for event in json.loads(world.page(1, 2).body)] == [1, 2]
    assert world.page(9, 2).body == b"[]"


def test_an_exclusive_page_begins_after_the_id(make_world: MakeWorld) -> None:
    """FromEventId is left out."""
    world = make_world(events=5, dialect=Dialect(exclusive=True))
    assert [event["EventId"] for event in page(world, 2)] == [3, 4, 5]
    assert [event["EventId"] for event in page(world, 0, 1)] == [1]


# --- over HTTP --------------------------------------------------------------------------


@pytest.fixture
def ask(make_world: MakeWorld) -> Callable[..., Any]:
    """Ask a world that speaks a dialect."""

    async def ask(dialect: Dialect, **params: object) -> httpx.Response:
        app = create_app(make_world(events=5, dialect=dialect))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://c") as client:
            return await client.get(EVENTS_PATH, params=params)

    return ask


@pytest.mark.parametrize("head", [200, 204, 404])
async def test_nothing_new_has_a_status(ask: Any, head: int) -> None:
    """A page without events is an empty one, or none at all."""
    empty = await ask(Dialect(head=head), FromEventId=9)
    assert empty.status_code == head
    assert (empty.content == b'{"ScanEvents":[]}') == (head == 200)
    assert (await ask(Dialect(head=head), FromEventId=5)).status_code == 200


async def test_an_unknown_opaque_id_is_not_found(ask: Any) -> None:
    """The beginning needs none."""
    opaque = Dialect(opaque=True)
    assert (await ask(opaque, FromEventId="nobody")).status_code == 404
    assert len((await ask(opaque)).json()["ScanEvents"]) == 5


# --- as text ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("", Dialect()),
        ("opaque", Dialect(opaque=True)),
        ("exclusive, head=204", Dialect(exclusive=True, head=204)),
        ("bare,head=404", Dialect(bare=True, head=404)),
        ("opaque,event_id=id", Dialect(opaque=True, names={"event_id": "id"})),
        ("events=a.b, run_id=x y", Dialect(names={"events": "a.b", "run_id": "x y"})),
    ],
)
def test_a_dialect_is_words_and_names(text: str, dialect: Dialect) -> None:
    """As `scand simulate --dialect` takes it."""
    assert parse_dialect(text) == dialect


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("klingon", "unknown dialect 'klingon': known are opaque"),
        ("opaque=yes", "unknown dialect 'opaque=yes'"),
        ("event_id", "unknown dialect 'event_id'"),
        ("head=500", "500 is not one of 200, 204, 404"),
        ("head=", " is not one of"),
        ("run_id=a..b", "dialect run_id: 'a..b'"),
        ("run_id=", "dialect run_id: ''"),
    ],
)
def test_what_is_no_dialect(text: str, said: str) -> None:
    """The message names the culprit."""
    with pytest.raises(ValueError, match="dialect") as error:
        parse_dialect(text)
    assert said in str(error.value)
