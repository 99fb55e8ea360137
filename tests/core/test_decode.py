"""Pages, good and bad. `GOOD` is the carrier's own sample; `wire` is an event as bytes."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scand.core.decode import Body, Decoded, Decoder, Undecodable
from scand.core.event import MAX_ID, Reason, Rejected, ScanEvent
from scand.core.instant import Instant, parse_instant

DECODER = Decoder()
decode_page, decode_event, split_page = DECODER.page, DECODER.event, DECODER.split


def raws_of(body: bytes, events: list[ScanEvent]) -> dict[ScanEvent, bytes]:
    return Body(body, DECODER).raws_of(events)


GOOD = {
    "EventId": 83269,
    "ParcelId": 5002,
    "Type": "PICKUP",
    "CreatedDateTimeUtc": "2021-05-11T21:11:34.1506147Z",
    "StatusCode": "",
    "Device": {"DeviceTransactionId": 83269, "DeviceId": 103},
    "User": {"UserId": "NC1001", "CarrierId": "NC", "RunId": "100"},
}
EVENT = ScanEvent(
    event_id=83269,
    parcel_id=5002,
    type="PICKUP",
    created_at=Instant("2021-05-11T21:11:34.1506147Z"),
    run_id="100",
    carrier_id="NC",
    user_id="NC1001",
    device_id=103,
    device_transaction_id=83269,
)


class Json(str):
    """A value as it is written in the page."""

    __slots__ = ()


def spell(value: Any) -> str:
    """JSON, with what is `Json` already left as it is."""
    if isinstance(value, dict):
        return (
            "{" + ",".join(f"{json.dumps(key)}:{spell(each)}" for key, each in value.items()) + "}"
        )
    return value if isinstance(value, Json) else json.dumps(value)


def wire(**fields: Any) -> bytes:
    """The sample with other fields; None leaves one out."""
    event = {key: value for key, value in {**GOOD, **fields}.items() if value is not None}
    return spell(event).encode()


def page(*events: bytes) -> bytes:
    return b'{"ScanEvents":[' + b",".join(events) + b"]}"


def rejected(raw: bytes) -> Rejected:
    """The only thing that is wrong with a page of a good event, this one and another good one."""
    last = wire(EventId=83271)
    decoded = decode_page(page(wire(), raw, last))
    assert [event.event_id for event in decoded.events] == [83269, 83271]
    assert len(decoded.rejected) == 1
    assert decoded.rejected[0].raw == raw
    assert decode_event(raw) == decoded.rejected[0]
    return decoded.rejected[0]


def accepted(raw: bytes) -> ScanEvent:
    decoded = decode_page(page(raw))
    assert not decoded.rejected
    assert [decode_event(raw)] == decoded.events
    return decoded.events[0]


# --- pages -------------------------------------------------------------------


@pytest.mark.parametrize("body", [page(wire()), b"[" + wire() + b"]", b" \n\t[" + wire() + b"] "])
def test_reads_the_sample(body: bytes) -> None:
    """The carrier's own sample is read, in an object or as a bare array."""
    assert decode_page(body) == Decoded([EVENT], [])


@pytest.mark.parametrize("body", [b"[]", b'{"ScanEvents":[]}', b'{"Next":[1],"ScanEvents": [ ]}'])
def test_an_empty_page_is_no_fault(body: bytes) -> None:
    """A page without events is read as such."""
    assert decode_page(body) == Decoded([], [])


UNDECODABLE = [
    b"",
    b" ",
    b"null",
    b"true",
    b"7",
    b'"ScanEvents"',
    b"{}",
    b'{"scanevents":[]}',
    b'{"ScanEvents":null}',
    b'{"ScanEvents":{}}',
    b'{"ScanEvents":"[]"}',
    b'{"error":"busy"}',
    b"<html><body>Busy</body></html>",
    b"\xef\xbb\xbf[]",
    b"\x1f\x8b\x08\x00",
    b"\x0b[]",
    b"[",
    b"[]]",
    b'{"ScanEvents":[]}{"ScanEvents":[]}',
    b"[1,]",
    *(page(wire())[:cut] for cut in (1, 14, 15, 40, -2, -1)),
]


