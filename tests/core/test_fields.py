"""Carriers that give our fields other names: what is decoded is the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scand.core.decode import Body, Decoder, Undecodable
from scand.core.event import Reason, Rejected, ScanEvent
from scand.core.fields import SAMPLE, FieldMap
from scand.core.tolerant import salvage

GOOD: dict[str, Any] = {
    "EventId": 83269,
    "ParcelId": 5002,
    "Type": "PICKUP",
    "CreatedDateTimeUtc": "2021-05-11T21:11:34.1506147Z",
    "StatusCode": "",
    "User.RunId": "100",
    "User.CarrierId": "NC",
    "User.UserId": "NC1001",
    "Device.DeviceId": 103,
    "Device.DeviceTransactionId": 83269,
}
"""The carrier's sample, by the path of each field."""

ELSEWHERE = FieldMap(
    events="data.the items",
    event_id="meta.id",
    parcel_id="parcel.id",
    type="class",
    created_at="meta.when.utc",
    status_code="parcel.state",
    run_id="run",
    carrier_id="meta.carrier",
    user_id="Größe 1",
    device_id="device",
    device_transaction_id="meta.when.tx",
)
"""Deep and shallow, with names that are no identifiers."""

HERE, THERE = Decoder(), Decoder(ELSEWHERE)
NAMES = {path: getattr(ELSEWHERE, name) for name, path in SAMPLE.of_event().items()}


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """The document in which each value stands at its path."""
    document: dict[str, Any] = {}
    for path, value in values.items():
        *objects, last = path.split(".")
        inner = document
        for key in objects:
            inner = inner.setdefault(key, {})
        inner[last] = value
    return document


def raw(decoder: Decoder, values: dict[str, Any]) -> bytes:
    """An event as a carrier with these names sends it."""
    named = values if decoder is HERE else {NAMES[path]: each for path, each in values.items()}
    return json.dumps(nested(named)).encode()


def page(decoder: Decoder, *events: dict[str, Any]) -> bytes:
    around = nested({decoder.fields.events: "@", "before": [{"x": 1}], "after": None})
    elements = b", ".join(raw(decoder, event) for event in events)
    return json.dumps(around).encode().replace(b'"@"', b"[" + elements + b"]")


def test_the_sample_is_the_default() -> None:
    """Nobody has to say what the carrier's own names are."""
    assert FieldMap() == SAMPLE
    assert SAMPLE.changes() == {}
    assert ELSEWHERE.changes().keys() == {"events", *SAMPLE.of_event()}
    assert FieldMap(run_id="run").changes() == {"run_id": "run"}


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.just("2021-05-11 23:11:34 +02:00"),
    st.just([]),
)
events = st.lists(
    st.fixed_dictionaries(
        {}, optional={path: st.just(value) | values for path, value in GOOD.items()}
    ),
    max_size=4,
)


@given(events)
def test_names_make_no_difference(events: list[dict[str, Any]]) -> None:
    """Whatever a page holds, its events and what is turned away are the same under other names."""
    here, there = HERE.page(page(HERE, *events)), THERE.page(page(THERE, *events))
    assert here.events == there.events
    assert here.places == there.places
    for ours, theirs in zip(here.rejected, there.rejected, strict=True):
        assert (ours.reason, ours.event_id) == (theirs.reason, theirs.event_id)


@given(events)
def test_names_make_no_difference_to_the_tolerant_reader(events: list[dict[str, Any]]) -> None:
    """Nor where one event of the page is no JSON."""
    bad = b'{"x": NaN}'
    broken = page(THERE, *events, GOOD).replace(raw(THERE, GOOD), bad)
    decoded, _ = salvage(broken, THERE)
    assert decoded.events == THERE.page(page(THERE, *events)).events
    assert [item.raw for item in decoded.rejected].count(bad) == events.count(GOOD) + 1


def test_the_tolerant_reader_finds_the_id() -> None:
    """The place of an event that is no JSON is known under other names as well."""
    bad = raw(THERE, GOOD).replace(b'"NC1001"', b"NaN")
    decoded, _ = salvage(page(THERE, GOOD).replace(raw(THERE, GOOD), bad), THERE)
    (letter,) = decoded.rejected
    assert (letter.reason, letter.event_id) == (Reason.NOT_JSON, 83269)


