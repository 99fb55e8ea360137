# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""Following a feed of opaque ids, in simulated time: what is asked, sent on, and told."""

from typing import Any

import trio
from trio.testing import MockClock

from scand.core.course import Position
from scand.core.decode import Decoder
from scand.core.opaque import OpaqueCourse
from scand.ports import Answered, NotFound, Outcome, Request, TooLarge
from scand.records import FeedBetrayed, FetchFailed, PageFetched
from tests.support.following import CONTINUE, LIMIT, POLL, Follow
from tests.support.parts import ScriptedFeed
from tests.support.scans import body_of, scan

OPAQUE = Decoder(id_kind="opaque")


def course(cursor: str = "") -> OpaqueCourse:
    position = Position(cursor, anchored=bool(cursor))
    return OpaqueCourse(position, limit=LIMIT, answered=bool(cursor))


class Carrier:
    """Appends to `ids`; of an id that it does not know it says 404. None is unreadable."""

    def __init__(self, *ids: Any) -> None:
        self.ids = ids
        self.asked: list[Request] = []

    async def ask(self, request: Request) -> Outcome:
        await trio.lowlevel.checkpoint()
        self.asked.append(request)
        if request.from_id and request.from_id not in self.ids:
            return NotFound("HTTP 404 no such event")
        first = self.ids.index(request.from_id) if request.from_id else 0
        page = self.ids[first : first + request.limit]
        return Answered(body_of(*(scan(each) for each in page)))


async def at(seconds: float, feed: Carrier, *ids: Any) -> None:
    """From then on the carrier has these events."""
    await trio.sleep(seconds)
    feed.ids = ids


def ids_of(run: Any) -> list[str]:
    return [event.event_id for page in run.pages for event in page.events]


IDS = [f"{number * 7919 % 1009:04}" for number in range(95)]


async def test_seams_are_dropped(autojump_clock: MockClock, follow: Follow) -> None:
    """Each page repeats the last event of the one before, and every event is sent on once."""
    feed = Carrier(*IDS)
    run = await follow(feed, POLL / 2, course(), decoder=OPAQUE)
    assert ids_of(run) == IDS
    assert [request.from_id for request in feed.asked][:3] == ["", IDS[9], IDS[18]]
    assert run.pages[-1].position.cursor == IDS[-1]


async def test_an_idle_head_sends_nothing_on(autojump_clock: MockClock, follow: Follow) -> None:
    """The cursor's event alone is no news; a new one is, without it."""
    feed = Carrier("b", "a")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(at, 21.0, feed, "b", "a", "c")
        run = await follow(feed, 40.0, course(), decoder=OPAQUE)
    assert [[each.event_id for each in page.events] for page in run.pages] == [["b", "a"], ["c"]]
    assert run.recorder.of(PageFetched)[-1].at_head
    assert len(feed.asked) <= 40.0 / POLL + 3


async def test_until_its_head(autojump_clock: MockClock, follow: Follow) -> None:
    """A run to the head ends there."""
    run = await follow(Carrier(*IDS), 600.0, course(), decoder=OPAQUE, until_caught_up=True)
    assert run.ended
    assert ids_of(run) == IDS


async def test_it_goes_on_where_it_was(autojump_clock: MockClock, follow: Follow) -> None:
    """After a restart the first answer repeats the cursor's event."""
    feed = Carrier(*IDS[:5])
    run = await follow(feed, POLL / 2, course(IDS[2]), decoder=OPAQUE)
    assert feed.asked[0].from_id == IDS[2]
    assert ids_of(run) == IDS[2:5]


# --- a feed that betrays ------------------------------------------------------------


