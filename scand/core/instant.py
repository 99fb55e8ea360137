"""Points in time as text: UTC, 100 ns, so that text order is time order.

Accepted: RFC 3339, and what carriers send beside it: a space for the T, a space before the
offset, no fraction, more than seven digits (cut, not rounded, so order survives), no offset
(UTC, as the field's name says). A leap second is accepted where one can be: at 23:59:60 UTC.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NewType, cast

Instant = NewType("Instant", str)
"""`2021-05-11T21:11:34.1506147Z`: always 28 characters."""

EARLIEST = Instant("0001-01-01T00:00:00.0000000Z")
LATEST = Instant("9999-12-31T23:59:59.9999999Z")

_SYNTAX = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(?:\.(\d+))?(?: ?(Z|z|[+-]\d\d:\d\d))?",
    re.ASCII,
)
_FORM = "0000-00-00T00:00:00.0000000Z"
_LENGTH = len(_FORM)
_HOURS = len("0000-00-00T00")
_TENS = (len("0000-00-00T00:"), len("0000-00-00T00:00:"))  # of minutes, and of seconds
_TO_ZERO = str.maketrans("123456789", "0" * 9)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_instant(text: str) -> Instant:
    """Normalise a timestamp, as `parse_instants` does."""
    return parse_instants([text])[0]


def parse_instants(texts: Sequence[str]) -> Sequence[Instant]:
    """Normalise timestamps. Raises ValueError, with a reason fit for a dead letter."""
    if _are_normal(texts):
        return cast("Sequence[Instant]", texts)
    return [*map(_normalise, texts)]


def _are_normal(texts: Sequence[str]) -> bool:
    """Whether timestamps are as they should be: nearly all are, so this costs little."""
    if not {_LENGTH}.issuperset(map(len, texts)):
        return False
    joined = "".join(texts)
    return (
        joined.translate(_TO_ZERO) == _FORM * len(texts)
        and all(max(joined[tens::_LENGTH], default="") < "6" for tens in _TENS)
        and all(map(_is_hour, {text[:_HOURS] for text in texts}))
    )


@lru_cache(maxsize=1024)
def _is_hour(text: str) -> bool:
    """Many events share one."""
    try:
        return datetime.fromisoformat(text).isoformat(timespec="hours") == text
    except ValueError:
        return False


def _normalise(text: str) -> Instant:
    match = _SYNTAX.fullmatch(text)
    if match is None:
        raise ValueError("not a timestamp of the form 2021-05-11T21:11:34.1506147Z")
    date, minutes, seconds, fraction, offset = match.groups()
    whole = _in_utc(date, minutes, seconds, offset or "Z")
    return Instant(f"{whole}.{(fraction or '')[:7]:0<7}Z")


def _in_utc(date: str, minutes: str, seconds: str, offset: str) -> str:
    """`YYYY-MM-DD`, `HH:MM` and `SS` at `offset`, as `YYYY-MM-DDTHH:MM:SS` in UTC."""
    if int(minutes[:2]) > 23:  # noqa: PLR2004 - Python 3.13 accepts 24:00, RFC 3339 does not
        raise ValueError("hour must be in 0..23")
    try:
        minute = datetime.fromisoformat(f"{date}T{minutes}") - _offset(offset)
    except OverflowError:
        raise ValueError("the year leaves 0001..9999 when brought to UTC") from None
    leap = seconds == "60" and (minute.hour, minute.minute) == (23, 59)
    if int(seconds) > 59 and not leap:  # noqa: PLR2004 - seconds in a minute
        raise ValueError("second must be in 0..59, or 60 at 23:59 UTC")
    return f"{minute.isoformat(timespec='minutes')}:{seconds}"


def _offset(text: str) -> timedelta:
    if text in {"Z", "z"}:
        return timedelta()
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:  # noqa: PLR2004 - RFC 3339 time-numoffset
        raise ValueError("offset must be in -23:59..+23:59")
    size = timedelta(hours=hours, minutes=minutes)
    return -size if text[0] == "-" else size


def instant_at(epoch: float) -> Instant:
    """The instant `epoch` seconds after 1970, to the microsecond, kept within 0001..9999."""
    try:
        moment = _EPOCH + timedelta(seconds=epoch)
    except OverflowError:
        return LATEST if epoch > 0 else EARLIEST
    return Instant(f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}0Z")


def epoch_of(instant: Instant) -> float:
    """Seconds after 1970. A leap second counts as the second after it."""
    minute = datetime.fromisoformat(instant[:16]).replace(tzinfo=UTC)
    return (minute - _EPOCH).total_seconds() + float(instant[17:-1])
