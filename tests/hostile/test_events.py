"""One hostile event among good ones: what becomes of it, and that the others are applied."""

import json
from typing import Any

import pytest

from tests.hostile.carrier import RawCarrier, good, page_of
from tests.hostile.conftest import Follow

MAX = 2**63 - 1


def event(**fields: Any) -> bytes:
    """A good event 4 of parcel 44, but for some fields; `...` leaves one out."""
    document = {
        "EventId": 4,
        "ParcelId": 44,
        "Type": "STATUS",
        "CreatedDateTimeUtc": "2021-05-11T21:11:34.1506147Z",
        "StatusCode": "IN_TRANSIT",
        "Device": {"DeviceTransactionId": 4, "DeviceId": 103},
        "User": {"UserId": "NC1001", "CarrierId": "NC", "RunId": "100"},
    } | fields
    return json.dumps(
        {name: value for name, value in document.items() if value is not ...}
    ).encode()


def with_literal(field: str, literal: bytes) -> bytes:
    """A good event 4, but for a field whose JSON text is given."""
    return event(**{field: "@"}).replace(b'"@"', literal)


def at(text: str) -> bytes:
    return event(CreatedDateTimeUtc=text)


APPLIED = {
    "StatusCode absent": (event(StatusCode=...), {"status_code": ""}),
    "StatusCode null": (event(StatusCode=None), {"status_code": ""}),
    "StatusCode empty": (event(StatusCode=""), {"status_code": ""}),
    "StatusCode a number": (event(StatusCode=7), {"status_code": "7"}),
    "User absent": (event(User=...), {"run_id": None, "user_id": None}),
    "User null": (event(User=None), {"run_id": None}),
    "RunId absent": (event(User={"UserId": "NC1"}), {"run_id": None, "user_id": "NC1"}),
    "RunId a number": (event(User={"RunId": 100}), {"run_id": "100"}),
    "RunId a fraction": (with_literal("User", b'{"RunId": 1.50}'), {"run_id": "1.50"}),
    "Device absent": (event(Device=...), {"device_id": None}),
    "new type": (event(Type="RETURN"), {"type": "RETURN"}),
    "type in odd case": (event(Type=" PickUp "), {"type": "PICKUP"}),
    "ParcelId 2^63-1": (event(ParcelId=MAX), {"parcel_id": MAX}),
    "unknown field": (event(Colour="red"), {}),
    "1e400 in an unknown field": (with_literal("Colour", b"1e400"), {}),
    "200 levels in an unknown field": (with_literal("Colour", b"[" * 200 + b"]" * 200), {}),
    "duplicate key, last counts": (
        event().replace(b'"ParcelId": 44', b'"ParcelId": 43, "ParcelId": 44'),
        {"parcel_id": 44},
    ),
    "no digits": (at("2021-05-11T21:11:34Z"), {"created_at": "2021-05-11T21:11:34.0000000Z"}),
    "3 digits": (at("2021-05-11T21:11:34.150Z"), {"created_at": "2021-05-11T21:11:34.1500000Z"}),
    "7 digits": (at("2021-05-11T21:11:34.1506147Z"), {}),
    "9 digits, cut": (
        at("2021-05-11T21:11:34.150614799Z"),
        {"created_at": "2021-05-11T21:11:34.1506147Z"},
    ),
    "lower-case z": (at("2021-05-11t21:11:34z"), {"created_at": "2021-05-11T21:11:34.0000000Z"}),
    "+13:00": (at("2021-05-11T21:11:34+13:00"), {"created_at": "2021-05-11T08:11:34.0000000Z"}),
    "a space before the offset, and for the T": (
        at("2023-01-01 03:52:48 -13:00"),
        {"created_at": "2023-01-01T16:52:48.0000000Z"},
    ),
    "no offset": (at("2021-05-11T21:11:34"), {"created_at": "2021-05-11T21:11:34.0000000Z"}),
    "a leap second": (at("2016-12-31T23:59:60Z"), {"created_at": "2016-12-31T23:59:60.0000000Z"}),
    "year 0001": (at("0001-01-01T00:00:00Z"), {"created_at": "0001-01-01T00:00:00.0000000Z"}),
    "the last instant": (
        at("9999-12-31T23:59:59.9999999Z"),
        {"created_at": "9999-12-31T23:59:59.9999999Z"},
    ),
}


@pytest.mark.parametrize(("raw", "expected"), APPLIED.values(), ids=APPLIED.keys())
def test_unusual_but_applied(follow: Follow, raw: bytes, expected: dict[str, Any]) -> None:
    """An event that is unusual but clear is applied, with its neighbours."""
    result = follow(RawCarrier({3: good(3), 4: raw, 5: good(5)}))
    assert sorted(result.events) == [3, 4, 5]
    assert result.dead == []
    assert {name: result.events[4][name] for name in expected} == expected