@pytest.mark.parametrize("body", UNDECODABLE, ids=lambda body: repr(body[:24]))
def test_a_damaged_page_is_undecodable(body: bytes) -> None:
    """What is no page of events costs no event."""
    with pytest.raises(Undecodable):
        decode_page(body)
    with pytest.raises(Undecodable):
        split_page(body)


@pytest.mark.parametrize("levels", [200, 100_000])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
@pytest.mark.parametrize("field", ["Unknown", "User", "Type", "EventId"])
def test_deep_nesting_raises_nothing_else(levels: int, brackets: str, field: str) -> None:
    """However deep a value is nested, the page is decoded or Undecodable."""
    opening = '{"a":' if brackets == "{}" else "["
    nested = Json(opening * levels + "1" + brackets[1] * levels)
    for body in (page(wire(**{field: nested})), b"[" + nested.encode() + b"]", nested.encode()):
        try:
            decoded = decode_page(body)
        except Undecodable:
            continue
        assert len(decoded.events) + len(decoded.rejected) == 1


@pytest.mark.parametrize("value", ["NaN", "Infinity", '"\\ud800"', '"\\udc00\\ud800"', '"\n'])
def test_what_json_does_not_know_raises_nothing_else(value: str) -> None:
    """NaN and lone surrogates make a page Undecodable, or cost their event."""
    for field in ("Unknown", "StatusCode", "EventId"):
        try:
            decoded = decode_page(page(wire(), wire(**{field: Json(value)})))
        except Undecodable:
            continue
        assert EVENT in decoded.events


def test_the_last_list_counts() -> None:
    """A key given twice counts with its last value, on the page as well."""
    assert decode_page(b'{"ScanEvents":[1],"ScanEvents":[]}') == Decoded([], [])


def test_keeps_the_order_of_the_page() -> None:
    """Events stand in the order of the page, whichever reader they took."""
    ids = [5, 3, 9, 3, 1]
    good = [wire(EventId=each) for each in ids]
    assert [event.event_id for event in decode_page(page(*good)).events] == ids
    careful = [wire(EventId=each, StatusCode=1.5) for each in ids]
    assert [event.event_id for event in decode_page(page(*careful)).events] == ids


# --- events that are accepted ------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "attribute", "read"),
    [
        ("EventId", 1, "event_id", 1),
        ("EventId", MAX_ID, "event_id", MAX_ID),
        ("ParcelId", MAX_ID, "parcel_id", MAX_ID),
        ("Type", " pickup\n", "type", "PICKUP"),
        ("Type", "Straße", "type", "STRASSE"),
        ("Type", 7, "type", "7"),
        ("Type", Json("7.50"), "type", "7.50"),
        ("StatusCode", None, "status_code", ""),
        ("StatusCode", Json("null"), "status_code", ""),
        ("StatusCode", " x ", "status_code", " x "),
        ("StatusCode", 0, "status_code", "0"),
        ("StatusCode", Json("1.50"), "status_code", "1.50"),
        ("StatusCode", Json("1E2"), "status_code", "1E2"),
        ("StatusCode", Json('"\\ud83d\\ude00"'), "status_code", "\U0001f600"),
        ("User", None, "run_id", None),
        ("User", Json("null"), "run_id", None),
        ("User", {}, "run_id", None),
        ("User", {"RunId": None}, "run_id", None),
        ("User", {"RunId": 100}, "run_id", "100"),
        ("User", {"RunId": Json("1")}, "run_id", "1"),
        ("User", Json('{"RunId" : 1.50 }'), "run_id", "1.50"),
        ("User", {"CarrierId": 5}, "carrier_id", "5"),
        ("User", {"UserId": 5}, "user_id", "5"),
        ("Device", None, "device_id", None),
        ("Device", Json("null"), "device_transaction_id", None),
        ("Device", {"DeviceId": "103"}, "device_id", "103"),
        ("Device", {"DeviceId": MAX_ID}, "device_id", MAX_ID),
        ("Device", {"DeviceId": MAX_ID + 1}, "device_id", str(MAX_ID + 1)),
        ("Device", {"DeviceId": -MAX_ID - 1}, "device_id", str(-MAX_ID - 1)),
        ("Device", {"DeviceTransactionId": 10**300}, "device_transaction_id", str(10**300)),
        ("CreatedDateTimeUtc", "2023-01-01T03:52:48 -13:00", "created_at", "2023-01-01T16:52:48"),
        ("Unknown", {"EventId": "x"}, "event_id", 83269),
    ],
)
def test_accepts(field: str, value: Any, attribute: str, read: Any) -> None:
    """Numbers do for text, and what is optional may be absent or null."""
    got = getattr(accepted(wire(**{field: value})), attribute)
    assert got.removesuffix(".0000000Z") == read if attribute == "created_at" else got == read
    assert type(got) is type(read)


