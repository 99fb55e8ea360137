"""Hostile answers as a whole: pages, statuses, bodies. Whatever comes, the feed is followed. Resets
and the like need a real connection: see `tests/feed/test_http.py`.
"""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trio

from scand.records import BreakerChanged, FetchFailed
from tests.hostile.carrier import RawCarrier, Serve, answer, good, page_of
from tests.hostile.conftest import Follow, Followed
from tests.support.parts import NOON

EVENTS = {n: good(n) for n in range(1, 13)}


def kinds(result: Followed) -> list[str]:
    return [failure.kind for failure in result.recorder.of(FetchFailed)]


def waits(result: Followed) -> list[float]:
    return [failure.wait for failure in result.recorder.of(FetchFailed)]


def test_limit_of_one(follow: Follow) -> None:
    """A Limit of 1 reads every event, though a poll from the cursor has room for that alone."""
    result = follow(RawCarrier(dict(EVENTS)), limit=1)
    assert sorted(result.events) == sorted(EVENTS)


@pytest.mark.parametrize("cap", [1, 2, 5])
def test_a_capped_limit(follow: Follow, cap: int) -> None:
    """A server that grants fewer events than asked for is read to its head."""
    result = follow(RawCarrier(dict(EVENTS), cap=cap), limit=1000)
    assert sorted(result.events) == sorted(EVENTS)


def test_fifty_for_a_thousand(follow: Follow) -> None:
    """A server that caps Limit at 50 when asked for 1000 loses nothing and is asked little more."""
    events = {n: good(n) for n in range(1, 1001)}
    carrier = RawCarrier(events, cap=50)
    result = follow(carrier, limit=1000)
    assert len(result.events) == 1000
    assert len(carrier.asked) <= 1000 / 50 + 3


def test_an_unsorted_page(follow: Follow) -> None:
    """The order within a page does not matter."""
    carrier = RawCarrier(dict(EVENTS))
    carrier.always = lambda n, limit: answer(page_of(reversed(carrier.chosen(n, limit))))
    result = follow(carrier, limit=5)
    assert sorted(result.events) == sorted(EVENTS)


def test_ids_below_the_one_asked_for(follow: Follow) -> None:
    """Ids below the one asked for are applied, and end nothing."""
    carrier = RawCarrier({n: good(n) for n in range(20, 30)})
    carrier.always = lambda n, limit: answer(page_of([good(3), *carrier.chosen(n, limit)]))
    result = follow(carrier, limit=5)
    assert sorted(result.events) == [3, *range(20, 30)]


def test_a_bare_array(follow: Follow) -> None:
    """A page may be a bare array."""
    carrier = RawCarrier(dict(EVENTS))
    carrier.always = lambda n, limit: answer(b"[" + b",".join(carrier.chosen(n, limit)) + b"]")
    result = follow(carrier)
    assert sorted(result.events) == sorted(EVENTS)


