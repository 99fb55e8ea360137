"""Coverage, followed against a carrier that is written independently of it: see `carrier`."""

from functools import reduce
from math import ceil
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scand.core.continuity import Finding, Verdict
from scand.core.coverage import Ask, Coverage, Position, Progress, Seen
from scand.core.event import MAX_ID
from scand.core.instant import instant_at
from scand.core.ledger import Gap, Outcome, Settled
from tests.core.carrier import T0, Carrier, Follower, Scan

WINDOW = 20.0
LONG_AGO = T0 - 1e6
JUMP = 10_000_000

servers = pytest.mark.parametrize("inclusive", [True, False], ids=["inclusive", "exclusive"])


def dense(count: int, first: int = 1, at: float = LONG_AGO) -> list[Scan]:
    return [Scan(each, at, at) for each in range(first, first + count)]


def seen(*ids: int, at: float = T0, unreadable: int = 0) -> Seen:
    return Seen([(each, instant_at(at)) for each in ids], unreadable)


def at_cursor(cursor: int, *gaps: Gap, **settings: object) -> Coverage:
    return Coverage(Position(cursor, anchored=True), gaps, **settings)  # type: ignore[arg-type]


def answer(coverage: Coverage, *ids: int, unreadable: int = 0, now: float = T0) -> Progress:
    """Ask what moves the cursor, and take the answer."""
    return coverage.absorb(coverage.advance(), seen(*ids, at=now, unreadable=unreadable), now, now)


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


# --- gaps near the head --------------------------------------------------------


def at_head(*gaps: Gap, inclusive: bool = True) -> Coverage:
    """Return a coverage that knows the server, which grants pages of 20."""
    coverage = at_cursor(50, *gaps, inclusive=inclusive)
    coverage._server.largest = 20
    return coverage


@servers
def test_a_poll_takes_near_gaps_along(inclusive: bool) -> None:  # noqa: FBT001 - a parameter
    """From the lowest that is due: there is room for all up to the cursor, and as much again."""
    before = not inclusive
    gaps = [Gap(30, 30, T0), Gap(43, 43, T0), Gap(47, 47, T0)]
    coverage = at_head(*gaps, inclusive=inclusive)
    assert coverage.advance(T0 + 0.5) == Ask(50 - before, 100)
    ask = coverage.advance(T0 + 1)
    assert ask == Ask(43 - before, 100, near=True)
    progress = coverage.absorb(ask, seen(44, 45, 46, 48, 49, 50, 51), T0 + 1, T0 + 1)
    assert (progress.position.cursor, progress.ask_again) == (51, False)
    assert coverage.advance(T0 + 1.5) == Ask(51 - before, 100)
    late = T0 + 2
    found = seen(43, 44, 45, 46, 48, 49, 50, 51)
    progress = coverage.absorb(coverage.advance(late), found, late, late)
    assert progress.at_head
    assert [gap[:3] for gap in progress.change.settled] == [("filled", 43, 43)]


def test_the_budget_for_gaps_is_not_touched() -> None:
    """A late id near the head is found by the next poll, however many gaps wait for their turn."""
    coverage = at_head(*(Gap(each, each, T0 - 9) for each in range(2, 30, 2)), Gap(49, 49, T0))
    assert coverage.reread(T0 + 2) is None
    assert coverage.advance(T0 + 2).from_id == 49


def test_what_is_missing_takes_no_room() -> None:
    """Where ids are sparse, a page reaches further down."""
    coverage = at_head(Gap(12, 28, T0), Gap(31, 43, T0))
    assert coverage.advance(T0 + 1).from_id == 12


@pytest.mark.parametrize(
    ("change", "from_id"),
    [
        ({}, 45),
        ({"_behind": True}, 51),
        ({"_covered.anchored": False}, 51),
        ({"_server.inclusive": None}, 50),
        ({"_server.largest": 11}, 50),
        ({"_server.limit": 11}, 50),
    ],
    ids=["at the head", "behind", "unanchored", "unknown server", "small pages", "small limit"],
)
def test_only_at_the_head_of_a_known_server(change: dict[str, Any], from_id: int) -> None:
    """Else the poll has another question, or no room."""
    coverage = at_head(Gap(45, 45, T0))
    for name, value in change.items():
        *owner, field = name.split(".")
        setattr(reduce(getattr, owner, coverage), field, value)
    assert coverage.advance(T0 + 1).from_id == from_id


def test_a_gap_ahead_of_the_cursor_is_not_near() -> None:
    """After a rewind, gaps lie above the cursor as well: asked from there, it would be skipped."""
    coverage = at_head(Gap(53, 53, T0))
    assert coverage.advance(T0 + 1) == Ask(50, 100)


@pytest.mark.parametrize(
    "page",
    [
        seen(43, 44, 45, 46),
        seen(unreadable=4),
        seen(unreadable=20),
        seen(*range(43, 50), unreadable=13),
        seen(*range(43, 51), unreadable=12),
    ],
    ids=["cut off", "unreadable", "a full page of that", "without the cursor", "full"],
)
def test_a_page_without_room_for_news_is_no_head(page: Seen) -> None:
    """Pages may have become smaller, or hold what cannot be read: the next question is for sure."""
    coverage = at_head(Gap(42, 42, T0))
    ask = coverage.advance(T0 + 1)
    assert not coverage.misses_cursor(ask, page)
    progress = coverage.absorb(ask, page, T0 + 1, T0 + 1)
    assert (progress.position.cursor, progress.at_head, progress.ask_again) == (50, False, False)
    assert coverage.advance(T0 + 9) == Ask(50, 100)
    assert answer(coverage, 50, 52, now=T0 + 9).position.cursor == 52
    assert coverage.advance(T0 + 99) == Ask(51, 100, near=True)


def test_a_page_with_near_gaps_that_is_too_large_is_done_without() -> None:
    """Or that cannot be read: the limit stays, and only what is missing from then on is near."""
    coverage = at_head(Gap(42, 42, T0))
    assert coverage.advance(T0 + 1).near
    assert coverage.shrink()
    assert coverage.advance(T0 + 1) == Ask(50, 100)


def test_a_poll_from_a_near_gap_proves_the_feed() -> None:
    """The cursor's event is repeated, or it is missed as always."""
    coverage = at_head(Gap(42, 42, T0))
    ask = coverage.advance(T0 + 1)
    assert coverage.proves(ask)
    assert not coverage.misses_cursor(ask, seen(*range(43, 51)))
    assert coverage.misses_cursor(ask, seen())
    assert coverage.misses_cursor(ask, seen(43, 44, 51))


# --- ids and pages that cannot be believed -----------------------------------


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