def test_a_key_given_twice_counts_with_its_last_value() -> None:
    """Even where the first value is wrong."""
    raw = b'{"EventId":"x","User":7,' + wire()[1:-1] + b',"User":{"RunId":"1","RunId":"2"}}'
    assert accepted(raw) == msgspec.structs.replace(
        EVENT, run_id="2", carrier_id=None, user_id=None
    )


def test_keys_may_be_escaped() -> None:
    """A key is what it spells."""
    assert accepted(wire().replace(b"ParcelId", b"Parc\\u0065lId")) == EVENT


def test_both_readers_agree() -> None:
    """A field reads the same beside one that takes the careful reader."""
    careful = accepted(wire(StatusCode=Json("1.0")))
    assert careful == msgspec.structs.replace(EVENT, status_code="1.0")
    assert DECODER._careful.event(wire()) == EVENT


# --- events that are turned away ---------------------------------------------

WRONG_IDS = [0, -1, MAX_ID + 1, 10**30, "7", "", True, 1.5, Json("1.0"), Json("1e400"), [7], {}]
WRONG_TEXT = [True, [], ["x"], {}, Json("1e400"), Json("9" * 5000)]
WRONG_TIMES = [*WRONG_TEXT, 1620767494, 1.5, "", "yesterday", "2021-05-11", "2021-02-30T00:00:00Z"]
PARTS = {"User": ["RunId", "CarrierId", "UserId"], "Device": ["DeviceId", "DeviceTransactionId"]}
WRONG_OBJECTS = [True, 0, 1.5, "", "x", [], [1]]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        *(("EventId", value, Reason.INVALID_EVENT_ID) for value in WRONG_IDS),
        *(("ParcelId", value, Reason.INVALID_PARCEL_ID) for value in WRONG_IDS),
        *(("CreatedDateTimeUtc", value, Reason.INVALID_CREATED_AT) for value in WRONG_TIMES),
        *(("Type", value, Reason.INVALID_FIELD) for value in (*WRONG_TEXT, "", " \t\u00a0")),
        *(("StatusCode", value, Reason.INVALID_FIELD) for value in WRONG_TEXT),
        *(
            (part, {name: value}, Reason.INVALID_FIELD)
            for part in ("User", "Device")
            for name in PARTS[part]
            for value in WRONG_TEXT
        ),
        *(("User", value, Reason.INVALID_FIELD) for value in WRONG_OBJECTS),
        *(("Device", value, Reason.INVALID_FIELD) for value in WRONG_OBJECTS),
        *(
            (name, value, Reason.MISSING_FIELD)
            for name in ("EventId", "ParcelId", "Type", "CreatedDateTimeUtc")
            for value in (None, Json("null"))
        ),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_bad_event_costs_itself(field: str, value: Any, reason: Reason) -> None:
    """It is rejected with its reason, its field, its bytes and its id; its neighbours are not."""
    letter = rejected(wire(**{field: value}))
    assert letter.reason is reason
    blamed = letter.detail.partition(":")[0]
    nested = field in PARTS and isinstance(value, dict)
    assert blamed in ({field, *(f"{field}.{name}" for name in value)} if nested else {field})
    if field != "EventId":
        assert letter.event_id == 83269
        assert letter.identity == "id:83269"