async def test_a_lost_cursor_halts(autojump_clock: MockClock, follow: Follow) -> None:
    """Without its event nobody knows where to go on: told, recorded, asked for now and then."""
    feed = Carrier("x", "y", "z")
    run = await follow(feed, 400.0, course("b"), decoder=OPAQUE)
    told = run.recorder.of(FeedBetrayed)
    assert {(one.finding, one.policy) for one in told} == {("reset", "halt")}
    assert "event b is no longer in the feed" in told[0].said
    assert ids_of(run) == []
    assert {page.position.cursor for page in run.pages} == {"b"}
    assert {page.incident.action for page in run.pages if page.incident} == {"reset"}
    assert 3 <= len(told) <= 8  # again and again, but rarely


async def test_a_lost_cursor_is_believed_when_confirmed(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """A replica that lags behind for a moment is no reset."""
    feed = Carrier("a", "b")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(at, 3.0, feed, "a")
        nursery.start_soon(at, 5.0, feed, "a", "b", "c")
        run = await follow(feed, 60.0, course("b"), decoder=OPAQUE)
    assert run.recorder.of(FeedBetrayed) == []
    assert run.coverage.cursor == "c"


async def test_a_lost_cursor_continues(autojump_clock: MockClock, follow: Follow) -> None:
    """With the other policy the feed is read from its beginning, which is recorded."""
    feed = Carrier("x", "y", "z")
    run = await follow(feed, 200.0, course("b"), decoder=OPAQUE, policies=CONTINUE)
    (incident,) = [page.incident for page in run.pages if page.incident]
    assert (incident.action, incident.was, incident.now) == ("reset", "b", "")
    assert ids_of(run) == ["x", "y", "z"]
    assert run.coverage.cursor == "z"


async def test_a_feed_that_came_back_is_followed(autojump_clock: MockClock, follow: Follow) -> None:
    """Halted by another feed, it goes on by itself once the right one is there."""
    feed = Carrier("x")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(at, 100.0, feed, "a", "b", "c")
        run = await follow(feed, 200.0, course("b"), decoder=OPAQUE)
    assert run.coverage.cursor == "c"


async def test_an_end_at_the_head_is_refused(autojump_clock: MockClock, follow: Follow) -> None:
    """A run that is to end at the head says why it cannot."""
    run = await follow(Carrier("x"), 200.0, course("b"), decoder=OPAQUE, until_caught_up=True)
    assert "event b is no longer in the feed" in run.halted


async def test_a_feed_that_was_empty_begins_anew(autojump_clock: MockClock, follow: Follow) -> None:
    """When all events have aged out, the next ones are the first; nothing is lost or halted."""
    feed = Carrier("a", "b")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(at, 10.0, feed)
        nursery.start_soon(at, 300.0, feed, "x", "y")
        run = await follow(feed, 600.0, course("b"), decoder=OPAQUE)
    assert [one.finding for one in run.recorder.of(FeedBetrayed)] == ["empty"]
    assert ids_of(run)[-2:] == ["x", "y"]
    assert run.coverage.cursor == "y"


async def test_a_server_that_leaves_the_cursor_out_is_told_of(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """Such a feed could lose events unseen, so it is not followed."""

    class Exclusive(Carrier):
        async def ask(self, request: Request) -> Outcome:
            self.asked.append(request)
            await trio.lowlevel.checkpoint()
            first = self.ids.index(request.from_id) + 1 if request.from_id else 0
            page = self.ids[first : first + request.limit]
            return Answered(body_of(*(scan(each) for each in page)))

    run = await follow(Exclusive(*IDS), 200.0, course(), decoder=OPAQUE)
    told = run.recorder.of(FeedBetrayed)
    assert "does not count FromEventId in" in told[0].said
    assert ids_of(run) == IDS[:10]


# --- what cannot be read ----------------------------------------------------------------


async def test_unreadable_ids_in_between_are_passed(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """They are handed on once, as dead letters, and do not hold up the feed."""
    feed = Carrier("a", ["?"], "b", "", "c")
    run = await follow(feed, 30.0, course(), decoder=OPAQUE)
    assert ids_of(run) == ["a", "b", "c"]
    assert [item.event_id for page in run.pages for item in page.rejected] == [None, None]


async def test_a_page_without_any_id_halts(autojump_clock: MockClock, follow: Follow) -> None:
    """Its events are handed on, and somebody is told that nothing leads on."""
    feed = Carrier(*[[number] for number in range(30)])
    run = await follow(feed, 300.0, course(), decoder=OPAQUE)
    told = run.recorder.of(FeedBetrayed)
    assert {(one.finding, one.policy) for one in told} == {("stuck", "halt")}
    assert "feed.fields" in told[0].said
    assert len(run.pages[0].rejected) == LIMIT
    assert [page.rejected for page in run.pages[1:]] == [[]] * len(told)
    assert len(feed.asked) < 10
    ended = await follow(feed, 300.0, course(), decoder=OPAQUE, until_caught_up=True)
    assert "feed.fields" in ended.halted


async def test_what_breaks_a_page_halts(autojump_clock: MockClock, follow: Follow) -> None:
    """It cannot be located; but all before it is handed on, and what follows once it is gone."""
    feed = Carrier(*IDS[:30])
    real, broken = feed.ask, True

    async def ask(request: Request) -> Outcome:
        answer = await real(request)
        assert isinstance(answer, Answered)
        bad = f'"{IDS[20]}"'.encode()
        return Answered(answer.body.replace(bad, bad[:-1])) if broken else answer

    async def mend() -> None:
        nonlocal broken
        await trio.sleep(400.0)
        broken = False

    feed.ask = ask  # type: ignore[method-assign]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mend)
        run = await follow(feed, 600.0, course(), decoder=OPAQUE)
    told = run.recorder.of(FeedBetrayed)
    assert {(one.finding, one.policy) for one in told} == {("poison", "halt")}
    assert ids_of(run) == IDS[:30]
    assert 2 in {request.limit for request in feed.asked}


async def test_a_run_to_the_head_ends_before_what_breaks_a_page(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """All before it is handed on, after few questions, and it says why."""
    feed = Carrier(*IDS[:30])
    real = feed.ask

    async def ask(request: Request) -> Outcome:
        answer = await real(request)
        assert isinstance(answer, Answered)
        bad = f'"{IDS[20]}"'.encode()
        return Answered(answer.body.replace(bad, bad[:-1]))

    feed.ask = ask  # type: ignore[method-assign]
    run = await follow(feed, 600.0, course(), decoder=OPAQUE, until_caught_up=True)
    assert f"the page from {IDS[19]} on cannot be read" in run.halted
    assert ids_of(run) == IDS[:20]
    assert run.coverage.cursor == IDS[19]
    assert len(feed.asked) <= 25
    assert [each.wait for each in run.recorder.of(FetchFailed) if each.wait > 1.0] == []


async def test_too_large_a_page_of_two_is_no_busy_loop(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """There is nothing to halve: it is reported, and asked for again with a back-off."""
    feed = Carrier(*IDS)
    real = feed.ask

    async def ask(request: Request) -> Outcome:
        answer = await real(request)
        return TooLarge("more than max_body") if request.from_id else answer

    feed.ask = ask  # type: ignore[method-assign]
    run = await follow(feed, 600.0, course(), decoder=OPAQUE)
    assert {one.kind for one in run.recorder.of(FetchFailed)} == {"TooLarge"}
    assert min(request.limit for request in feed.asked) == 2
    assert len(feed.asked) < 60


async def test_404_at_first_contact_is_a_wrong_address(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """Where nothing was ever read, nothing new is no explanation."""
    feed = ScriptedFeed(*[NotFound("HTTP 404")] * 9)
    run = await follow(feed, 150.0, course(), decoder=OPAQUE)
    assert [each.kind for each in run.recorder.of(FetchFailed)] == ["NotFound"] * 3
    assert run.pages == []
