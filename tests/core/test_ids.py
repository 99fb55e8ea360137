"""The two kinds of EventId: what is one, and what is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scand.core.decode import Decoder
from scand.core.event import MAX_ID, Reason, Rejected, ScanEvent
from scand.core.ids import KINDS, MAX_OPAQUE, opaque_id

OPAQUE = Decoder(id_kind="opaque")
UUID = "0d9f6ae2-6b5c-4f0e-8f3a-2f1f6c1f7a55"


def raw(event_id: Any, **fields: Any) -> bytes:
    when = "2021-05-11T21:11:34.1506147Z"
    event = {"EventId": event_id, "ParcelId": 1, "Type": "STATUS", "CreatedDateTimeUtc": when}
    return json.dumps(event | fields).encode()


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (UUID, UUID),
        ("7", "7"),
        (7, "7"),
        (0, "0"),
        (-3, "-3"),
        (2**70, str(2**70)),
        ("Größe 1 / é", "Größe 1 / é"),
        (" ", " "),
        ("x" * MAX_OPAQUE, "x" * MAX_OPAQUE),
    ],
)
@pytest.mark.parametrize("careful", [{}, {"StatusCode": 1.5}])
def test_an_opaque_id_is_text(value: Any, read: str, careful: dict[str, Any]) -> None:
    """Any text that can be stored, sent and read; a number is taken as it is written."""
    (event,) = OPAQUE.page(b"[" + raw(value, **careful) + b"]").events
    assert (event.event_id, type(event.event_id)) == (read, str)


WRONG = ["", "x" * (MAX_OPAQUE + 1), "a\0b", "a\nb", "\u2028", "\x7f", 1.5, True, [UUID], {}]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: repr(value)[:20])
def test_what_is_no_opaque_id(value: Any) -> None:
    """It costs its event, which then has no place in the feed."""
    letter = OPAQUE.event(raw(value))
    assert isinstance(letter, Rejected)
    assert (letter.reason, letter.event_id) == (Reason.INVALID_EVENT_ID, None)
    assert letter.detail.startswith("EventId: ")
    assert letter.identity.startswith("sha256:")


def test_the_id_of_a_rejected_event_is_known() -> None:
    """So that the feed is followed past it."""
    letter = OPAQUE.event(raw(UUID, ParcelId="?"))
    assert isinstance(letter, Rejected)
    assert (letter.event_id, letter.identity) == (UUID, f"id:{UUID}")


@given(st.text() | st.integers())
def test_an_accepted_id_reads_as_itself(value: str | int) -> None:
    """Whatever is accepted is storable text, and is accepted again."""
    match OPAQUE.event(raw(value)):
        case ScanEvent(event_id=str(event_id)):
            assert event_id == opaque_id(event_id) == str(value)
            assert event_id.encode().decode() == event_id
        case Rejected(event_id=found):
            assert found is None


@pytest.mark.parametrize(
    ("kind", "text", "place"),
    [
        ("integer", "0", 0),
        ("integer", 7, 7),
        ("integer", str(MAX_ID), MAX_ID),
        ("opaque", "", ""),
        ("opaque", UUID, UUID),
        ("opaque", "7", "7"),
    ],
)
def test_a_place_is_written_as_an_id(kind: Any, text: object, place: object) -> None:
    """Or as what comes before the first one."""
    assert KINDS[kind].place(text) == place
    assert KINDS[kind].place(KINDS[kind].beginning) == KINDS[kind].beginning


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(("integer", text) for text in ("", "-1", str(MAX_ID + 1), "9" * 5000, "٣", "1.0", True)),
        *(("opaque", text) for text in ("a\n", "x" * 300)),
    ],
)
def test_what_is_no_place(kind: Any, text: object) -> None:
    """An operator is told so."""
    with pytest.raises(ValueError, match=r"is a whole number|is text of"):
        KINDS[kind].place(text)
