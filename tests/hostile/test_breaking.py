"""Every way to break a page, and where in the feed: more of what `test_poison` shows."""

from collections.abc import Callable, Sequence
from math import log2
from typing import Any

import httpx
import pytest

from scand.records import BreakerChanged, FeedBetrayed, FetchFailed
from tests.hostile.carrier import RawCarrier, answer, good, page_of
from tests.hostile.conftest import Follow, Followed

Break = Callable[[Sequence[bytes], Sequence[bytes]], bytes]
"""What is served for a page: the elements before the broken one, and it and those after it."""


def quoted(element: bytes) -> bytes:
    """An event with a quote that nobody escaped."""
    return element.replace(b"IN_TRANSIT", b'IN "TRANSIT')


def each(change: Callable[[bytes], bytes]) -> Break:
    """Only the element is broken, and with it the page."""
    return lambda before, after: page_of([*before, change(after[0]), *after[1:]])


def whole(body: bytes) -> Break:
    """The page is something else altogether."""
    return lambda _before, _after: body


def cut(before: Sequence[bytes], after: Sequence[bytes]) -> bytes:
    return page_of([*before, after[0]])[:-40]


KINDS: dict[str, Break] = {
    "a quote that is not escaped": each(quoted),
    "three of them": each(lambda raw: raw.replace(b"IN_TRANSIT", b'"IN "TRAN"SIT')),
    "an escape too many": each(lambda raw: raw.replace(b"IN_TRANSIT", b"IN_TRANSIT\\")),
    "no closing quote": each(lambda raw: raw.replace(b'TRANSIT"', b"TRANSIT")),
    "no closing brace": each(lambda raw: raw[:-1]),
    "a brace too many": each(lambda raw: raw + b"}"),
    "a bracket too many": each(lambda raw: raw + b"]"),
    "an array without end": each(lambda raw: raw[:-1] + b',"X":[1}'),
    "a byte that ends nothing": each(lambda raw: raw.replace(b'SIT"', b'SIT\xe2\\"')),
    "a comment with a quote": each(lambda raw: raw + b'/* " */'),
    "the body ends in it": cut,
    "the body is closed in it": lambda before, after: page_of([*before, after[0][:30]]),
    "the body ends before it": lambda before, _: page_of(before)[:-2],
    "an error instead": whole(b'{"Message":"An error has occurred."}'),
    "null instead": whole(b'{"ScanEvents":null}'),
    "HTML instead": whole(b"<html>"),
}


class Breaking(RawCarrier):
    """A page with one of the `broken` ids on it is served as `kind` says."""

    def __init__(
        self,
        ids: Sequence[int],
        broken: set[int],
        kind: Break = KINDS["a quote that is not escaped"],
        *,
        exclusive: bool = False,
        **options: Any,
    ) -> None:
        super().__init__({each: good(each) for each in ids}, **options)
        self.broken, self.kind, self.exclusive = broken, kind, exclusive

    def page(self, from_id: int, limit: int) -> httpx.Response:
        places = sorted(each for each in self.elements if each >= from_id + self.exclusive)
        page = places[: min(limit, self.cap)]
        raws = [self.elements[each] for each in page]
        first = next((at for at, each in enumerate(page) if each in self.broken), None)
        if first is None:
            return answer(page_of(raws))
        return answer(self.kind(raws[:first], raws[first:]))


class Enveloped(Breaking):
    """No two of its answers are alike: each has an id and a time, on both sides of the events."""

    def page(self, from_id: int, limit: int) -> httpx.Response:
        body = super().page(from_id, limit).read()
        number = len(self.asked)
        before = b'{"RequestId":"%032x","At":%d,' % (number * 0x9E3779B97F4A7C15, number)
        closed = body.endswith(b"]}")
        after = b',"Trace":"%x","Took":0.%d}' % (number * 7919, number)
        return answer(before + body[1 : -1 if closed else None] + (after if closed else b""))


def bound(limit: int, gap: int = 1) -> float:
    """Questions for one broken event: to convict, to learn the manners, and to search."""
    return 3 + 5 + log2(limit) + 3 * log2(gap) + 12


def assert_isolated(result: Followed, carrier: Breaking) -> None:
    """Every event is applied or a dead letter, and the breaker was not touched."""
    assert sorted(result.events) == sorted(carrier.elements.keys() - carrier.broken)
    dead = [(reason, event_id) for reason, _, event_id in result.dead]
    assert dead == [("unreadable", each) for each in sorted(carrier.broken)]
    assert result.recorder.of(BreakerChanged) == []


