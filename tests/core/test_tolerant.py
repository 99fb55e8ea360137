"""What tells an undecodable page from others: how it breaks, whatever else is in the body."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scand.core.decode import Decoder
from scand.core.tolerant import LOOKED_AT, MARK, Damaged, Salvaged, Whole, read_page

DECODER = Decoder()


def scan(event_id: int) -> bytes:
    return (
        b'{"EventId":%d,"ParcelId":1,"Type":"STATUS","CreatedDateTimeUtc":"2021-05-11"}' % event_id
    )


def page(*events: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    return b"{" + before + b'"ScanEvents":[' + b",".join(events) + b"]" + after + b"}"


BREAKS = {
    "a quote too many": scan(7).replace(b"STATUS", b'STA"TUS'),
    "a quote too few": scan(7).replace(b'STATUS"', b"STATUS"),
    "a brace too few": scan(7)[:-1],
    "a brace too many": scan(7) + b"}",
    "a bracket too many": scan(7) + b"]",
}
breaks = pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS.keys())


def mark(body: bytes) -> bytes:
    """The mark of a page whose framing is damaged."""
    read = read_page(body, DECODER)
    assert isinstance(read, Damaged)
    assert read.begins
    return read.mark


@breaks
@given(members=st.dictionaries(st.text(min_size=1), st.text(), max_size=2))
def test_the_envelope_does_not_matter(broken: bytes, members: dict[str, str]) -> None:
    """Ids and times beside the events may differ with every answer."""
    around = json.dumps(members)[1:-1].encode()
    before, after = (around and around + b",", around and b"," + around)
    envelopes = [page(broken), page(broken, before=before)]
    envelopes += [page(broken, after=b',"RequestId":"%x"' % number) + b" " for number in (1, 22)]
    envelopes += [page(broken, before=before, after=after or b',"At":1')]
    assert len({mark(body)[:60] for body in envelopes}) == 1
    assert mark(envelopes[2]) == mark(envelopes[3])


@breaks
def test_what_stands_before_and_after_does_not_matter(broken: bytes) -> None:
    """A page may be shuffled, and grow at its end."""
    others = [scan(number) for number in range(20, 25)]
    marks = set()
    for seed in range(10):
        before = Random(seed).sample(others, 3)
        marks.add(mark(page(*before, broken, *others[:2])))
        marks.add(mark(page(*before, broken, *others)))
    assert len(marks) == 1


@breaks
def test_another_event_has_another_mark(broken: bytes) -> None:
    """Two that break alike are told apart by their bytes."""
    assert mark(page(broken)) != mark(page(broken.replace(b":7", b":8")))


def test_damage_at_another_place_has_another_mark() -> None:
    """A body cut off here is seldom the same as one cut off there."""
    body = page(*map(scan, range(30)))
    assert len({mark(body[:-cut]) for cut in range(40, 400)}) > 300


def test_an_event_that_is_no_json_is_the_mark_of_its_page() -> None:
    """Where the framing is whole, it alone counts, in whatever envelope."""
    bad = b'{"EventId":7,"ParcelId":NaN}'
    pages = [page(scan(1), bad, before=b'"At":1,'), page(bad, scan(2), scan(3), after=b',"At":22')]
    reads = [read_page(body, DECODER) for body in pages]
    assert [isinstance(read, Salvaged) and read.mark for read in reads] == [bad, bad]


def test_a_message_is_known_by_its_words() -> None:
    """Numbers, times and ids in it are of one request only."""
    said = b'{"Message":"error %d","RequestId":"0af7-%d","At":"2021-05-11T21:11:%02d"}'
    one, two = (read_page(said % (each, each, each), DECODER) for each in (4, 17))
    other = read_page(b'{"Message":"maintenance"}', DECODER)
    assert isinstance(one, Damaged)
    assert isinstance(two, Damaged)
    assert isinstance(other, Damaged)
    assert one.mark == two.mark != other.mark
    assert not one.begins


@pytest.mark.parametrize("filler", [b"[", b'"a",', b'\\"', b"{}", b"x", b"1 "])
def test_a_mark_is_short_however_long_the_body(filler: bytes) -> None:
    """Megabytes of garbage are looked at in part."""
    read = read_page(b'{"ScanEvents":["' + filler * (LOOKED_AT // len(filler) + 9), DECODER)
    assert isinstance(read, Damaged)
    assert len(read.mark) <= MARK + 20


def test_a_string_without_end_is_looked_at_once() -> None:
    """Wherever it begins, what follows is not searched from every quote in it."""
    endless = b'\\"' * (2 * LOOKED_AT)
    for body in (b'{"' + endless, b'{"A":{"' + endless, b'{"ScanEvents":["' + endless):
        assert isinstance(read_page(body, DECODER), Damaged)


def test_events_that_run_into_each_other_are_not_one() -> None:
    """Two stray quotes make up for each other, and what is between them is not lost."""
    body = page(scan(1), BREAKS["a quote too many"], scan(3), BREAKS["a quote too many"], scan(5))
    read = read_page(body, DECODER)
    assert isinstance(read, Damaged)
    assert "run into each other" in read.why


def test_a_page_as_it_should_be() -> None:
    """Nothing is said against it."""
    assert isinstance(read_page(page(scan(1)).replace(b"11", b"11T00:00:00Z"), DECODER), Whole)
