"""Instants, checked against calendar arithmetic in whole 100 ns that knows no datetime."""

from math import inf, ulp

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scand.core.instant import (
    EARLIEST,
    LATEST,
    Instant,
    epoch_of,
    instant_at,
    parse_instant,
    parse_instants,
)

TICKS = 10_000_000  # a second, in 100 ns
DAY = 86_400 * TICKS
ARABIC = {ord("0") + digit: 0x660 + digit for digit in range(10)}


def day_number(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar, counted from March."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month - 3) % 12) + 2) // 5 + day - 1
    return (
        era * 146_097
        + year_of_era * 365
        + year_of_era // 4
        - year_of_era // 100
        + (day_of_year - 719_468)
    )


def date_of(number: int) -> tuple[int, int, int]:
    """The inverse of `day_number`, found by stepping from an estimate."""
    year = 1970 + number * 400 // 146_097
    year += day_number(year + 1, 1, 1) <= number
    year -= day_number(year, 1, 1) > number
    month = max(each for each in range(1, 13) if day_number(year, each, 1) <= number)
    return year, month, number - day_number(year, month, 1) + 1


def ticks_of(instant: Instant) -> int:
    """100 ns since 1970; a leap second counts as the second after it."""
    date, time = instant.removesuffix("Z").split("T")
    hour, minute, seconds = time.split(":")
    second, fraction = seconds.split(".")
    whole = (int(hour) * 60 + int(minute)) * 60 + int(second)
    return day_number(*map(int, date.split("-"))) * DAY + whole * TICKS + int(fraction)


def render(ticks: int, digits: int, separator: str = "T", offset: str = "") -> str:
    """`ticks` as a timestamp with `digits` of fraction, cut."""
    number, time = divmod(ticks, DAY)
    second, fraction = divmod(time, TICKS)
    year, month, day = date_of(number)
    text = f"{year:04}-{month:02}-{day:02}{separator}"
    text += f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f"{text}.{fraction:07}"[: len(text) + bool(digits) + digits] + offset


FIRST, LAST = day_number(1, 1, 1) * DAY, day_number(10_000, 1, 1) * DAY - 1
moments = st.integers(FIRST, LAST)
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, int]:
    """A timestamp as some carrier writes it, and its true time in 100 ns."""
    minutes = draw(offsets)
    shift = minutes * 60 * TICKS
    local = draw(st.integers(max(FIRST, FIRST + shift), min(LAST, LAST + shift)))
    digits = draw(st.sampled_from([0, 1, 3, 6, 7]))
    local -= local % 10 ** (7 - digits)
    space = draw(st.sampled_from(["", " "]))
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    offset = f"{space}{sign}{size // 60:02}:{size % 60:02}"
    if not minutes:
        offset = draw(st.sampled_from([offset, "", "Z", "z", " Z"]))
    text = render(local, digits, draw(st.sampled_from("Tt ")), offset)
    return text, local - shift


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2021-05-11T21:11:34.1506147Z", "2021-05-11T21:11:34.1506147Z"),
        ("2021-05-11T21:11:34Z", "2021-05-11T21:11:34.0000000Z"),
        ("2021-05-11T21:11:34.5Z", "2021-05-11T21:11:34.5000000Z"),
        ("2021-05-11T21:11:34.150Z", "2021-05-11T21:11:34.1500000Z"),
        ("2021-05-11T21:11:34.150614799Z", "2021-05-11T21:11:34.1506147Z"),
        ("2021-05-11T21:11:34.99999999Z", "2021-05-11T21:11:34.9999999Z"),
        ("2021-05-11T21:11:34." + "9" * 1_000_000, "2021-05-11T21:11:34.9999999Z"),
        ("2021-05-11t21:11:34.1z", "2021-05-11T21:11:34.1000000Z"),
        ("2021-05-11 21:11:34", "2021-05-11T21:11:34.0000000Z"),
        ("2021-05-11T21:11:34.1506147", "2021-05-11T21:11:34.1506147Z"),
        ("2023-01-01T03:52:48 -13:00", "2023-01-01T16:52:48.0000000Z"),
        ("2023-01-01T03:52:48+13:00", "2022-12-31T14:52:48.0000000Z"),
        ("2023-01-01T03:52:48.5 Z", "2023-01-01T03:52:48.5000000Z"),
        ("2023-01-01T00:00:00-00:00", "2023-01-01T00:00:00.0000000Z"),
        ("2020-02-29T23:30:00-01:00", "2020-03-01T00:30:00.0000000Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60.0000000Z"),
        ("2016-12-31T23:59:60.9999999Z", "2016-12-31T23:59:60.9999999Z"),
        ("2017-01-01T12:59:60+13:00", "2016-12-31T23:59:60.0000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.0000000Z"),
        ("0001-01-01T13:00:00+13:00", "0001-01-01T00:00:00.0000000Z"),
        ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.9999999Z"),
        ("9999-12-31T22:59:59.9999999-01:00", "9999-12-31T23:59:59.9999999Z"),
    ],
    ids=lambda text: repr(text[:40]),
)
def test_accepts(text: str, instant: str) -> None:
    """What carriers send is kept to 100 ns, at UTC."""
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2021-05-11",
        "2021-05-11T21:11Z",
        "2021-05-11T21:11:34.Z",
        "2021-05-11T21:11:34,5Z",
        "2021-05-11T21:11:34  Z",
        "2021-05-11  21:11:34Z",
        "2021-05-11_21:11:34Z",
        " 2021-05-11T21:11:34Z",
        "2021-05-11T21:11:34Z ",
        "2021-05-11T21:11:34 ",
        "2021-05-11T21:11:34.1506147Z\n",
        "2021-W19-2T21:11:34Z",
        "2021-131T21:11:34Z",
        "20210511T211134Z",
        "21-05-11T21:11:34Z",
        "+2021-05-11T21:11:34Z",
        "2021-05-11T21:11:34+1300",
        "2021-05-11T21:11:34+13",
        "2021-05-11T21:11:34+24:00",
        "2021-05-11T21:11:34+12:60",
        "2021-05-11T21:11:34 UTC",
        "2021-05-11T24:00:00Z",
        "2021-05-11T24:00:00.0000000Z",
        "2021-05-11T21:60:00Z",
        "2021-05-11T21:11:60Z",
        "2021-05-11T23:59:61Z",
        "2016-12-31T23:59:60+13:00",
        "2021-05-11T21:11:60.0000000Z",
        "2021-02-29T00:00:00Z",
        "2021-13-01T00:00:00Z",
        "2021-00-01T00:00:00Z",
        "2021-05-00T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "2021-05-11T21:11:34Z".translate(ARABIC),
        "2021-05-11T21:11:34." + "1506147".translate(ARABIC) + "Z",
        "2021-05-11T21:11:34.150614²Z",
        "Tue, 11 May 2021 21:11:34 GMT",
        "/Date(1620767494150)/",
        "1620767494",
        "0" * 1_000_000,
    ],
    ids=lambda text: repr(text[:40]),
)
def test_rejects(text: str) -> None:
    """What is no timestamp, or none between the years 1 and 9999 at UTC, is refused."""
    with pytest.raises(ValueError, match=r".") as refused:
        parse_instant(text)
    assert len(str(refused.value)) < 100  # it becomes the detail of a dead letter


