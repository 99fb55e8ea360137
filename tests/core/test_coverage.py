"""Coverage, followed against a carrier that is written independently of it: see `carrier`."""

from math import ceil
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scand.core.coverage import Ask, Coverage, Position
from scand.core.event import MAX_ID
from scand.core.ledger import Gap
from tests.core.carrier import T0, Carrier, Follower, Scan
from tests.core.covering import LONG_AGO, WINDOW, answer, at_cursor, dense, seen, servers

# --- any server, any feed ----------------------------------------------------


@st.composite
def feeds(draw: st.DrawFn) -> list[Scan]:
    """Ids with holes, some late by up to the window, some without id or date; some is backlog."""
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 5, 30]), min_size=2, max_size=30))
    begin = T0 - draw(st.sampled_from([0.0, 10.0, 100.0, 1e6]))
    pause = draw(st.sampled_from([0.01, 0.3, 2.0]))
    late, unreadable = draw(st.sampled_from([0, 0.3])), draw(st.sampled_from([0, 0, 0.1, 0.5, 0.9]))
    dice = draw(st.randoms(use_true_random=False))
    scans, event_id = [], draw(st.sampled_from([0, 0, 30]))
    for count, step in enumerate(steps):
        event_id, arrives = event_id + step, begin + count * pause
        lateness = dice.uniform(0, WINDOW) if dice.random() < late else 0.0
        readable, dated = dice.random() >= unreadable, dice.random() < 0.9
        scans.append(Scan(event_id, arrives + lateness, arrives, readable, dated))
    return scans


@st.composite
def followers(draw: st.DrawFn) -> Follower:
    scans = draw(feeds())
    carrier = Carrier(
        scans,
        inclusive=draw(st.booleans()),
        cap=draw(st.sampled_from([1, 2, 7, 1000])),
        dice=draw(st.none() | st.integers(0, 99).map(Random)),
        heavy=draw(st.frozensets(st.sampled_from([scan.id for scan in scans]), max_size=2)),
    )
    return Follower(
        carrier,
        limit=draw(st.sampled_from([1, 2, 5, 100])),
        late_window=WINDOW,
        inclusive=draw(st.sampled_from([None, carrier.inclusive])),
    )


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    followers(), st.sets(st.integers(0, 50), max_size=3), st.sets(st.integers(0, 50), max_size=3)
)
def test_nothing_is_lost(follower: Follower, restarts: set[int], crashes: set[int]) -> None:
    """Whatever the server and the feed are like, and whenever scand dies, every event is seen.

    At each step of the way, what is passed unseen is in the ledger, the head is the head, and one
    question in five at most looks at gaps; see `Follower.check`. In the end no gap is left.
    """
    for step in range(50):
        if step in restarts:
            follower.restart()
        follower.step(crash=step in crashes)
    last, scans = follower.carrier.scans[-1], follower.carrier.scans
    now = max(follower.now, *(scan.visible_at for scan in scans))
    scans += [Scan(last.id + 1, now, now), Scan(last.id + 2, now + 5, now + 5)]  # life goes on
    follower.settle(3000)


# --- what a backlog costs ----------------------------------------------------


@servers
@pytest.mark.parametrize("said", [True, False], ids=["said", "auto"])
@pytest.mark.parametrize(
    ("count", "limit", "cap", "stride"),
    [
        (1000, 100, 1000, 1),
        (1000, 100, 30, 1),
        (1000, 100, 100, 10),
        (100, 1, 1000, 1),
        (100, 100, 1, 3),
        (100, 2, 1000, 1),
        (5, 10, 10, 1),
        (1, 10, 10, 1),
    ],
)
def test_a_backlog_is_read_once(
    inclusive: bool,  # noqa: FBT001 - a parameter of the test
    said: bool,  # noqa: FBT001 - as above
    count: int,
    limit: int,
    cap: int,
    stride: int,
) -> None:
    """As many questions as there are pages, and few more; no event is served twice, but a few."""
    scans = [Scan(10 + each * stride, LONG_AGO, LONG_AGO) for each in range(count)]
    carrier = Carrier(scans, inclusive=inclusive, cap=cap)
    follower = Follower(carrier, limit=limit, inclusive=inclusive if said else None)
    assert follower.catch_up(2 * count + 10) <= ceil(count / min(limit, cap)) + 5
    assert carrier.served <= count + 5
    assert follower.store.applied == {scan.id for scan in scans}
    assert follower.coverage.cursor == scans[-1].id