@pytest.mark.parametrize("raw", [b"null", b"7", b'"x"', b"[]", b"[1,2]", b"true", b"1.5"])
def test_an_event_is_an_object(raw: bytes) -> None:
    """Anything else in the list is rejected by itself."""
    letter = rejected(raw)
    assert letter.reason is Reason.NOT_AN_OBJECT
    assert letter.event_id is None
    assert letter.identity.startswith("sha256:")


@pytest.mark.parametrize("raw", [b"", b"{", b"{}x", wire()[:-1], b"\xff", b'{"Unknown":NaN}'])
def test_an_event_by_itself_may_be_no_json(raw: bytes) -> None:
    """Bytes that are no JSON are rejected with what is wrong with them."""
    letter = decode_event(raw)
    assert isinstance(letter, Rejected)
    assert (letter.reason, letter.raw) == (Reason.NOT_JSON, raw)
    assert letter.detail


@pytest.mark.parametrize("field", ["Type", "StatusCode", "CreatedDateTimeUtc"])
def test_bytes_that_are_no_utf8_cost_their_event(field: str) -> None:
    """Text that cannot be decoded is the fault of its field alone."""
    letter = rejected(wire(**{field: "@"}).replace(b"@", b"\xff\xfe"))
    assert letter.reason in {Reason.INVALID_FIELD, Reason.INVALID_CREATED_AT}
    assert letter.event_id == 83269


def test_names_the_first_field_that_is_wrong() -> None:
    """One reason is given, in the order of the table."""
    assert rejected(wire(EventId=0, ParcelId=0)).reason is Reason.INVALID_EVENT_ID
    assert rejected(wire(ParcelId=0, Type="")).reason is Reason.INVALID_PARCEL_ID


@pytest.mark.parametrize(
    ("value", "event_id"),
    [
        ("12", 12),
        (Json("12.0"), 12),
        (Json("1e3"), 1000),
        (f"{MAX_ID}", MAX_ID),
        (Json(f"{MAX_ID + 1}"), None),
        (0, None),
        (-3, None),
        (1.5, None),
        ("x", None),
        ("", None),
        ("1_2", None),
        (True, None),
        (Json("null"), None),
        ([12], None),
        ({"12": 12}, None),
        (Json("9" * 5000), None),
        (Json("1e308"), None),
        (Json("1e309"), None),
    ],
    ids=repr,
)
def test_an_id_is_read_where_it_can_be(value: Any, event_id: int | None) -> None:
    """The place of a rejected event is known even where its id is written wrongly."""
    assert rejected(wire(EventId=value)).event_id == event_id


def test_the_same_bytes_have_the_same_identity() -> None:
    """One dead letter per content where the id cannot be read."""
    one, same, other = (rejected(raw).identity for raw in (b"7", b"7", b"8"))
    assert one == same != other


def test_every_reason_of_the_decoder_occurs() -> None:
    """The reasons not given here are given to events that decode well."""
    raws = [b"x", b"7", wire(Type=None), wire(EventId=0), wire(ParcelId=0), wire(Type="")]
    raws.append(wire(CreatedDateTimeUtc=""))
    letters = [decode_event(raw) for raw in raws]
    later = {"not_in_catalogue", "far_future", "conflict", "processing_failed", "unreadable"}
    given = {letter.reason for letter in letters if isinstance(letter, Rejected)}
    assert given == set(Reason) - later


def test_the_bytes_of_events_are_found_again() -> None:
    """`raws_of` has the bytes of every event that was accepted, by either reader."""
    raws = [wire(), wire(EventId=7, StatusCode=1.5), b"7"]
    events = decode_page(page(*raws)).events
    assert raws_of(page(*raws), events) == dict(zip(events, raws, strict=False))