@pytest.mark.parametrize("exclusive", [False, True], ids=["inclusive", "exclusive"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_one_event_breaks_its_page(follow: Follow, kind: Break, exclusive: bool) -> None:  # noqa: FBT001
    """However it does that, it is a dead letter, after few questions; the rest is applied."""
    carrier = Breaking(range(2, 251), {177}, kind, exclusive=exclusive)
    result = follow(carrier)
    assert_isolated(result, carrier)
    assert result.cursor == 250
    (told,) = result.recorder.of(FeedBetrayed)
    assert (told.finding, told.policy) == ("poison", "isolate")
    assert "event 177 " in told.said
    assert len(carrier.asked) <= 5 + bound(100)


@pytest.mark.parametrize("exclusive", [False, True], ids=["inclusive", "exclusive"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_answers_that_are_never_the_same(follow: Follow, kind: Break, exclusive: bool) -> None:  # noqa: FBT001
    """What breaks a page is known by itself, whatever else differs from answer to answer."""
    carrier = Enveloped(range(2, 251), {177}, kind, exclusive=exclusive)
    result = follow(carrier)
    assert_isolated(result, carrier)
    assert len(carrier.asked) <= 5 + bound(100)


def test_an_event_that_is_no_json_in_answers_that_are_never_the_same(follow: Follow) -> None:
    """It is told from its neighbours without a search."""
    carrier = Enveloped(range(1, 31), set())
    carrier.elements[9] = nan = b'{"EventId":9,"ParcelId":NaN}'
    result = follow(carrier)
    assert result.dead == [("not_json", nan, 9)]
    assert sorted(result.events) == sorted(carrier.elements.keys() - {9})
    assert len(carrier.asked) <= 6


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 100, 1000])
@pytest.mark.parametrize("cap", [1, 7, 1000])
def test_whatever_the_limit(follow: Follow, limit: int, cap: int) -> None:
    """As many questions as there are pages, and log Limit more."""
    carrier = Breaking(range(1, 101), {38}, cap=cap)
    result = follow(carrier, limit=limit)
    assert_isolated(result, carrier)
    assert len(carrier.asked) <= 100 / min(limit, cap) + 6 + bound(limit)


@pytest.mark.parametrize("stride", [10, 1000, 1_000_000])
def test_wherever_its_id_is(follow: Follow, stride: int) -> None:
    """In a feed of few ids it is found by log gap questions."""
    ids = [stride * each for each in range(1, 41)]
    carrier = Breaking(ids, {stride * 17})
    result = follow(carrier)
    assert_isolated(result, carrier)
    assert len(carrier.asked) <= 6 + bound(100, stride)
    (told,) = result.recorder.of(FeedBetrayed)
    assert f"event {stride * 17} " in told.said
    assert f"from {stride * 16 + 1} on" in told.said


@pytest.mark.parametrize(
    "broken",
    [{1}, {30}, {1, 30}, {4, 5, 6}, {3, 5, 7}, {29, 30}, set(range(1, 16)), set(range(2, 31, 2))],
    ids=str,
)
@pytest.mark.parametrize("exclusive", [False, True], ids=["inclusive", "exclusive"])
def test_several_of_them(follow: Follow, broken: set[int], exclusive: bool) -> None:  # noqa: FBT001
    """Each is a dead letter of its own, wherever in the feed: at its beginning, at its end."""
    carrier = Breaking(range(1, 31), broken, exclusive=exclusive)
    result = follow(carrier, limit=20)
    first = {1} if exclusive else set()  # asked from 1, it keeps that back
    assert set(result.events) | first == (set(carrier.elements) - broken) | first
    assert {event_id for _, _, event_id in result.dead} | first == broken | first
    assert result.recorder.of(BreakerChanged) == []


def test_the_dead_letter_has_what_was_served(follow: Follow) -> None:
    """The page with the event alone is kept as it came."""
    carrier = Breaking([3, 4, 5], {4})
    result = follow(carrier)
    assert result.dead == [("unreadable", page_of([quoted(good(4))]), 4)]


def test_trouble_that_looks_like_poison(follow: Follow) -> None:
    """A carrier that answers everything with one error is left in peace, and costs no event."""
    carrier = Breaking(range(1, 31), set())
    carrier.first.extend([lambda _n, _limit: answer(b'{"error":"maintenance"}')] * 60)
    result = follow(carrier)
    assert sorted(result.events) == list(range(1, 31))
    assert result.dead == []
    assert result.recorder.of(FeedBetrayed) == []
    states = [change.new for change in result.recorder.of(BreakerChanged)]
    assert states[0] == "open"
    assert states[-1] == "closed"
    assert result.recorder.of(FetchFailed)[-1].wait > 1.0


def test_damage_on_the_way_condemns_nothing(follow: Follow) -> None:
    """Bodies that are damaged at random are asked for again until they are whole."""
    carrier = Breaking(range(1, 31), set())
    healed = carrier.page

    def shaky(from_id: int, limit: int) -> httpx.Response:
        count = len(carrier.asked)
        return answer(b'{"ScanEvents":[%d' % count) if count % 3 else healed(from_id, limit)

    carrier.always = shaky
    result = follow(carrier, limit=5)
    assert sorted(result.events) == list(range(1, 31))
    assert result.dead == []


def test_poison_of_both_kinds(follow: Follow) -> None:
    """An event that is no JSON and one that breaks the page are told apart on one page."""
    carrier = Breaking(range(1, 31), {9})
    nan = b'{"EventId":7,"ParcelId":NaN}'
    carrier.elements[7] = nan
    result = follow(carrier)
    assert sorted(result.events) == sorted(set(range(1, 31)) - {7, 9})
    assert [(reason, event_id) for reason, _, event_id in result.dead] == [
        ("not_json", 7),
        ("unreadable", 9),
    ]


def test_the_head_is_found_behind_a_broken_event(follow: Follow) -> None:
    """`start_from = "head"` gets past it."""
    carrier = Breaking(range(1, 60), {32})
    result = follow(carrier, start_from="head")
    assert sorted(result.events) == [59]
