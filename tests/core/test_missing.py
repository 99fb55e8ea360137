"""What is missing below the cursor: gaps or history, and how long it is looked for."""

import pytest

from scand.core.continuity import Finding, Verdict
from scand.core.coverage import Ask, Coverage, Position, Seen
from scand.core.instant import instant_at
from scand.core.ledger import Gap, Outcome, Settled
from tests.core.carrier import T0, Carrier, Follower, Scan
from tests.core.covering import JUMP, LONG_AGO, WINDOW, answer, at_cursor, dense, seen

# --- what is missing ---------------------------------------------------------


def test_holes_are_gaps() -> None:
    """Ids below the greatest that were not shown are missing from then on."""
    progress = answer(at_cursor(7), 12, 8, 9, 7, 12)
    assert progress.position[:2] == (12, True)
    assert progress.change.put == [Gap(10, 11, T0)]


def test_ids_from_below_extend_nothing() -> None:
    """They fill the gap they lie in, and that is all."""
    progress = answer(at_cursor(50, Gap(8, 10, T0)), 9, 3, 50)
    assert progress.position[:2] == (50, True)
    assert progress.change == ([], [Gap(8, 8, T0), Gap(10, 10, T0)], [("filled", 9, 9, T0, T0)])


def test_old_holes_are_history() -> None:
    """While catching up, holes in a page older than two windows are counted, not looked for."""
    coverage = at_cursor(7, late_window=WINDOW)
    old = seen(7, 12, 13, 15, at=T0 - 2 * WINDOW - 1)
    progress = coverage.absorb(coverage.advance(), old, T0, T0)
    assert (progress.history, progress.change.put) == (5, [])


@pytest.mark.parametrize(
    "page",
    [
        seen(7, 12, at=T0 - 2 * WINDOW),
        Seen([(7, None), (12, None)]),
        Seen([(12, instant_at(LONG_AGO)), (13, instant_at(T0))]),
    ],
    ids=["young", "without dates", "one young event"],
)
def test_young_holes_are_gaps(page: Seen) -> None:
    """Where a page is not known to be old, its holes are looked for."""
    coverage = at_cursor(7, late_window=WINDOW)
    progress = coverage.absorb(coverage.advance(), page, T0, T0)
    assert (progress.history, progress.change.put) == (0, [Gap(8, 11, T0)])


def test_holes_at_the_head_are_gaps_whatever_their_date() -> None:
    """A scanner that uploads hours later brings old dates; its hole is new all the same."""
    coverage = at_cursor(7, late_window=WINDOW)
    assert answer(coverage).at_head
    for now, history in ((T0 + WINDOW, 0), (T0 + WINDOW + 1, 1)):
        old = seen(coverage.cursor, coverage.cursor + 2, at=LONG_AGO)
        assert coverage.absorb(coverage.advance(), old, now, now).history == history


def test_a_restart_does_not_make_holes_history() -> None:
    """A process that ends at the head and begins anew within the window knows what is new."""
    coverage = at_cursor(7, late_window=WINDOW)
    assert answer(coverage).at_head
    position = coverage.position
    for now, history in ((T0 + WINDOW, 0), (T0 + WINDOW + 1, 1)):
        coverage = Coverage(position, late_window=WINDOW, began=now)
        old = seen(7, 9, at=LONG_AGO)
        assert coverage.absorb(coverage.advance(), old, now, now).history == history


def test_a_feed_that_begins_anew_is_not_at_its_head() -> None:
    """After a reset, old holes are history, however lately the old feed was at its head."""
    coverage = at_cursor(7, late_window=WINDOW)
    assert answer(coverage).at_head
    coverage.carry_on(Verdict(Finding.RESET, 1), T0)
    assert coverage.absorb(coverage.advance(), seen(1, 3, at=LONG_AGO), T0, T0).history == 1


def test_a_gap_is_given_up_by_a_look_begun_after_the_window() -> None:
    """One begun before shows nothing for good, nor does an answer without any event."""
    settled = [Settled("given_up", 8, 9, T0, T0 + WINDOW)]  # type: ignore[arg-type]
    for begun, page, expected in (
        (T0 + WINDOW - 0.1, seen(10, 11), []),
        (T0 + WINDOW, seen(), []),
        (T0 + WINDOW, seen(10, 11), settled),
    ):
        coverage = at_cursor(50, Gap(8, 9, T0), late_window=WINDOW, inclusive=True)
        ask = Ask(8, 4, reread=True)
        progress = coverage.absorb(ask, page, begun, begun + 100)
        assert progress.change.settled == expected
        assert not progress.at_head


