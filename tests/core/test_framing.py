"""The tolerant reader, against the parser wherever that can read a page at all."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scand.core import framing, tolerant
from scand.core.decode import Decoded, Decoder, Undecodable
from scand.core.event import Reason

DECODER = Decoder()
decode_page, split_page = DECODER.page, DECODER.split


def salvage(body: bytes) -> tuple[Decoded, bytes]:
    return tolerant.salvage(body, DECODER)


def split_tolerantly(body: bytes) -> list[bytes]:
    return framing.split_tolerantly(body, ("ScanEvents",))


GOOD = b'{"EventId":%d,"ParcelId":1,"Type":"STATUS","CreatedDateTimeUtc":"2021-05-11T21:11:34Z"%b}'


def scan(event_id: int, more: bytes = b"") -> bytes:
    return GOOD % (event_id, more)


def page(*events: bytes) -> bytes:
    return b'{"ScanEvents":[' + b", ".join(events) + b"]}"


BAD = {
    "NaN": b',"X":NaN',
    "minus infinity": b',"X":-Infinity',
    "lone surrogate": b',"X":"\\ud800"',
    "surrogate in a key": b',"\\ud800":1',
    "no utf-8": b',"StatusCode":"\xff"',
    "deep": b',"X":' + b"[" * 5000 + b"]" * 5000,
    "control character": b',"X":"a\nb"',
    "two values": b',"X":1 2',
    "no value": b',"X":',
    "bad escape": b',"X":"\\q"',
}


@pytest.mark.parametrize("more", BAD.values(), ids=BAD.keys())
def test_a_bad_event_costs_itself(more: bytes) -> None:
    """Where the framing is whole, the neighbours of what no parser reads are applied."""
    bad = scan(2, more)
    body = page(scan(1), bad, scan(3))
    decoded, sound = salvage(body)
    assert [event.event_id for event in decoded.events] == [1, 3]
    assert [letter.raw for letter in decoded.rejected] == [bad]
    assert decode_page(sound).events == decoded.events


@pytest.mark.parametrize("name", ["NaN", "lone surrogate", "surrogate in a key"])
def test_the_id_of_a_bad_event_is_found(name: str) -> None:
    """The standard library reads what the parser does not, so its place is known."""
    decoded, _ = salvage(page(scan(2, BAD[name])))
    [letter] = decoded.rejected
    assert (letter.reason, letter.event_id) == (Reason.NOT_JSON, 2)


@pytest.mark.parametrize("value", [b"0", b"-1", b"true", b"1.5", b'"2"', b"9" * 5000, b"null"])
def test_an_id_that_is_none_is_not_found(value: bytes) -> None:
    """Nor is one looked for in what is no object."""
    raw = b'{"EventId":' + value + b',"X":NaN}'
    decoded, _ = salvage(page(raw, b"[NaN]"))
    assert [letter.event_id for letter in decoded.rejected] == [None, None]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"7",
        b'"[]"',
        b"{}",
        b"<html>[1]</html>",
        b'{"ScanEvents":null}',
        b'{"ScanEvents":{"ScanEvents":[1]}}',
        b'{"Other":[1]}',
        b'{"Other":["ScanEvents", [1]]}',
        b'["unended]',
        b"[{]}",
        b"[(}",
        b"[1",
        b"[[1]",
        b"[1]]",
        b"[1] 2",
        b'{"ScanEvents":[1]',
        b'{"ScanEvents":[1]]',
        b'{"ScanEvents":[1] "x"}',
        b"\xef\xbb\xbf[",
    ],
)
def test_damaged_framing_is_undecodable(body: bytes) -> None:
    """Without whole strings and brackets there is nothing to tell events by."""
    with pytest.raises(Undecodable):
        split_tolerantly(body)


@pytest.mark.parametrize(
    ("body", "elements"),
    [
        (b"[]", []),
        (b" [ ] ", []),
        (
            b'{"ScanEvents" : [ 1 , [2, 3] , {"a":[4]} ], "Next":[5]}',
            [b"1", b"[2, 3]", b'{"a":[4]}'],
        ),
        (b'{"Meta":{"ScanEvents":[9]},"ScanEvents":["]",1]}', [b'"]"', b"1"]),
        (b'["\\"]", "\\\\"]', [b'"\\"]"', b'"\\\\"']),
    ],
)
def test_splits_a_page(body: bytes, elements: list[bytes]) -> None:
    """Elements are what stands between the commas of the page's array, without space around."""
    assert split_tolerantly(body) == elements


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@st.composite
def pages(draw: st.DrawFn) -> bytes:
    """A page as some JSON writer lays it out, with other members around its array."""
    elements = draw(st.lists(documents, max_size=5))
    before, after = (
        {
            f"{side}{name}": value
            for name, value in draw(st.dictionaries(st.text(), documents)).items()
        }
        for side in "<>"
    )
    document: Any = draw(st.sampled_from([elements, {**before, "ScanEvents": elements, **after}]))
    indent, ascii_only = draw(st.sampled_from([None, 1])), draw(st.booleans())
    return json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "replace")


@given(pages())
def test_agrees_with_the_parser(body: bytes) -> None:
    """What the parser splits, the tolerant reader splits alike."""
    assert split_tolerantly(body) == split_page(body)


@given(st.binary(max_size=80) | st.text('[]{}",:\\1a ', max_size=60).map(str.encode))
def test_raises_nothing_but_undecodable(body: bytes) -> None:
    """Any body is split or Undecodable; and what the parser can split, it splits."""
    try:
        elements = split_tolerantly(body)
    except Undecodable:
        with pytest.raises(Undecodable):
            split_page(body)
        return
    salvage(body)
    try:
        assert split_page(body) == elements
    except Undecodable:
        return


def test_a_long_string_is_one_token() -> None:
    """Megabytes between two quotes are no trouble."""
    raw = scan(1, b',"X":"' + b"a\\n" * 500_000 + b'"')
    assert split_tolerantly(page(raw, raw)) == [raw, raw]
    assert msgspec.json.decode(raw)
