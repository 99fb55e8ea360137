import pytest
from hypothesis import given
from hypothesis import strategies as st

from scand.core.catalogue import Catalogue
from scand.core.event import Reason, ScanEvent
from scand.core.instant import LATEST, Instant, instant_at
from scand.core.judge import Judge, Ruling

NOW = 1_620_767_494.0
DAY = 86_400.0
UNKNOWN = "RETURN/ is not in the catalogue"
FAR_FUTURE = "CreatedDateTimeUtc is further in the future than feed.max_future"


def scan(kind: str = "PICKUP", created_at: Instant | None = None, **fields: object) -> ScanEvent:
    given = {"run_id": "100", **fields}
    return ScanEvent(1, 1, kind, created_at or instant_at(NOW), **given)  # type: ignore[arg-type]


def rule(event: ScanEvent, *, strict: bool = False, fatal: bool = False) -> Ruling:
    return Judge(Catalogue.of(strict=strict), DAY, future_is_fatal=fatal).rule([event], NOW)


FUTURE = instant_at(NOW + DAY + 1)


@pytest.mark.parametrize(
    ("event", "strict", "fatal", "reason", "oddities"),
    [
        (scan(), False, False, None, []),
        (scan(), True, True, None, []),
        (scan("RETURN"), False, True, None, [UNKNOWN]),
        (scan("RETURN"), True, False, Reason.NOT_IN_CATALOGUE, [UNKNOWN]),
        (scan(run_id=None), False, True, None, ["User.RunId is absent"]),
        (scan(run_id=None), True, False, Reason.NOT_IN_CATALOGUE, ["User.RunId is absent"]),
        (scan(created_at=FUTURE), True, False, None, [FAR_FUTURE]),
        (scan(created_at=FUTURE), False, True, Reason.FAR_FUTURE, [FAR_FUTURE]),
        (scan("RETURN", FUTURE), False, False, None, [FAR_FUTURE, UNKNOWN]),
        (scan("RETURN", FUTURE), True, False, Reason.NOT_IN_CATALOGUE, [UNKNOWN]),
        (scan("RETURN", FUTURE), False, True, Reason.FAR_FUTURE, [FAR_FUTURE]),
        (scan("RETURN", FUTURE), True, True, Reason.FAR_FUTURE, [FAR_FUTURE]),
    ],
)
def test_rules(
    event: ScanEvent,
    strict: bool,  # noqa: FBT001 - a parameter of the test
    fatal: bool,  # noqa: FBT001 - as above
    reason: Reason | None,
    oddities: list[str],
) -> None:
    """The open catalogue counts what the strict one turns away; so do the orders for the future."""
    ruling = rule(event, strict=strict, fatal=fatal)
    if reason is None:
        assert ruling == Ruling([event], [], ruling.oddities)
        assert ruling.oddities == dict.fromkeys(oddities, 1)
    else:
        assert ruling == Ruling([], [(event, reason, oddities[0])])


@pytest.mark.parametrize(
    ("created_at", "reason"),
    [
        (instant_at(NOW + DAY), None),
        (Instant(instant_at(NOW + DAY)[:-2] + "1Z"), Reason.FAR_FUTURE),
        (LATEST, Reason.FAR_FUTURE),
        (instant_at(0.0), None),
    ],
)
def test_the_future_begins_after_max_future(created_at: Instant, reason: Reason | None) -> None:
    """A date of exactly now and `max_future` is taken; 100 ns more are not."""
    turned = rule(scan(created_at=created_at), fatal=True).turned
    assert [why for _, why, _ in turned] == ([reason] if reason else [])


def test_a_horizon_beyond_the_calendar_turns_nothing_away() -> None:
    """A `max_future` without end is allowed."""
    judge = Judge(Catalogue.of(), float("inf"), future_is_fatal=True)
    assert judge.rule([scan(created_at=LATEST)], NOW).accepted


events = st.builds(
    scan,
    st.sampled_from(["PICKUP", "RETURN"]),
    st.sampled_from([instant_at(NOW), FUTURE]),
    run_id=st.sampled_from([None, "1"]),
)


@given(st.lists(events), st.booleans(), st.booleans())
def test_every_event_is_accepted_or_turned_away_in_order(
    scans: list[ScanEvent],
    strict: bool,  # noqa: FBT001 - drawn
    fatal: bool,  # noqa: FBT001 - drawn
) -> None:
    """Judging several events is judging each, and loses none."""
    ruling = Judge(Catalogue.of(strict=strict), DAY, future_is_fatal=fatal).rule(scans, NOW)
    each = [rule(event, strict=strict, fatal=fatal) for event in scans]
    assert ruling.accepted == [event for one in each for event in one.accepted]
    assert ruling.turned == [turned for one in each for turned in one.turned]
    assert ruling.oddities.total() == sum(one.oddities.total() for one in each)
    assert len(ruling.accepted) + len(ruling.turned) == len(scans)
