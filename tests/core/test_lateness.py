"""How late ids were, in figures, and when that is worth a warning."""

import pytest

from scand.core.lateness import NEAR, WARN_EVERY, EdgeWatch, Lateness, measure
from scand.core.ledger import Outcome, Settled

WINDOW = 600.0


def found(late: float, outcome: Outcome = Outcome.FILLED) -> Settled:
    return Settled(outcome, 5, 5, 1000.0, 1000.0 + late)


@pytest.mark.parametrize(
    ("seconds", "figures"),
    [
        ([], Lateness(0, None, None, None)),
        ([3.0], Lateness(1, 3.0, 3.0, 3.0)),
        ([2.0, 1.0], Lateness(2, 1.0, 2.0, 2.0)),
        ([float(each) for each in range(200, 0, -1)], Lateness(200, 100.0, 198.0, 200.0)),
    ],
)
def test_percentiles(seconds: list[float], figures: Lateness) -> None:
    """Each is one of the values: the least that so many of them do not exceed."""
    assert measure(seconds) == figures


def test_notices_what_came_near_the_edge() -> None:
    """Later than four fifths of the window, and found: what was given up was not late, but lost."""
    watch = EdgeWatch()
    assert watch.notice([], 0.0, WINDOW) is None
    assert watch.notice([found(NEAR * WINDOW)], 0.0, WINDOW) is None
    assert watch.notice([found(WINDOW, Outcome.GIVEN_UP)], 0.0, WINDOW) is None
    assert watch.notice([found(1.0), found(NEAR * WINDOW + 1), found(2.0)], 0.0, WINDOW) == 481.0


def test_warns_now_and_then() -> None:
    """A feed that is always near the edge is no storm of warnings."""
    watch = EdgeWatch()
    warned = [
        now for now in range(3600) if watch.notice([found(500.0)], float(now), WINDOW) is not None
    ]
    assert warned == [0, WARN_EVERY, 2 * WARN_EVERY, 3 * WARN_EVERY, 4 * WARN_EVERY, 5 * WARN_EVERY]
