import math
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scand.feed.pacing import Backoff, retry_after

NOW = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())


def upper(_low: float, high: float) -> float:
    return high


class Highest(random.Random):
    uniform = staticmethod(upper)


def test_the_ceiling_doubles_up_to_the_cap() -> None:
    """Each attempt may wait twice as long as the one before, and never longer than the cap."""
    backoff = Backoff(0.5, 3.0, Highest())
    assert [backoff.next() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert backoff.attempt == 5


def test_reset_starts_over() -> None:
    """After a success the next delay is a short one again."""
    backoff = Backoff(0.5, 30.0, Highest())
    for _ in range(4):
        backoff.next()
    backoff.reset()
    assert backoff.attempt == 0
    assert backoff.next() == 0.5


def test_thousands_of_attempts_do_not_overflow() -> None:
    """A carrier that is down for days is waited for with the cap, not with an OverflowError."""
    backoff = Backoff(0.25, 60.0, random.Random(1))
    delays = [backoff.next() for _ in range(5000)]
    assert all(0 <= delay <= 60 for delay in delays)
    assert max(delays[3000:]) > 50


def test_jitter_reaches_down_to_zero() -> None:
    """Full jitter draws from the whole range below the ceiling."""
    backoff = Backoff(10.0, 10.0, random.Random(7))
    delays = [backoff.next() for _ in range(500)]
    assert min(delays) < 0.5
    assert max(delays) > 9.5


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"Retry-After": "Wed, 01 Jul 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Wednesday, 01-Jul-26 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Wed Jul  1 12:00:30 2026"}, 30.0),
        ({"Retry-After": "Wed, 01 Jul 2026 14:00:30 +0200"}, 30.0),
        ({"Retry-After": "Wed, 01 Jul 2026 12:00:30 -0000"}, 30.0),
        ({"Retry-After": "Wed, 01 Jul 2020 12:00:30 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "1e300"}, None),
        ({"Retry-After": "9" * 400}, 1e9),
        ({"Retry-After": "Wed, 99 Jul 99999 12:00:30 GMT"}, None),
        ({"RateLimit-Reset": "30"}, 30.0),
        ({"RateLimit-Reset": str(EPOCH + 45)}, 45.0),
        ({"X-RateLimit-Reset": "30"}, 30.0),
        ({"X-RateLimit-Reset": str(EPOCH + 45)}, 45.0),
        ({"X-RateLimit-Reset": str((EPOCH + 45) * 1000)}, 45.0),
        ({"X-RateLimit-Reset": str(EPOCH - 45)}, 0.0),
        ({"X-RateLimit-Reset": "2026-07-01T12:00:30Z"}, None),
        ({"X-Rate-Limit-Reset": "7"}, 7.0),
        ({"RateLimit": '"default";r=0;t=30'}, 30.0),
        ({"RateLimit": '"default"; r=0; t=30'}, 30.0),
        ({"RateLimit": '"burst";r=0;t=5, "daily";r=100;t=3600'}, 5.0),
        ({"RateLimit": '"burst";r=0;t=5, "daily";r=0;t=3600'}, 3600.0),
        ({"RateLimit": '"a,b;t=9";r=0;t=30'}, 30.0),
        ({"RateLimit": '"default";r=5;t=30'}, 30.0),
        ({"RateLimit": '"default";r=0'}, None),
        ({"RateLimit": "limit=100, remaining=0, reset=30"}, 30.0),
        ({"RateLimit": "limit=100,remaining=0,reset=30"}, 30.0),
        ({"RateLimit": "whatever"}, None),
        ({"Retry-After": "3", "RateLimit-Reset": "30"}, 3.0),
        ({"Retry-After": "soon", "RateLimit-Reset": "30"}, 30.0),
    ],
)
def test_what_the_carrier_asks_for(headers: dict[str, str], expected: float | None) -> None:
    """Each way of saying "wait" is understood, and nonsense says nothing."""
    assert retry_after(httpx.Headers(headers), NOW) == expected


@given(st.integers(-(10**6), 10**9))
def test_any_http_date_is_a_delay(seconds: int) -> None:
    """A date is the time until then, and a past one means now."""
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after({"retry-after": date}, NOW) == max(0, seconds)


@given(
    st.sampled_from(["retry-after", "ratelimit", "ratelimit-reset", "x-ratelimit-reset"]),
    st.text()
    | st.from_regex(r"[-+]?[0-9.eE]{1,25}")
    | st.from_regex(r"(Wed, )?[0-9]{1,4} (Jul|Xyz) -?[0-9]{1,6} [0-9:]{1,9} ?(GMT|[-+][0-9]{1,9})?")
    | st.from_regex(r'("[a-z]*"?;r=[0-9]*;t=[0-9]*,? ?){1,4}'),
)
def test_no_header_can_hurt(name: str, value: str) -> None:
    """Whatever a header says, the answer is None or a finite number of seconds, at least 0."""
    delay = retry_after({name: value}, NOW)
    assert delay is None or (math.isfinite(delay) and delay >= 0)