@pytest.mark.parametrize(
    ("inclusive", "ask"),
    [
        (True, Ask(8, 4, reread=True)),
        (False, Ask(7, 5, reread=True)),
        (None, Ask(7, 5, reread=True)),
    ],
)
def test_a_gap_is_asked_for_with_its_neighbours(inclusive: bool | None, ask: Ask) -> None:  # noqa: FBT001 - a parameter
    """From its first id, or from before it for a server that may exclude that, to its successor."""
    coverage = at_cursor(50, Gap(8, 8, T0), Gap(10, 10, T0), limit=10, inclusive=inclusive)
    for _ in range(4):
        assert coverage.reread(T0 + 5) is None
        coverage.advance()
    assert coverage.next_reread() == T0 + 1
    assert coverage.reread(T0 + 5) == ask
    assert coverage.reread(T0 + 5) is None
    assert coverage.next_reread() == float("inf")


def test_gaps_in_a_run_of_unreadable_events_come_to_an_end() -> None:
    """A look that shows nothing but elements without id covers as many ids as it shows."""
    coverage = at_cursor(50, Gap(8, 20, T0), late_window=WINDOW, inclusive=True)
    progress = coverage.absorb(Ask(8, 5, reread=True), seen(unreadable=5), T0 + WINDOW, T0 + WINDOW)
    assert progress.change.settled == [("given_up", 8, 12, T0, T0 + WINDOW)]
    assert progress.change.put == [Gap(13, 20, T0)]


# --- clocks ------------------------------------------------------------------


@pytest.mark.parametrize("leap", [-86_400.0, -1.5, 86_400.0])
def test_a_clock_that_leaps_loses_no_late_id(leap: float) -> None:
    """Set back, gaps are looked at for longer; set forward, before they are given up."""
    late = Scan(5, T0 + 4, T0)
    carrier = Carrier([*dense(4, at=T0 - 1), late, *dense(4, first=6, at=T0)])
    follower = Follower(carrier, late_window=WINDOW)
    while follower.now < T0 + 3.5:
        follower.step()
    assert list(follower.store.gaps) == [5]
    carrier.scans = [Scan(scan.id, LONG_AGO, scan.date) for scan in carrier.scans]
    follower.now += leap
    follower.due = follower.now
    for _ in range(10):
        follower.step()
    assert 5 in follower.store.applied
    assert follower.store.gaps == {}


def test_two_leaps_in_one_page_are_followed_one_by_one() -> None:
    """A full page beyond the first leap proves that, wherever the second one is."""
    coverage = at_cursor(22, inclusive=True, limit=12)
    far, further = 50 * JUMP, 100 * JUMP
    answer(coverage, 22, *range(far, far + 2), *range(further, further + 9))
    assert coverage.cursor == far + 1


def test_a_look_from_beyond_the_cursor_does_not_move_it() -> None:
    """After the cursor was moved back, an old gap is no bridge over what lies between."""
    coverage = at_cursor(12, Gap(38, 38, T0), inclusive=True, late_window=WINDOW)
    assert len(coverage.ledger) == 1
    coverage.advance()
    progress = coverage.absorb(Ask(38, 2, reread=True), seen(40, 41), T0, T0)
    assert progress.position.cursor == 12
    for _ in range(8):
        coverage.advance()
    assert coverage.reread(T0 + 2 * WINDOW) is None  # it sleeps


def test_a_gap_wakes_when_the_cursor_comes_by() -> None:
    """What was missing above is looked for again from there on, or found on the way."""
    position = Position(12, anchored=True, inclusive=True, high=60)
    gaps = [Gap(20, 20, T0), Gap(38, 38, T0), Gap(50, 50, T0)]
    coverage = Coverage(position, gaps, late_window=WINDOW, now=T0, began=T0)
    answer(coverage, 12, *range(13, 20), *range(21, 45))
    change = answer(coverage, 44, *range(45, 61)).change
    assert [(gap.low, gap.outcome) for gap in change.settled] == [(50, Outcome.FILLED)]
    assert len(coverage.ledger) == 1
    for _ in range(4):
        coverage.advance()
    assert coverage.reread(T0 + WINDOW).from_id == 20


def test_an_event_below_stands_in_for_a_cursor_that_is_none() -> None:
    """Where polls repeat no event, there is one to ask for now and then."""
    coverage = at_cursor(7, inclusive=True, before=5)
    assert coverage.unproven == 0
    coverage.let_go()
    assert coverage.unproven == 5
    coverage.let_go()
    assert coverage.unproven == 0


def test_a_server_that_shows_the_id_asked_for_is_inclusive() -> None:
    """Taken for exclusive, with room for two events a page, it would show the same two for ever."""
    coverage = at_cursor(7, limit=2, inclusive=None)
    answer(coverage)
    assert coverage.inclusive is False
    assert coverage.advance().from_id == 6
    answer(coverage, 6, 7)
    assert coverage.inclusive is True
    assert 9 in {event for event in (8, 9) if coverage.advance().from_id <= event}