# --- anything at all ---------------------------------------------------------

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-5, 5),
    st.floats(),
    st.text(st.characters(), max_size=20),  # lone surrogates too
    st.sampled_from(["PICKUP", "2021-05-11T21:11:34Z", "2021-05-11T21:11:34.1506147+01:00", " "]),
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
events = st.fixed_dictionaries(
    {},
    optional={
        "EventId": st.integers(1, 50) | documents,
        "ParcelId": st.integers(1, 50) | documents,
        "Type": st.sampled_from(["PICKUP", "status"]) | documents,
        "CreatedDateTimeUtc": st.just("2021-05-11T21:11:34Z") | documents,
        "StatusCode": documents,
        "User": documents | st.fixed_dictionaries({"RunId": scalars, "UserId": scalars}),
        "Device": documents | st.fixed_dictionaries({"DeviceId": scalars}),
        "Unknown": documents,
    },
)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A good page with a few bytes replaced, removed or added."""
    body = bytearray(page(*(wire(EventId=each) for each in range(1, draw(st.integers(1, 4)) + 1))))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(body)))
        gone = draw(st.integers(0, 3))
        body[place : place + gone] = draw(
            st.binary(max_size=3) | st.sampled_from([b'"', b"{", b"}", b"\\u", b"9" * 30, b"null"])
        )
    return bytes(body)


def encode(document: Any) -> bytes:
    return json.dumps(document).encode()


bodies = st.one_of(
    st.binary(max_size=200),
    mutations(),
    documents.map(encode),
    st.lists(events | documents, max_size=5).map(encode),
    st.lists(events, max_size=5).map(lambda each: encode({"ScanEvents": each})),
)


@given(bodies)
def test_any_body_is_decoded_or_undecodable(body: bytes) -> None:
    """Whatever comes, every element of a page is accepted or rejected, and can be stored."""
    try:
        decoded = decode_page(body)
    except Undecodable:
        return
    raws = split_page(body)
    assert len(decoded.events) + len(decoded.rejected) == len(raws)
    assert {letter.raw for letter in decoded.rejected} <= set(raws)
    assert set(raws_of(body, decoded.events)) == set(decoded.events)
    for letter in decoded.rejected:
        assert letter.event_id is None or 1 <= letter.event_id <= MAX_ID
        letter.detail.encode()
    for event in decoded.events:
        check(event)


def check(event: ScanEvent) -> None:
    """An accepted event can be stored, and reads as itself."""
    assert 1 <= event.event_id <= MAX_ID
    assert 1 <= event.parcel_id <= MAX_ID
    assert len(event.created_at) == 28
    assert parse_instant(event.created_at) == event.created_at
    for value in msgspec.structs.astuple(event):
        if isinstance(value, int):
            assert -MAX_ID - 1 <= value <= MAX_ID
        elif value is not None:
            assert value == value.encode().decode()
    assert decode_event(wire_of(event)) == event


def wire_of(event: ScanEvent) -> bytes:
    """An event as the carrier would send what scand holds of it."""
    device = {
        "DeviceId": event.device_id,
        "DeviceTransactionId": event.device_transaction_id,
    }
    user = {"UserId": event.user_id, "CarrierId": event.carrier_id, "RunId": event.run_id}
    return wire(
        EventId=event.event_id,
        ParcelId=event.parcel_id,
        Type=event.type,
        CreatedDateTimeUtc=event.created_at,
        StatusCode=event.status_code,
        Device=device,
        User=user,
    )


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_folding_a_type_is_idempotent(text: str) -> None:
    """A folded type folds to itself."""
    once = decode_event(wire(Type=text))
    if isinstance(once, ScanEvent):
        assert decode_event(wire(Type=once.type)) == once


ODD = st.fixed_dictionaries(
    {},
    optional={
        "Type": st.sampled_from([" pickup", "DELIVERY", 7, "", None]),
        "CreatedDateTimeUtc": st.sampled_from(["2021-05-11 21:11:34", "2021-02-30T00:00:00Z"]),
        "StatusCode": st.sampled_from([None, "", 0, 10**30]),
        "User": st.sampled_from([None, {}, {"RunId": 100, "UserId": None}]),
        "Device": st.sampled_from([None, {"DeviceId": 10**30, "DeviceTransactionId": "83269"}]),
    },
)


@given(st.lists(ODD, max_size=6))
def test_a_page_reads_as_its_events_do(several: list[dict[str, Any]]) -> None:
    """An event is read the same, whatever it shares its page with."""
    raws = [wire(EventId=number, **fields) for number, fields in enumerate(several, 1)]
    decoded = decode_page(page(*raws))
    assert [*decoded.in_order()] == [decode_event(raw) for raw in raws]