def test_the_head_is_asked_from_the_cursor() -> None:
    """A poll repeats the last event, which proves that the feed is still the same."""
    follower = Follower(Carrier(dense(250)), limit=100)
    follower.catch_up(10)
    for _ in range(5):
        assert follower.step().at_head
        assert follower.answered[-1] == Ask(250, 100)


def test_at_the_head_little_is_asked_at_once() -> None:
    """A few new events wait for the next poll; a quarter of a page does not."""
    coverage = at_cursor(100, inclusive=True)
    answer(coverage, *range(100, 200))
    assert not answer(coverage, *range(200, 224)).ask_again
    assert answer(coverage, 223, *range(224, 250)).ask_again


# --- where to ask from -------------------------------------------------------


def test_learns_that_the_server_is_inclusive() -> None:
    """A server that repeats the cursor's event is asked from behind it while there is more."""
    coverage = at_cursor(7)
    assert coverage.advance().from_id == 7
    answer(coverage, 7, 8, 9)
    assert coverage.inclusive is True
    assert coverage.advance().from_id == 10


@pytest.mark.parametrize("ids", [[], [8, 9]])
def test_learns_that_the_server_is_exclusive(ids: list[int]) -> None:
    """A server that leaves the cursor's event out, though it was asked from there, is so."""
    coverage = at_cursor(7)
    answer(coverage, *ids)
    assert coverage.inclusive is False
    assert coverage.advance().from_id == (9 if ids else 6)


@pytest.mark.parametrize(("ids", "unreadable"), [([3, 7], 0), ([3, 8], 0), ([8], 1), ([], 1)])
def test_learns_nothing_from_a_page_in_disorder(ids: list[int], unreadable: int) -> None:
    """A stray id or an element without one may be anything, so it proves nothing."""
    coverage = at_cursor(7)
    answer(coverage, *ids, unreadable=unreadable)
    assert coverage.inclusive is None


def test_the_last_proof_counts() -> None:
    """An event that a carrier takes back does not make the server exclusive for ever."""
    coverage = at_cursor(7, limit=1)
    answer(coverage, 8)
    assert coverage.inclusive is False
    assert answer(coverage, 8).ask_again
    assert coverage.inclusive is True
    assert coverage.advance().from_id == 9


@servers
def test_what_was_said_is_not_unlearned(inclusive: bool) -> None:  # noqa: FBT001 - a parameter
    """A setting stands, whatever a page looks like."""
    coverage = at_cursor(7, inclusive=inclusive)
    answer(coverage, *([8] if inclusive else [7, 8]))
    assert coverage.inclusive is inclusive


def test_a_feed_begins_at_its_first_id() -> None:
    """A start is asked for itself; by a server that excludes it, from before."""
    start = Position(41, anchored=False)
    assert Coverage(start).advance().from_id == 42
    assert Coverage(start, inclusive=True).advance().from_id == 42
    assert Coverage(start, inclusive=False).advance().from_id == 41


def test_an_exclusive_server_keeps_no_first_event_back() -> None:
    """The first id is looked for where the server's manners are unknown, however old the feed."""
    follower = Follower(Carrier(dense(50), inclusive=False), limit=100)
    follower.step()
    assert follower.store.gaps == {1: Gap(1, 1, follower.now)}
    follower.settle(20)
    assert 1 in follower.store.applied
    assert follower.store.history == 0


def test_the_first_id_alone_is_in_doubt() -> None:
    """Of the ids missing before an old feed's first event, the others are history."""
    coverage = Coverage(Position(0, anchored=False))
    progress = coverage.absorb(Ask(1, 100), seen(501, at=LONG_AGO), T0, T0)
    assert progress.history == 499
    assert progress.change.put == [Gap(1, 1, T0)]


