"""How long to wait: after a failure (full jitter), and when the carrier says so."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random

# --- after a failure ---------------------------------------------------------

_MAX_EXPONENT = 1023  # 2.0 ** 1024 overflows; a feed can be down for thousands of attempts


class Backoff:
    """Exponential back-off with full jitter, in seconds.

    Full jitter spreads many clients of one recovering carrier best:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    def __init__(self, base: float, cap: float, rng: Random) -> None:
        self.reconfigure(base, cap)
        self._rng = rng
        self._attempt = 0

    def reconfigure(self, base: float, cap: float) -> None:
        """Take effect with the next delay."""
        self._base, self._cap = base, cap

    @property
    def attempt(self) -> int:
        """How many delays were handed out since the last `reset`."""
        return self._attempt

    def next(self) -> float:
        ceiling = min(self._cap, self._base * 2.0 ** min(self._attempt, _MAX_EXPONENT))
        self._attempt += 1
        return self._rng.uniform(0.0, ceiling)

    def brief(self) -> float:
        """A delay after an answer that is no failure, and no success either."""
        return self._rng.uniform(0.0, self._base)

    def reset(self) -> None:
        self._attempt = 0


# --- when the carrier says so ------------------------------------------------

_MAX_DELAY = 1e9  # keeps "9" * 400 finite; a sensible cap is the caller's
_EPOCH_SECONDS = 1e9  # no delay lasts 30 years: from here on a number is a point in time
_EPOCH_MILLISECONDS = 1e11

_NUMBER = re.compile(r"\d+(?:\.\d*)?", re.ASCII)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_RESET = re.compile(r"(?:^|[;,\s])(?:t|reset)\s*=\s*(\d+)", re.ASCII | re.IGNORECASE)
_USED_UP = re.compile(r"(?:^|[;,\s])(?:r|remaining)\s*=\s*0+(?!\d)", re.ASCII | re.IGNORECASE)
_OLD_RATELIMIT = re.compile(r"\breset\s*=", re.IGNORECASE)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds the carrier asks to wait, finite and >= 0, or None if it does not say.

    `headers` must look names up in lower case or ignoring case; `now` must be aware.
    """
    for name, parse in _DELAYS:
        if (value := headers.get(name)) is not None:
            delay = parse(value.strip(), now)
            if delay is not None:
                return min(max(delay, 0.0), _MAX_DELAY)
    return None


def _seconds_or_date(value: str, now: datetime) -> float | None:
    """`Retry-After`, RFC 9110 section 10.2.3."""
    if _NUMBER.fullmatch(value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):  # the parser's ways to say "no date"
        return None
    if date.tzinfo is None:  # asctime form, and "-0000": HTTP dates are UTC
        date = date.replace(tzinfo=UTC)
    return (date - now).total_seconds()


def _policies(value: str, _now: datetime) -> float | None:
    """`RateLimit`: `"default";r=0;t=30` or, in older drafts, `limit=100, remaining=0, reset=30`.

    Several policies may be listed. The one that is used up longest is the one to wait for.
    """
    value = _QUOTED.sub('""', value)
    policies = [value] if _OLD_RATELIMIT.search(value) else value.split(",")
    used_up = [policy for policy in policies if _USED_UP.search(policy)]
    resets = [_RESET.search(policy) for policy in used_up or policies]
    return max((float(reset[1]) for reset in resets if reset), default=None)


def _reset(value: str, now: datetime) -> float | None:
    """`RateLimit-Reset` in seconds, or the point in time that some carriers send instead."""
    if not _NUMBER.fullmatch(value):
        return None
    number = float(value)
    if number < _EPOCH_SECONDS:
        return number
    seconds = number / 1000 if number >= _EPOCH_MILLISECONDS else number
    return seconds - now.timestamp()


# The first header that says something understandable is believed.
_DELAYS: tuple[tuple[str, Callable[[str, datetime], float | None]], ...] = (
    ("retry-after", _seconds_or_date),
    ("ratelimit", _policies),
    ("ratelimit-reset", _reset),
    ("x-ratelimit-reset", _reset),
    ("x-rate-limit-reset", _reset),
)
