from hypothesis import given
from hypothesis import strategies as st

from scand.core.restarts import RestartIntensity


def test_as_many_as_allowed_are_allowed() -> None:
    """The restart after `intensity` restarts within the period is one too many."""
    allowed = RestartIntensity(3, 10.0)
    assert [allowed.exceeded(now) for now in (0.0, 1.0, 2.0, 10.0)] == [False, False, False, True]


def test_old_restarts_are_forgotten() -> None:
    """Restarts further apart than the period allows never add up."""
    allowed = RestartIntensity(1, 10.0)
    assert not any(allowed.exceeded(now) for now in (0.0, 10.1, 20.2, 30.3))


def test_an_intensity_of_nothing_allows_nothing() -> None:
    """With intensity 0 the first restart is one too many."""
    assert RestartIntensity(0, 1.0).exceeded(5.0)


@given(st.integers(0, 4), st.integers(0, 20), st.lists(st.integers(0, 10), max_size=30))
def test_counts_restarts_within_the_period(intensity: int, period: int, pauses: list[int]) -> None:
    """It is exceeded exactly when more than `intensity` lie within the last `period` seconds."""
    allowed = RestartIntensity(intensity, period)
    now, restarts = 0, []
    for pause in pauses:
        now += pause
        restarts.append(now)
        recent = [each for each in restarts if now - each <= period]
        assert allowed.exceeded(now) == (len(recent) > intensity)