DEAD = {
    "EventId 2^63": (event(EventId=2**63), "invalid_event_id", None),
    "EventId 0": (event(EventId=0), "invalid_event_id", None),
    "EventId negative": (event(EventId=-4), "invalid_event_id", None),
    "EventId a float": (event(EventId=4.0), "invalid_event_id", 4),
    "EventId a fraction": (event(EventId=4.5), "invalid_event_id", None),
    "EventId a numeric string": (event(EventId="4"), "invalid_event_id", 4),
    "EventId a word": (event(EventId="four"), "invalid_event_id", None),
    "EventId true": (event(EventId=True), "invalid_event_id", None),
    "EventId 1e400": (with_literal("EventId", b"1e400"), "invalid_event_id", None),
    "EventId absent": (event(EventId=...), "missing_field", None),
    "ParcelId 2^63": (event(ParcelId=2**63), "invalid_parcel_id", 4),
    "ParcelId 0": (event(ParcelId=0), "invalid_parcel_id", 4),
    "ParcelId negative": (event(ParcelId=-1), "invalid_parcel_id", 4),
    "ParcelId a float": (event(ParcelId=44.0), "invalid_parcel_id", 4),
    "ParcelId a numeric string": (event(ParcelId="44"), "invalid_parcel_id", 4),
    "ParcelId null": (event(ParcelId=None), "missing_field", 4),
    "Type a list": (event(Type=["PICKUP"]), "invalid_field", 4),
    "Type blank": (event(Type="  "), "invalid_field", 4),
    "StatusCode an object": (event(StatusCode={}), "invalid_field", 4),
    "User a string": (event(User="NC1001"), "invalid_field", 4),
    "200 levels for a Type": (with_literal("Type", b"[" * 200 + b"]" * 200), "invalid_field", 4),
    "no object": (b"[1, 2]", "not_an_object", None),
    "null": (b"null", "not_an_object", None),
    "NaN": (with_literal("ParcelId", b"NaN"), "not_json", 4),
    "NaN in an unknown field": (with_literal("Colour", b"NaN"), "not_json", 4),
    "a lone surrogate": (with_literal("StatusCode", rb'"\ud800"'), "not_json", 4),
    "no UTF-8": (with_literal("StatusCode", b'"\xff"'), "invalid_field", 4),
    "5,000 levels": (with_literal("Colour", b"[" * 5000 + b"]" * 5000), "not_json", None),
    "offset beyond a day": (at("2021-05-11T21:11:34+24:00"), "invalid_created_at", 4),
    ":60 in the middle of a day": (at("2021-05-11T21:11:60Z"), "invalid_created_at", 4),
    "year 0001 brought before its time": (
        at("0001-01-01T00:00:00+01:00"),
        "invalid_created_at",
        4,
    ),
    "year 9999 brought beyond it": (at("9999-12-31T23:59:59-01:00"), "invalid_created_at", 4),
    "date only": (at("2021-05-11"), "invalid_created_at", 4),
    "a number for a date": (event(CreatedDateTimeUtc=1620767494), "invalid_created_at", 4),
    "30 February": (at("2021-02-30T00:00:00Z"), "invalid_created_at", 4),
}


@pytest.mark.parametrize(("raw", "reason", "event_id"), DEAD.values(), ids=DEAD.keys())
def test_dead_letter(follow: Follow, raw: bytes, reason: str, event_id: int | None) -> None:
    """An event that is wrong becomes a dead letter, as served; its neighbours are applied."""
    result = follow(RawCarrier({3: good(3), 4: raw, 5: good(5)}))
    assert sorted(result.events) == [3, 5]
    assert result.dead == [(reason, raw, event_id)]
    assert result.cursor == 5


def test_the_greatest_id(follow: Follow) -> None:
    """EventId 2^63-1 alone in a feed is applied."""
    result = follow(RawCarrier({MAX: good(MAX, parcel_id=7)}))
    assert sorted(result.events) == [MAX]


@pytest.mark.parametrize("readable", [True, False])
def test_pages_full_of_malformed_events(follow: Follow, readable: bool) -> None:  # noqa: FBT001
    """Pages full of malformed events are dead letters all, and the feed goes on behind them."""
    bad = {n: event(EventId=n if readable else f"x{n}", ParcelId="?") for n in range(4, 40)}
    elements = {n: good(n) for n in (1, 2, 3, 40, 41)} | bad
    result = follow(RawCarrier(elements), limit=10)
    assert sorted(result.events) == [1, 2, 3, 40, 41]
    assert sorted(raw for _, raw, _ in result.dead) == sorted(bad.values())


def test_two_contents_under_one_id(follow: Follow) -> None:
    """The first content under an EventId is applied, the second is in conflict."""
    second = event(EventId=3, ParcelId=77)
    carrier = RawCarrier({3: good(3) + b"," + second, 5: good(5)})
    result = follow(carrier)
    assert result.events[3]["parcel_id"] == 1003
    assert ("conflict", second, 3) in result.dead
    assert 77 not in result.parcels


def test_the_carrier_serves_what_it_was_given() -> None:
    """The raw carrier's pages hold the elements of the lowest places from the one asked for."""
    carrier = RawCarrier({n: good(n) for n in (1, 2, 3)}, cap=2)
    assert page_of(carrier.chosen(2, 5)) == page_of([good(2), good(3)])
    assert carrier.chosen(1, 5) == [good(1), good(2)]
