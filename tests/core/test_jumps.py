"""Ids and pages that cannot be believed, or not at once."""

import pytest

from scand.core.coverage import Ask, Coverage, Position
from scand.core.ledger import Gap
from tests.core.carrier import T0, Carrier, Follower, Scan
from tests.core.covering import JUMP, LONG_AGO, WINDOW, answer, at_cursor, dense, seen, servers


def test_steps_over_a_full_page_without_ids() -> None:
    """What the page may have hidden is looked for again."""
    coverage = at_cursor(7, limit=20, inclusive=True)
    progress = answer(coverage, 7, unreadable=19)
    assert progress.position[:2] == (26, False)
    assert progress.change.put == [Gap(8, 26, T0)]
    assert (progress.at_head, progress.ask_again) == (False, True)
    assert coverage.advance().from_id == 27


def test_steps_over_a_page_that_may_be_full_without_haste() -> None:
    """A server may grant so few; if it does not, the poll interval keeps the peace."""
    coverage = at_cursor(7, inclusive=True)
    progress = answer(coverage, 7, unreadable=1)
    assert progress.position.cursor == 8
    assert (progress.at_head, progress.ask_again) == (False, False)


@servers
def test_steps_over_one_at_a_time(inclusive: bool) -> None:  # noqa: FBT001 - a parameter
    """Even where a page has room for one event only."""
    scans = [Scan(each, LONG_AGO, LONG_AGO, readable=each % 10 == 0) for each in range(1, 41)]
    follower = Follower(Carrier(scans, inclusive=inclusive, cap=1), limit=1, late_window=WINDOW)
    follower.settle(1000)


def test_an_id_too_far_ahead_does_not_move_the_cursor() -> None:
    """Not at the head, not among others, not after a restart, and not when it comes again."""
    far = 50 + 2 * JUMP
    for page in ([50, far], [far], [50, far, far + 1, far + 3 * JUMP]):
        coverage = at_cursor(50, inclusive=True)
        for _ in range(3):
            progress = answer(coverage, *page)
            assert progress.position[:2] == (50, True)
            assert progress.change.put == []
    progress = answer(coverage, 50, 51, far)
    assert progress.position.cursor == 51
    assert answer(coverage, 52, 53, far).position.cursor == 53


@servers
@pytest.mark.parametrize("count", [8, 25, 300])
def test_a_feed_that_goes_on_far_ahead_is_followed(inclusive: bool, count: int) -> None:  # noqa: FBT001 - a parameter
    """As soon as a full page lies beyond the jump."""
    far = dense(count, first=5 * JUMP)
    carrier = Carrier([*dense(30), *far], inclusive=inclusive)
    follower = Follower(carrier, limit=25)
    for _ in range(30):
        follower.step()
    assert follower.coverage.cursor == (far[-1].id if count >= 25 else 30)
    assert follower.store.applied == {scan.id for scan in carrier.scans}
    follower.restart()
    for _ in range(30):
        follower.step()
    assert follower.coverage.cursor == (far[-1].id if count >= 10 else 30)


@servers
@pytest.mark.parametrize("cap", [1, 2, 4, 9])
@pytest.mark.parametrize("count", [3, 12, 60])
def test_short_pages_prove_a_jump_together(inclusive: bool, cap: int, count: int) -> None:  # noqa: FBT001
    """Where the server grants less than a full page, looks beyond the jump see the rest of it."""
    far = dense(count, first=5 * JUMP)
    carrier = Carrier([*dense(30), *far], inclusive=inclusive, cap=cap)
    follower = Follower(carrier, limit=100)
    for _ in range(25):
        follower.step()
    follower.restart()  # by now it is known how much the server grants; now it is not
    for _ in range(300):
        follower.step()
    assert follower.coverage.cursor == (far[-1].id if count >= 10 else 30)
    assert follower.store.applied == {scan.id for scan in carrier.scans}
    looks = sum(ask.reread for ask in follower.answered)
    assert looks <= len(follower.answered) / 5 + 1


def test_a_broken_event_beyond_a_jump_is_one_of_those_there() -> None:
    """A look that meets it goes on behind it."""
    coverage = at_cursor(50, inclusive=True)
    far = 3 * JUMP
    answer(coverage, 50, far)
    for _ in range(4):
        coverage.advance()
    assert coverage.reread(T0) == Ask(far + 1, 100, reread=True)
    coverage.look_past(far + 1, far + 7, T0)
    for _ in range(4):
        coverage.advance()
    assert coverage.reread(T0) == Ask(far + 8, 100, reread=True)


def test_an_event_kept_back_before_the_server_was_known() -> None:
    """It was asked from, and meanwhile the server has proven to leave that out: it is a gap."""
    coverage = Coverage(Position(34, anchored=False), limit=3, late_window=WINDOW, before=4)
    ask = coverage.advance()
    assert ask.from_id == 35
    coverage.learn_manners(inclusive=False)
    progress = coverage.absorb(ask, seen(36, 37, 38), T0, T0)
    assert progress.change.put == [Gap(35, 35, T0)]


def test_a_jump_that_was_followed_is_followed_again() -> None:
    """Back before it, what lies up to the highest id ever covered is believed."""
    far = 3 * JUMP
    before = Position(50, anchored=True, high=far)
    coverage = Coverage(before, inclusive=True)
    assert answer(coverage, 50, far, far + 1).position.cursor == far + 1
    coverage = Coverage(before, inclusive=True)
    assert answer(coverage, 50, far + 1).position.cursor == 50


def test_a_stray_beyond_a_proven_jump_is_left_out() -> None:
    """A full page proves its own ids, not one that is as far beyond them."""
    coverage = at_cursor(50, inclusive=True)
    far = 3 * JUMP
    progress = answer(coverage, *range(far, far + 20), 9 * JUMP)
    assert progress.position.cursor == far + 19


def test_a_question_about_gaps_proves_no_jump() -> None:
    """It asks for few events, so a full answer means little."""
    coverage = at_cursor(50, Gap(49, 49, T0), inclusive=True)
    ask = Ask(49, 2, reread=True)
    progress = coverage.absorb(ask, seen(50, 50 + 2 * JUMP), T0 + 2, T0 + 2)
    assert progress.position.cursor == 50


def test_a_feed_may_begin_anywhere() -> None:
    """The first event ever seen is no jump, a stray behind it is."""
    coverage = Coverage(Position(0, anchored=False))
    assert answer(coverage, 10**15, 10**18).position.cursor == 10**15


def test_gaps_below_a_far_id_are_not_looked_at_by_it() -> None:
    """An id that is not believed does not show that those below it are not there."""
    coverage = at_cursor(50, Gap(8, 8, T0), Gap(30, 30, T0), late_window=WINDOW, inclusive=True)
    late = T0 + WINDOW
    progress = coverage.absorb(Ask(8, 3, reread=True), seen(9, 50 + 2 * JUMP), late, late)
    assert progress.change.settled == [("given_up", 8, 8, T0, T0 + WINDOW)]
