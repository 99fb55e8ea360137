# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""Events that break their pages, in simulated time: at the head, below it, and what comes later."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf

import pytest
import trio
from trio.testing import MockClock

from scand.core.coverage import Coverage, Position
from scand.core.event import Reason
from scand.core.instant import instant_at
from scand.ports import Answered, Failed, Outcome, Request, Throttled, TooLarge
from scand.records import FeedBetrayed, FetchFailed, PageFetched
from tests.support.following import HALT, LIMIT, POLL, Carrier, Follow, Run
from tests.support.parts import NOON
from tests.support.scans import body_of, scan

WINDOW = 600.0
HALTING = replace(HALT, on_poison="halt")


class Breaking(Carrier):
    """Ids from when on they are there, and the times from when and until when they are broken."""

    def __init__(
        self,
        ids: Sequence[int] = (),
        broken: dict[int, tuple[float, float]] | None = None,
        late: dict[int, float] | None = None,
        *,
        exclusive: bool = False,
    ) -> None:
        super().__init__([], exclusive=exclusive)
        self.since = dict.fromkeys(ids, 0.0) | (late or {})
        self.broken = broken or {}

    async def ask(self, request: Request) -> Outcome:
        now = trio.current_time()
        self.ids = sorted(each for each, since in self.since.items() if since <= now)
        outcome = await super().ask(request)
        for each, (since, until) in self.broken.items():
            if since <= now < until and isinstance(outcome, Answered):
                begins = b'{"EventId": %d,' % each
                outcome = Answered(outcome.body.replace(begins, begins + b'"'))
        return outcome


ALWAYS = (0.0, inf)


def letters(run: Run) -> list[int | None]:
    reasons = {item.reason for page in run.pages for item in page.rejected}
    assert reasons <= {Reason.UNREADABLE}
    return [item.event_id for page in run.pages for item in page.rejected]


def ids(run: Run) -> list[int]:
    return [each for page in run.ids for each in page]


def following(*, at: int = 0, inclusive: bool | None = True) -> Coverage:
    position = Position(at, anchored=at > 0, inclusive=inclusive)
    return Coverage(position, limit=LIMIT, late_window=WINDOW, before=max(at - 1, 0))


# --- at the head ---------------------------------------------------------------------


@pytest.mark.parametrize("exclusive", [False, True])
async def test_a_broken_event_at_the_head(
    autojump_clock: MockClock,
    follow: Follow,
    exclusive: bool,  # noqa: FBT001
) -> None:
    """It is passed though nothing is behind it; what comes behind it later is read."""
    feed = Breaking([2, 3], {4: ALWAYS}, {4: 20.0, 5: 100.0, 6: 150.0}, exclusive=exclusive)
    coverage = following(at=2, inclusive=not exclusive)
    run = await follow(feed, 140.0, coverage)
    assert set(ids(run)) == {2, 3, 5}
    assert run.coverage.cursor == 5
    assert set(letters(run)) == {4}


async def test_polls_behind_it_are_as_usual(autojump_clock: MockClock, follow: Follow) -> None:
    """The head behind a broken event is polled as any other, and proven by the event before."""
    feed = Breaking([1, 2, 3, 4], {4: ALWAYS})
    run = await follow(feed, 4000.0, following(at=1))
    late = [when for when in feed.when if when > 2000.0]
    assert len(late) <= 1.3 * 2000.0 / POLL
    assert run.recorder.of(PageFetched)[-1].at_head


