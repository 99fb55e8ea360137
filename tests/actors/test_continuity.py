# ruff: noqa: ARG001, FBT001 - autojump_clock works by being asked for, and parameters are flags
"""A feed that betrays: it was reset, has lost old events, or only seems to."""

import json

import pytest
import trio
from trio.testing import MockClock

from scand.core.coverage import Coverage, Position
from scand.core.ledger import Outcome
from scand.ports import Answered, Request
from scand.ports import Outcome as Answer
from scand.records import FeedBetrayed
from tests.support.following import CONTINUE, HALT, LIMIT, Carrier, Follow

servers = pytest.mark.parametrize("exclusive", [False, True])


class Changing(Carrier):
    """A carrier whose ids become others at some moments of simulated time."""

    def __init__(self, *chapters: tuple[float, list[int]], exclusive: bool = False) -> None:
        super().__init__([], exclusive=exclusive)
        self.chapters = chapters

    async def ask(self, request: Request) -> Answer:
        now = trio.current_time()
        self.ids = [ids for begins, ids in self.chapters if begins <= now][-1]
        return await super().ask(request)


def lasting(*ids: int) -> Coverage:
    """A store that was left at the greatest of these ids."""
    position = Position(max(ids), anchored=True)
    return Coverage(position, limit=LIMIT, before=sorted(ids)[-2])


OLD, NEW = list(range(1, 20)), [1, 2, 3]


@servers
async def test_a_reset_halts(autojump_clock: MockClock, follow: Follow, exclusive: bool) -> None:
    """A feed that ends below the cursor is told, recorded, and read no further."""
    feed = Changing((0, OLD), (30, NEW), exclusive=exclusive)
    run = await follow(feed, 400.0)
    told = run.recorder.of(FeedBetrayed)
    assert {(one.finding, one.policy) for one in told} == {("reset", "halt")}
    assert {each for page in run.ids for each in page} == set(OLD)
    assert {page.position.cursor for page in run.pages if page.incident} == {19}
    assert 3 <= len(told) <= 8  # again and again, but rarely


@servers
async def test_a_reset_continues(
    autojump_clock: MockClock, follow: Follow, exclusive: bool
) -> None:
    """With the other policy the feed is read again from its beginning, and followed."""
    later = [*NEW, 4, 5, 6, 7]
    feed = Changing((0, OLD), (30, NEW), (60, later), exclusive=exclusive)
    run = await follow(feed, 300.0, policies=CONTINUE)
    (incident,) = [page.incident for page in run.pages if page.incident]
    assert (incident.action, incident.was) == ("reset", 19)
    after = [page for page in run.pages if page.sequence > 2]
    assert set(later) <= {event.event_id for page in after for event in page.events}
    assert run.coverage.cursor == 7


@servers
async def test_lost_events_are_passed(
    autojump_clock: MockClock, follow: Follow, exclusive: bool
) -> None:
    """Events that aged out before they were read are recorded as lost, and the feed goes on."""
    feed = Changing((0, OLD), (30, list(range(200, 240))), exclusive=exclusive)
    run = await follow(feed, 120.0, policies=CONTINUE)
    (page,) = [page for page in run.pages if page.incident]
    first = 201 if exclusive else 200  # asked from 1, it shows what it has: all of it
    assert page.incident.action == "retention_gap"
    lost = [(gap.low, gap.high) for gap in page.ledger.settled if gap.outcome is Outcome.LOST]
    assert lost == [(20, 199)]
    assert {event.event_id for page in run.pages for event in page.events} >= set(range(first, 240))


@servers
async def test_a_loss_while_the_daemon_was_down(
    autojump_clock: MockClock,
    follow: Follow,
    exclusive: bool,
) -> None:
    """The first question after a start has the cursor's event repeated, so the loss is seen."""
    feed = Carrier(range(200, 240), exclusive=exclusive)
    run = await follow(feed, 200.0, lasting(*OLD), policies=CONTINUE)
    assert [one.finding for one in run.recorder.of(FeedBetrayed)] == ["retention_gap"]
    assert run.coverage.cursor == 239


async def test_a_loss_during_an_outage(autojump_clock: MockClock, follow: Follow) -> None:
    """After a long silence the feed must prove itself, also in the middle of catching up."""
    silence = (20.0, 90.0)

    class Silent(Changing):
        async def ask(self, request: Request) -> Answer:
            if silence[0] < trio.current_time() < silence[1]:
                await trio.sleep_until(silence[1])
            elif trio.current_time() < silence[0]:
                await trio.sleep(1.0)
            return await super().ask(request)

    feed = Silent((0, list(range(1, 500))), (60, list(range(900, 1000))))
    run = await follow(feed, 300.0, policies=CONTINUE)
    assert [one.finding for one in run.recorder.of(FeedBetrayed)] == ["retention_gap"]
    assert run.coverage.cursor == 999