@given(written())
@example(("0001-01-01T00:00:00Z", FIRST))
def test_normalises_offsets(case: tuple[str, int]) -> None:
    """Every offset, separator and precision comes to the same time at UTC."""
    text, ticks = case
    instant = parse_instant(text)
    assert len(instant) == 28
    assert ticks_of(instant) == ticks
    assert instant == render(ticks, 7, offset="Z")


@given(written(), written())
def test_text_order_is_time_order(one: tuple[str, int], other: tuple[str, int]) -> None:
    """Instants compare as text as their times do."""
    assert (parse_instant(one[0]) < parse_instant(other[0])) == (one[1] < other[1])


@given(moments.map(lambda ticks: ticks - ticks % DAY))
def test_leap_seconds_keep_their_place(midnight: int) -> None:
    """A leap second sorts after the last second of its day and before the next day."""
    last = render(midnight + DAY - 1, 7, offset="Z")
    leap = parse_instant(last[:17] + "60.9999999Z")
    assert parse_instant(last) < leap
    if midnight + DAY <= LAST:
        assert leap < parse_instant(render(midnight + DAY, 7))


@given(written())
def test_parsing_is_idempotent(case: tuple[str, int]) -> None:
    """An instant reads as itself."""
    instant = parse_instant(case[0])
    assert parse_instant(instant) == instant