@pytest.mark.parametrize("path", GOOD)
def test_what_is_wrong_is_named_as_the_carrier_names_it(path: str) -> None:
    """The detail of a dead letter says where to look in its bytes."""
    letter = THERE.event(raw(THERE, {**GOOD, path: True}))
    assert isinstance(letter, Rejected)
    assert letter.detail.startswith(f"{NAMES[path]}: ")
    assert letter.event_id == (None if path == "EventId" else 83269)


@pytest.mark.parametrize("path", ["EventId", "ParcelId", "Type", "CreatedDateTimeUtc"])
def test_what_is_missing_is_named_as_the_carrier_names_it(path: str) -> None:
    """Also where the object around it is missing with it."""
    rest = {each: value for each, value in GOOD.items() if each != path}
    alone = Decoder(FieldMap(**{_name_of(path): "a.lone.place"}))
    for decoder, event, name in (
        (THERE, raw(THERE, rest), NAMES[path]),
        (alone, json.dumps(nested(rest)).encode(), "a.lone.place"),
    ):
        letter = decoder.event(event)
        assert isinstance(letter, Rejected)
        assert letter.reason is Reason.MISSING_FIELD
        assert letter.detail == f"{name}: absent or null"


def _name_of(path: str) -> str:
    return next(name for name, each in SAMPLE.of_event().items() if each == path)


def test_an_object_on_the_way_may_be_null() -> None:
    """It is as absent as what it would hold, and does not cost its neighbours anything."""
    event = {**nested(GOOD), "User": None, "Device": None}
    body = json.dumps({"ScanEvents": [event, nested(GOOD)]}).encode()
    decoded = HERE.page(body)
    assert not decoded.rejected
    assert [each.run_id for each in decoded.events] == [None, "100"]
    assert [each.device_id for each in decoded.events] == [None, 103]


@pytest.mark.parametrize("wrong", ["x", 7, [], True])
def test_what_is_no_object_leads_nowhere(wrong: object) -> None:
    """The object is blamed, and the id found if it stands elsewhere."""
    letter = HERE.event(json.dumps({**nested(GOOD), "User": wrong}).encode())
    assert isinstance(letter, Rejected)
    assert (letter.reason, letter.event_id) == (Reason.INVALID_FIELD, 83269)
    assert letter.detail.startswith("User: ")
    lost = THERE.event(json.dumps({"meta": wrong}).encode())
    assert isinstance(lost, Rejected)
    assert lost.event_id is None
    assert lost.detail.startswith("meta: ")


def test_a_bare_array_needs_no_name() -> None:
    """It is read as a page under any field map."""
    for decoder in (HERE, THERE):
        decoded = decoder.page(b"[" + raw(decoder, GOOD) + b"]")
        assert [event.event_id for event in decoded.events] == [83269]


@pytest.mark.parametrize(
    "body",
    [b'{"ScanEvents":[]}', b'{"data":[]}', b'{"data":{"the items":null}}', b'{"the items":[]}'],
)
def test_an_array_elsewhere_is_no_page(body: bytes) -> None:
    """The sample's own name means nothing to a carrier that uses another."""
    with pytest.raises(Undecodable):
        THERE.page(body)
    with pytest.raises(Undecodable):
        salvage(body, THERE)


def test_the_bytes_of_events_are_found_again() -> None:
    """They are the carrier's, names included."""
    body = page(THERE, GOOD)
    (event,) = THERE.page(body).events
    assert Body(body, THERE).raws_of([event]) == {event: raw(THERE, GOOD)}


def test_the_order_of_the_page_is_kept() -> None:
    """What was turned away has its place between the events."""
    bad = {**GOOD, "ParcelId": 0}
    whole = HERE.page(page(HERE, bad, GOOD, bad, bad, {**GOOD, "EventId": 2})).in_order()
    assert [isinstance(each, ScanEvent) for each in whole] == [False, True, False, False, True]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"event_id": "ParcelId"}, [("parcel_id", "is event_id already")]),
        ({"event_id": "User"}, [("run_id", "leads into User, which is event_id")]),
        ({"run_id": "Type.Run"}, [("run_id", "leads into Type, which is type")]),
        ({"run_id": "Typeface", "events": "Type"}, []),
    ],
)
def test_two_fields_cannot_be_one(fields: dict[str, str], said: list[tuple[str, str]]) -> None:
    """Nor can one be inside of another; what the page calls its array is another matter."""
    found = list(FieldMap(**fields).clashes())
    assert set(said) <= set(found)
    assert bool(said) == bool(found)