@servers
async def test_a_lagging_replica_is_no_reset(
    autojump_clock: MockClock,
    follow: Follow,
    exclusive: bool,
) -> None:
    """Answers that are behind for the better part of a minute are not believed."""
    feed = Changing((0, OLD), (30, OLD[:-4]), (80, OLD), (120, [*OLD, 30]), exclusive=exclusive)
    run = await follow(feed, 300.0)
    assert run.recorder.of(FeedBetrayed) == []
    assert run.coverage.cursor == 30


@servers
async def test_an_event_taken_back_is_no_reset(
    autojump_clock: MockClock,
    follow: Follow,
    exclusive: bool,
) -> None:
    """Where only the newest event is gone, the feed is followed as before."""
    feed = Changing((0, OLD), (30, OLD[:-1]), (60, [*OLD[:-1], 30]), exclusive=exclusive)
    run = await follow(feed, 120.0)
    assert run.recorder.of(FeedBetrayed) == []
    assert run.coverage.cursor == 30


async def test_an_empty_feed_is_idle(autojump_clock: MockClock, follow: Follow) -> None:
    """All events may age out over a quiet weekend: nothing is lost, and little is asked."""
    feed = Changing((0, OLD), (30, []), (3000, [20, 21]))
    run = await follow(feed, 3100.0)
    assert [one.finding for one in run.recorder.of(FeedBetrayed)] == ["empty"]  # it is told once
    assert run.coverage.cursor == 21
    assert len(feed.asked) < 1.2 * 3100 / 2


async def test_a_feed_that_comes_back_is_followed(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """Halted by the wrong feed, it goes on by itself once the right one is there again."""
    feed = Changing((0, OLD), (30, NEW), (400, [*OLD, 30]))
    run = await follow(feed, 600.0)
    assert run.coverage.cursor == 30


async def test_an_end_at_the_head_is_refused(autojump_clock: MockClock, follow: Follow) -> None:
    """A run that is to end at the head says why it cannot."""
    run = await follow(Carrier(NEW), 600.0, lasting(*OLD), until_caught_up=True)
    assert "ends below 19" in run.halted
    assert [page.incident.action for page in run.pages] == ["reset"]


async def test_the_kind_of_server_is_proven_once(autojump_clock: MockClock, follow: Follow) -> None:
    """A server that leaves the cursor's event out costs one more request, at first contact."""
    feed = Carrier(OLD, exclusive=True)
    run = await follow(feed, 20.0, lasting(*OLD), policies=HALT)
    assert run.coverage.inclusive is False
    assert [request.from_id for request in feed.asked][:4] == [19, 18, 18, 19]


class Rewritten(Changing):
    """From some moment on, the contents of some ids are others."""

    def __init__(self, *chapters: tuple[float, list[int]], since: float, ids: set[int]) -> None:
        super().__init__(*chapters)
        self.since, self.changed = since, ids

    async def ask(self, request: Request) -> Answer:
        answer = await super().ask(request)
        if trio.current_time() < self.since or not isinstance(answer, Answered):
            return answer
        page = json.loads(answer.body)
        for one in page["ScanEvents"]:
            if one["EventId"] in self.changed:
                one["ParcelId"] += 1000
        return Answered(json.dumps(page).encode())


@pytest.mark.parametrize("grown", [OLD, [*OLD, *range(20, 60)]])
async def test_a_reset_that_has_passed_the_cursor(
    autojump_clock: MockClock, follow: Follow, grown: list[int]
) -> None:
    """Other contents under the latest ids are another feed, however far that has come since."""
    feed = Rewritten((0, OLD), (30, grown), since=30, ids=set(range(10, 60)))
    run = await follow(feed, 600.0)
    told = run.recorder.of(FeedBetrayed)
    assert {(one.finding, one.policy) for one in told} == {("reset", "halt")}
    said = "the feed, which begins at 1, shows other events under the last ids that were read"
    assert {one.said for one in told} == {f"{said}, up to 19"}
    assert run.coverage.cursor == 19


async def test_a_corrected_event_is_no_reset(autojump_clock: MockClock, follow: Follow) -> None:
    """Where only the newest event has another content, the carrier has corrected it."""
    feed = Rewritten((0, OLD), (60, [*OLD, 30]), since=30, ids={19})
    run = await follow(feed, 200.0)
    assert run.recorder.of(FeedBetrayed) == []
    assert run.coverage.cursor == 30