class Endless(httpx.AsyncByteStream):
    """A body of one byte a second, for ever."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await trio.sleep(1)
            yield b" "


def endless(_from_id: int, _limit: int) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "application/json"}, stream=Endless())


def says(body: bytes, status: int = 200, **headers: str) -> Serve:
    return lambda _from_id, _limit: answer(body, status, **headers)


WHOLE = page_of(EVENTS.values())

HEALED = {
    "ScanEvents missing": (says(b"{}"), "Failed"),
    "ScanEvents null": (says(b'{"ScanEvents": null}'), "Failed"),
    "ScanEvents a number": (says(b'{"ScanEvents": 1}'), "Failed"),
    "a number": (says(b"1"), "Failed"),
    "nothing": (says(b""), "Failed"),
    "HTML with status 200": (says(b"<html>", content_type="text/html"), "Failed"),
    "HTML that claims to be JSON": (says(b"<html>"), "Failed"),
    "JSON cut in the middle": (says(WHOLE[:-40]), "Failed"),
    "truncated gzip": (says(gzip.compress(WHOLE)[:-9], content_encoding="gzip"), "Failed"),
    "a body of a byte a second": (endless, "Failed"),
    "500": (says(b"{}", 500), "Failed"),
    "503": (says(b"{}", 503), "Failed"),
    "a redirect": (says(b"", 302, location="http://elsewhere.test/"), "Refused"),
    "401": (says(b"", 401), "Refused"),
    "403": (says(b"", 403), "Refused"),
    "404 at first": (says(b"", 404), "NotFound"),
    "429 with seconds": (says(b"", 429, retry_after="7"), "Throttled"),
    "429 without a word": (says(b"", 429), "Throttled"),
    "503 with Retry-After": (says(b"", 503, retry_after="7"), "Throttled"),
}


@pytest.mark.parametrize(("bad", "kind"), HEALED.values(), ids=HEALED.keys())
def test_bad_answers_that_heal(follow: Follow, bad: Serve, kind: str) -> None:
    """A bad answer is named, costs no event, and is asked again until a good one comes."""
    carrier = RawCarrier(dict(EVENTS))
    carrier.first.extend([bad, bad])
    result = follow(carrier, timeout="10s")
    assert kinds(result) == [kind, kind]
    assert sorted(result.events) == sorted(EVENTS)
    assert result.dead == []


def test_429_with_a_date(follow: Follow) -> None:
    """A date in Retry-After is waited for."""
    carrier = RawCarrier(dict(EVENTS))
    carrier.first.append(says(b"", 429, retry_after="Fri, 31 Dec 9999 23:59:59 GMT"))
    result = follow(carrier)
    assert waits(result) == [900.0], "capped by retry_after_cap"
    assert NOON > 0


def test_429_is_no_failure(follow: Follow) -> None:
    """However often the carrier says 429, the breaker stays closed."""
    carrier = RawCarrier(dict(EVENTS))
    carrier.first.extend([says(b"", 429, retry_after="7")] * 20)
    result = follow(carrier)
    assert waits(result) == [7.0] * 20
    assert result.recorder.of(BreakerChanged) == []


@pytest.mark.parametrize("status", [204, 404])
def test_nothing_new_in_other_words(follow: Follow, status: int) -> None:
    """204, and 404 from a feed that has answered before, mean at the head that nothing is new."""
    carrier = RawCarrier(dict(EVENTS))

    def exclusive(from_id: int, limit: int) -> httpx.Response:
        chosen = carrier.chosen(from_id + 1, limit)
        return answer(page_of(chosen)) if chosen else answer(b"", status)

    carrier.always = exclusive
    result = follow(carrier, limit=5, start_from=1)
    assert sorted(result.events) == sorted(EVENTS)[1:], "1 itself is what it keeps back"
    assert kinds(result) == []


def test_100_mb_in_97_kb(follow: Follow) -> None:
    """A body that unpacks to more than max_body is not read; half as many events are asked for."""
    carrier = RawCarrier(dict(EVENTS))
    bomb = gzip.compress(b" " * 100_000_000, compresslevel=9)
    carrier.first.extend([says(bomb, content_encoding="gzip")] * 2)
    result = follow(carrier, limit=100, max_body="1MiB")
    assert [limit for _, limit in carrier.asked[:3]] == [100, 50, 25]
    assert sorted(result.events) == sorted(EVENTS)


def test_401_heals_with_the_token(follow: Follow, tmp_path: Path) -> None:
    """401 pauses the feed without touching events; a new token in the file ends the pause."""
    token = tmp_path / "token"
    token.write_text("old")
    carrier = RawCarrier(dict(EVENTS))

    def rotate(_from_id: int, _limit: int) -> httpx.Response:
        token.write_text("new one")
        return answer(b"", 401)

    carrier.first.append(rotate)
    result = follow(carrier, token_file=str(token))
    assert kinds(result) == ["Refused"]
    assert sorted(result.events) == sorted(EVENTS)


def test_poison_leaves_the_breaker_alone(follow: Follow) -> None:
    """A page that never decodes is read event by event after three tries, breaker untouched."""
    poison = b'{"EventId": 4, "ParcelId": NaN}'
    result = follow(RawCarrier({3: good(3), 4: poison, 5: good(5)}), breaker={"failures": 1})
    assert sorted(result.events) == [3, 5]
    assert result.dead == [("not_json", poison, 4)]
    assert result.recorder.of(BreakerChanged) == []


JUMP = 10**15


def test_an_id_jump(follow: Follow) -> None:
    """An id 10^15 ahead is applied but not followed: the true events after it are all applied."""
    carrier = RawCarrier({**{n: good(n) for n in range(1, 31)}, JUMP: good(JUMP)})
    grows = iter(range(31, 200))

    def growing(from_id: int, limit: int) -> httpx.Response:
        for _ in range(3):
            if (n := next(grows, None)) is not None:
                carrier.elements[n] = good(n)
        return answer(page_of(carrier.chosen(from_id, limit)))

    carrier.always = growing
    result = follow(carrier, limit=10)
    assert sorted(result.events) == [*range(1, 200), JUMP]
    assert result.cursor == 199


def test_a_feed_that_goes_on_beyond_a_jump(follow: Follow) -> None:
    """Where the feed really continues beyond a jump, scand follows."""
    beyond = range(JUMP, JUMP + 40)
    carrier = RawCarrier({n: good(n) for n in [*range(1, 31), *beyond]})
    result = follow(carrier, limit=10)
    assert sorted(result.events) == [*range(1, 31), *beyond]
    assert result.cursor == JUMP + 39


@pytest.mark.parametrize("order", ["event_id", "created_at"])
def test_a_date_in_2099(follow: Follow, order: str) -> None:
    """A date in 2099 is applied by event_id, a dead letter by created_at; the rest is applied."""
    future = good(4, parcel_id=9).replace(b"2021-05-11", b"2099-05-11")
    carrier = RawCarrier({3: good(3, parcel_id=9), 4: future, 5: good(5, parcel_id=9)})
    result = follow(carrier, order=order)
    assert result.parcels[9]["latest"]["event_id"] == 5
    if order == "created_at":
        assert result.dead == [("far_future", future, 4)]
    else:
        assert sorted(result.events) == [3, 4, 5]


def test_a_byte_order_mark(follow: Follow) -> None:
    """A byte order mark before the page does not matter."""
    carrier = RawCarrier(dict(EVENTS))
    carrier.always = lambda n, limit: answer(b"\xef\xbb\xbf" + page_of(carrier.chosen(n, limit)))
    result = follow(carrier)
    assert sorted(result.events) == sorted(EVENTS)


def test_the_head_beyond_unreadable_events(follow: Follow) -> None:
    """`start_from = "head"` finds the head past events without an id."""
    carrier = RawCarrier({1: b"{}", 2: b'{"EventId": null}', **{n: good(n) for n in range(3, 60)}})
    result = follow(carrier, start_from="head")
    assert sorted(result.events) == [59]