TEXTS = st.one_of(
    st.text(),
    st.text("0123456789-:.TtZz+ ", max_size=40),
    st.from_regex(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{0,9})? ?(Z|[+-]\d\d:\d\d)?"),
)


@given(TEXTS)
def test_raises_nothing_but_value_error(text: str) -> None:
    """Any text is an instant of 28 characters or a ValueError."""
    try:
        instant = parse_instant(text)
    except ValueError:
        return
    assert len(instant) == 28
    assert instant.isascii()
    assert parse_instant(instant) == instant


@given(st.floats((FIRST / TICKS), LAST / TICKS))
def test_an_epoch_survives_the_way_to_an_instant_and_back(epoch: float) -> None:
    """Seconds since 1970 come back to the microsecond, as far as a float can tell it."""
    instant = instant_at(epoch)
    assert parse_instant(instant) == instant
    assert abs(epoch_of(instant) - epoch) <= 1e-6 + 4 * ulp(epoch)


@given(moments)
def test_the_epoch_of_an_instant_is_exact_to_a_float(ticks: int) -> None:
    """`epoch_of` agrees with whole-number arithmetic."""
    epoch = epoch_of(Instant(render(ticks, 7, offset="Z")))
    assert abs(epoch - ticks / TICKS) <= 4 * ulp(max(abs(ticks / TICKS), 60.0))


def test_a_leap_second_counts_as_the_second_after_it() -> None:
    """The epoch has no leap seconds."""
    leap = epoch_of(parse_instant("2016-12-31T23:59:60Z"))
    assert leap == epoch_of(parse_instant("2017-01-01T00:00:00Z"))


@pytest.mark.parametrize(
    ("epoch", "instant"),
    [
        (0.0, "1970-01-01T00:00:00.0000000Z"),
        (-0.000001, "1969-12-31T23:59:59.9999990Z"),
        (inf, LATEST),
        (1e300, LATEST),
        (253_402_300_800.0, LATEST),
        (-inf, EARLIEST),
        (-1e20, EARLIEST),
        (-62_135_596_801.0, EARLIEST),
    ],
)
def test_instants_stay_within_the_calendar(epoch: float, instant: str) -> None:
    """Beyond the years 1 and 9999 lie the earliest and the latest instant."""
    assert instant_at(epoch) == instant


NORMAL = "2021-05-11T21:11:34.1506147Z"


@given(st.lists(written().map(lambda case: case[0]) | st.just(NORMAL), max_size=5))
def test_many_read_as_each_does(texts: list[str]) -> None:
    """The timestamps of a page are normalised as each of them is by itself."""
    assert [*parse_instants(texts)] == [*map(parse_instant, texts)]


@pytest.mark.parametrize(
    "texts",
    [
        [NORMAL[:10], NORMAL[10:]],
        [NORMAL + NORMAL[:14], NORMAL[14:]],
        [NORMAL, NORMAL[:-2] + "xZ"],
        [NORMAL, "2021-02-30" + NORMAL[10:]],
        [NORMAL, NORMAL.replace("T21", "T24")],
        [NORMAL, NORMAL.replace(":11", ":60")],
        [NORMAL, NORMAL.replace(":34", ":61")],
    ],
)
def test_one_that_is_wrong_is_not_hidden_by_others(texts: list[str]) -> None:
    """What is no timestamp is refused beside others, also where two would make one together."""
    with pytest.raises(ValueError, match=r"."):
        parse_instants(texts)