def test_skips_to_where_it_is_told() -> None:
    """What lies below the start is no gap."""
    coverage = Coverage(Position(0, anchored=False))
    coverage.skip_to(1000)
    assert coverage.advance() == Ask(1000, 100)
    assert answer(coverage, 1000).change.put == []
    coverage.skip_to(0)
    assert coverage.cursor == 0


def test_no_question_is_beyond_the_last_id() -> None:
    """At the greatest id of all there is nothing behind the cursor to ask for."""
    coverage = at_cursor(MAX_ID - 1, inclusive=True)
    answer(coverage, MAX_ID - 1, MAX_ID)
    assert coverage.advance().from_id == MAX_ID
    answer(coverage, unreadable=100)
    assert coverage.cursor == MAX_ID


@pytest.mark.parametrize(
    ("anchored", "inclusive", "from_id", "reread", "idle"),
    [
        (True, None, 7, False, True),
        (True, False, 7, False, True),
        (True, True, 7, False, False),
        (True, True, 8, False, True),
        (False, None, 8, False, False),
        (True, False, 3, True, True),
        (True, True, 3, True, True),
    ],
)
def test_not_found_can_mean_that_nothing_is_new(
    anchored: bool,  # noqa: FBT001 - a parameter of the test
    inclusive: bool | None,  # noqa: FBT001 - as above
    from_id: int,
    reread: bool,  # noqa: FBT001 - as above
    idle: bool,  # noqa: FBT001 - as above
) -> None:
    """From a feed that has answered, unless it was asked for an event that is there."""
    coverage = Coverage(Position(7, anchored=anchored), inclusive=inclusive)
    assert coverage.may_be_idle(Ask(from_id, 100, reread)) is idle


def test_a_feed_that_has_answered_may_be_idle() -> None:
    """Also while the cursor is no event's id."""
    coverage = Coverage(Position(0, anchored=False))
    answer(coverage, unreadable=3)
    assert coverage.may_be_idle(coverage.advance())


# --- how much to ask for -----------------------------------------------------


def test_asks_for_less_while_answers_are_too_large() -> None:
    """Half as much each time, down to one; the limit recovers with every answer."""
    coverage = at_cursor(7, limit=100)
    limits = []
    while coverage.advance() and coverage.shrink():
        limits.append(coverage.advance().limit)
    assert limits == [50, 25, 12, 6, 3, 1]
    for _ in range(20):
        answer(coverage, coverage.cursor, coverage.cursor + 1)
    assert coverage.advance().limit == 100


def test_a_question_about_a_gap_that_is_too_large_is_put_again_at_once() -> None:
    """With half its limit, not half the feed's, and on the same budget."""
    coverage = at_cursor(50, Gap(8, 8, T0 - 5), inclusive=True)
    for _ in range(4):
        answer(coverage, 50)
    assert coverage.reread(T0) == Ask(8, 2, reread=True)
    assert coverage.shrink()
    assert coverage.reread(T0) == Ask(8, 1, reread=True)
    assert not coverage.shrink()


def test_small_pages_that_were_asked_for_are_no_sign_of_the_head() -> None:
    """With a limit that shrank, a page of one event means more, and at once."""
    coverage = at_cursor(7, inclusive=True)
    answer(coverage, *range(7, 107))
    while coverage.advance() and coverage.shrink():
        pass
    assert answer(coverage, 107).ask_again


@pytest.mark.parametrize("known", [None, True])
def test_a_page_with_room_for_the_cursor_alone_hides_the_next(known: bool | None) -> None:  # noqa: FBT001 - a parameter
    """It is no head, and the next question is from behind it."""
    coverage = at_cursor(7, limit=1, inclusive=known)
    ask = Ask(7, 1)
    progress = coverage.absorb(ask, seen(7), T0, T0)
    assert not progress.at_head
    assert progress.ask_again
    assert coverage.advance() == Ask(8, 1)
    assert answer(coverage).at_head


def test_behind_the_last_id_nothing_hides() -> None:
    """The greatest id of all is the head, also on a page with room for one event."""
    coverage = at_cursor(MAX_ID, limit=1, inclusive=True)
    progress = coverage.absorb(Ask(MAX_ID, 1), seen(MAX_ID), T0, T0)
    assert progress.at_head
    assert not progress.ask_again