async def test_it_is_found_while_new_events_keep_coming(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """No two pages are alike where one more event is on each: still it does not take long."""
    feed = Breaking(range(1, 4), {4: ALWAYS}, {each: each / 20 for each in range(4, 4000)})
    coverage = Coverage(Position(3, anchored=True, inclusive=True), limit=10_000)
    run = await follow(feed, 10.0, coverage)
    assert letters(run)[0] == 4
    assert run.recorder.when[0] < 5.0
    assert run.coverage.cursor > 100


async def test_the_cursors_event_breaks(autojump_clock: MockClock, follow: Follow) -> None:
    """It was read before: it costs nothing, and does not hide what is new."""
    feed = Breaking([1, 2, 3], {3: (30.0, inf)}, {4: 100.0, 5: 200.0})
    run = await follow(feed, 300.0, following())
    assert ids(run) == [1, 2, 3, 4, 5]
    assert letters(run) == []
    assert len(feed.asked) <= 300.0 / POLL + 60


# --- looked for again ------------------------------------------------------------------


@pytest.mark.parametrize("stride", [1, 50])
async def test_an_event_that_is_mended_is_found(
    autojump_clock: MockClock, follow: Follow, stride: int
) -> None:
    """Within the window, a broken event is looked for like one that is missing."""
    feed = Breaking([each * stride for each in range(1, 30)], {7 * stride: (0.0, 200.0)})
    run = await follow(feed, WINDOW, following())
    assert set(ids(run)) == set(feed.since)
    assert set(letters(run)) == {7 * stride}
    assert all(gap.outcome == "filled" for page in run.pages for gap in page.ledger.settled)


@pytest.mark.parametrize("broken", [{7}, {7, 8, 9}, {7, 9, 12}])
async def test_looking_for_it_comes_to_an_end(
    autojump_clock: MockClock, follow: Follow, broken: set[int]
) -> None:
    """An event that stays broken is looked for until the window has passed, on the usual budget."""
    feed = Breaking(range(1, 30), dict.fromkeys(broken, ALWAYS))
    run = await follow(feed, 3 * WINDOW, following())
    assert set(ids(run)) == set(feed.since) - broken
    assert set(letters(run)) == broken
    assert len(run.coverage.ledger) == 0
    given_up = {
        each
        for page in run.pages
        for gap in page.ledger.settled
        if gap.outcome == "given_up"
        for each in range(gap.low, gap.high + 1)
    }
    assert given_up == broken
    polls = 3 * WINDOW / POLL
    assert len(feed.asked) <= 1.3 * polls + 30 * len(broken)


async def test_it_is_told_once(autojump_clock: MockClock, follow: Follow) -> None:
    """Looks that meet it again make no other dead letter, and no noise."""
    feed = Breaking(range(1, 30), {7: ALWAYS})
    run = await follow(feed, 2 * WINDOW, following())
    assert letters(run) == [7]
    (told,) = run.recorder.of(FeedBetrayed)
    assert "event 7 " in told.said


async def test_ids_behind_it_are_still_found_late(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """A gap that begins with a broken event hides nothing: late ids around it are found."""
    late = {5: 60.0, 9: 90.0, 10: 200.0}
    feed = Breaking([*range(1, 5), 7, *range(11, 20)], {7: ALWAYS}, late)
    run = await follow(feed, WINDOW, following())
    assert set(ids(run)) == set(feed.since) - {7}


async def test_a_late_event_is_broken(autojump_clock: MockClock, follow: Follow) -> None:
    """Found by a look below the cursor, it becomes a dead letter; the policy to halt is not met."""
    feed = Breaking([*range(1, 5), *range(7, 20)], {5: ALWAYS}, {5: 60.0, 6: 60.0})
    run = await follow(feed, 3 * WINDOW, following(), policies=HALTING)
    assert set(ids(run)) == set(feed.since) - {5}
    assert set(letters(run)) == {5}
    assert run.coverage.cursor == 19
    assert len(run.coverage.ledger) == 0


async def test_a_neighbour_of_a_gap_breaks(autojump_clock: MockClock, follow: Follow) -> None:
    """It was read before: looks pass it, and it is no dead letter."""
    feed = Breaking([*range(1, 5), *range(7, 20)], {7: (30.0, inf)}, {6: 300.0})
    run = await follow(feed, 3 * WINDOW, following())
    assert set(ids(run)) == set(feed.since)
    assert letters(run) == []
    assert len(run.coverage.ledger) == 0


# --- the policy to halt -----------------------------------------------------------------


async def test_a_halt_waits_before_the_event(autojump_clock: MockClock, follow: Follow) -> None:
    """All before it is read; then it is loud, and asks seldom."""
    feed = Breaking(range(1, 30), {7: ALWAYS})
    run = await follow(feed, 600.0, following(), policies=HALTING)
    assert ids(run) == [1, 2, 3, 4, 5, 6]
    assert run.coverage.cursor == 6
    assert letters(run) == []
    incidents = [page.incident for page in run.pages if page.incident]
    assert {(each.action, each.was, each.now) for each in incidents} == {("poison", 6, 6)}
    told = run.recorder.of(FeedBetrayed)
    assert {(each.finding, each.policy) for each in told} == {("poison", "halt")}
    assert all("event 7 " in each.said for each in told)
    assert 5 <= len(told) <= 11
    assert len(feed.asked) <= 20 * len(told)


async def test_a_halt_ends_by_itself(autojump_clock: MockClock, follow: Follow) -> None:
    """As soon as the page can be read again, the feed is followed."""
    feed = Breaking(range(1, 30), {7: (0.0, 300.0)})
    run = await follow(feed, 420.0, following(), policies=HALTING)
    assert ids(run) == list(range(1, 30))
    assert letters(run) == []


# --- trouble on the way -------------------------------------------------------------------


class Troubled(Breaking):
    """Every third answer is something else."""

    def __init__(self, trouble: Outcome, size: int = 30) -> None:
        super().__init__(range(1, size), {7: ALWAYS})
        self.trouble = trouble

    async def ask(self, request: Request) -> Outcome:
        outcome = await super().ask(request)
        return self.trouble if len(self.asked) % 3 == 2 else outcome


@pytest.mark.parametrize("trouble", [Failed("HTTP 500"), Throttled("HTTP 429", 7.0)])
async def test_trouble_during_the_search_is_no_answer(
    autojump_clock: MockClock, follow: Follow, trouble: Outcome
) -> None:
    """What fails on the way is asked again, as at any other time, and misleads nobody."""
    feed = Troubled(trouble)
    run = await follow(feed, 300.0, following())
    assert set(ids(run)) == set(feed.since) - {7}
    assert set(letters(run)) == {7}
    waits = [each.wait for each in run.recorder.of(FetchFailed) if each.kind == "Throttled"]
    assert set(waits) <= {7.0}


async def test_large_pages_on_the_way(autojump_clock: MockClock, follow: Follow) -> None:
    """A page that is too large is asked for in parts, and is no broken event."""

    class Large(Breaking):
        async def ask(self, request: Request) -> Outcome:
            outcome = await super().ask(request)
            return TooLarge("more than max_body") if request.limit > 3 else outcome

    feed = Large(range(1, 30), {7: ALWAYS})
    run = await follow(feed, 300.0, following())
    assert set(ids(run)) == set(feed.since) - {7}
    assert set(letters(run)) == {7}


async def test_an_event_too_large_to_be_read_is_not_set_aside(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """`max_body` can be raised: the event is waited for, also where a search comes upon it."""

    class Giant(Breaking):
        async def ask(self, request: Request) -> Outcome:
            outcome = await super().ask(request)
            assert isinstance(outcome, Answered)
            return TooLarge("more than max_body") if b'Id": 7,' in outcome.body else outcome

    feed = Giant(range(1, 30), {9: ALWAYS})
    run = await follow(feed, 600.0, following())
    assert run.coverage.cursor == 6
    assert letters(run) == []
    assert len(feed.asked) < 100


@pytest.mark.parametrize("body", [b'{"error":"maintenance"}', b"<html>", body_of(scan(1))[:-9]])
async def test_a_carrier_in_trouble_is_left_in_peace(
    autojump_clock: MockClock, follow: Follow, body: bytes
) -> None:
    """Where everything is answered alike, searching for an event is soon given up, and slowly."""

    class Down(Breaking):
        async def ask(self, request: Request) -> Outcome:
            outcome = await super().ask(request)
            return outcome if trio.current_time() > 3600.0 else Answered(body)

    feed = Down(range(1, 30))
    run = await follow(feed, 3800.0, following())
    assert ids(run) == list(range(1, 30))
    assert letters(run) == []
    assert sum(when < 3600.0 for when in feed.when) < 400


async def test_a_carrier_that_fails_of_large_ids_is_asked_again_later(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """A question that only was to tell more, and is never answered, ends the search for a while."""

    class Short(Breaking):
        """Counts ids in 32 bits, and is in trouble for an hour."""

        async def ask(self, request: Request) -> Outcome:
            outcome = await super().ask(request)
            if isinstance(request.from_id, int) and request.from_id >= 1 << 31:
                return Failed("HTTP 500 Internal Server Error")
            return outcome if trio.current_time() > 3600.0 else Answered(body_of(scan(1))[:-9])

    feed = Short(range(1, 30))
    run = await follow(feed, 3800.0, following())
    assert ids(run) == list(range(1, 30))
    assert letters(run) == []


async def test_old_dates_do_not_keep_it_from_being_looked_for(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """While catching up, holes are history; a broken event is not."""

    class Old(Breaking):
        async def ask(self, request: Request) -> Outcome:
            outcome = await super().ask(request)
            assert isinstance(outcome, Answered)
            recent, old = (instant_at(at).encode() for at in (NOON, NOON - 1e6))
            return Answered(outcome.body.replace(recent, old))

    feed = Old(range(1, 100, 2), {41: (0.0, 100.0)})
    run = await follow(feed, WINDOW, following())
    assert set(ids(run)) == set(feed.since)
    assert sum(page.history for page in run.pages) > 40


# --- an event without an id, at the end of the feed ---------------------------------------


class Nameless(Carrier):
    """Its newest event has an id that cannot be read."""

    async def ask(self, request: Request) -> Outcome:
        outcome = await super().ask(request)
        if isinstance(outcome, Answered):
            newest = b'"EventId": %d,' % self.ids[-1]
            outcome = Answered(outcome.body.replace(newest, b'"EventId": null,'))
        return outcome


@pytest.mark.parametrize("exclusive", [False, True])
async def test_a_gap_before_an_unreadable_newest_event_comes_to_an_end(
    autojump_clock: MockClock,
    follow: Follow,
    exclusive: bool,  # noqa: FBT001
) -> None:
    """Also on a server of which nobody knows whether it counts FromEventId in."""
    feed = Nameless([1, 2, 3, 5], exclusive=exclusive)
    run = await follow(feed, 3 * WINDOW, following(at=3, inclusive=None))
    assert len(run.coverage.ledger) == 0
    assert run.coverage.inclusive is not exclusive
