# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""Following a feed, in simulated time: what is asked, when, and what is sent on."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from scand.actors.fetcher import fetch
from scand.actors.messages import Page
from scand.actors.seeking import seek_head
from scand.core.coverage import Coverage, Position
from scand.live import Live
from scand.ports import (
    Answered,
    Failed,
    NotFound,
    NothingNew,
    Outcome,
    Refused,
    Request,
    Throttled,
    TooLarge,
)
from scand.records import FetchFailed, PageFetched
from tests.support.following import EMPTY, HALT, LIMIT, POLL, Carrier, Follow, page, reader_of
from tests.support.parts import NOON, Answer, Recorder, ScriptedFeed, SimulatedClock
from tests.support.scans import body_of, scan

# --- when ----------------------------------------------------------------------


async def test_at_the_head_it_asks_every_poll_interval(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """With nothing new, requests begin `poll_interval` apart."""
    feed = Carrier([1])
    await follow(feed, 9.0)
    assert feed.when[-3:] == [4.0, 6.0, 8.0]


async def test_behind_it_asks_again_at_once(autojump_clock: MockClock, follow: Follow) -> None:
    """While pages are full, no time is lost between them."""
    feed = Carrier(range(1, 96))
    run = await follow(feed, POLL / 2)
    assert [number for each in run.ids for number in each] == list(range(1, 96))
    assert set(feed.when) == {0.0}


async def test_behind_it_asks_for_nothing_twice(autojump_clock: MockClock, follow: Follow) -> None:
    """Once the server is known to be inclusive, pages follow each other without overlap."""
    feed = Carrier(range(1, 96))
    await follow(feed, POLL / 2)
    assert [request.from_id for request in feed.asked][2:5] == [20, 30, 40]


async def test_the_poll_interval_counts_from_the_request(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """A slow answer does not slow the polls down."""
    carrier = Carrier([1])

    class Slow:
        async def ask(self, request: Request) -> Outcome:
            await trio.sleep(1.5)
            return await carrier.ask(request)

    await follow(Slow(), 10.0)
    assert [late - early for early, late in pairwise(carrier.when[-3:])] == [POLL, POLL]


# --- how much --------------------------------------------------------------------


async def test_too_large_a_body_halves_the_limit(autojump_clock: MockClock, follow: Follow) -> None:
    """The same place is asked for at once with half the limit, until the body fits."""
    large = TooLarge("more than max_body")
    feed = ScriptedFeed(large, large, large, page(1))
    run = await follow(feed, 1.0)
    assert [(r.from_id, r.limit) for r in feed.asked[:4]] == [(1, 10), (1, 5), (1, 2), (1, 1)]
    assert feed.when[:4] == [0.0] * 4
    assert run.ids == [[1]]


async def test_a_single_event_that_is_too_large_is_no_busy_loop(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """With a limit of 1 there is nothing to halve: it is reported, and retried with a back-off."""
    feed = ScriptedFeed(*[TooLarge("more than max_body")] * 500)
    run = await follow(feed, 600.0)
    said = run.recorder.of(FetchFailed)
    assert {each.kind for each in said} == {"TooLarge"}
    assert len(feed.asked) < 60


async def test_the_limit_recovers(autojump_clock: MockClock, follow: Follow) -> None:
    """After pages that fit, the limit grows back to what is configured."""
    feed = ScriptedFeed(TooLarge("more than max_body"), *[page(1)] * 20)
    await follow(feed, 60.0)
    assert feed.asked[1].limit == LIMIT // 2
    assert feed.asked[-1].limit == LIMIT


# --- what is sent on ---------------------------------------------------------------


async def test_an_idle_head_sends_nothing_on(autojump_clock: MockClock, follow: Follow) -> None:
    """The repeated event of the cursor is dropped: it is not committed again and again."""
    feed = Carrier([1, 2, 3])
    run = await follow(feed)
    assert len(feed.asked) > 20
    assert run.ids == [[1, 2, 3]]


async def test_an_idle_head_is_noted(autojump_clock: MockClock, follow: Follow) -> None:
    """At once and then every minute a page says when the head was reached, for the next process."""
    run = await follow(Carrier([1, 2, 3]), 200.0)
    noted = [each.position.head_at - NOON for each in run.pages if not each.events]
    assert noted == [0.0, 60.0, 120.0, 180.0]
    assert {each.position.cursor for each in run.pages} == {3}


async def test_an_idle_head_with_an_unreadable_event_sends_nothing_on(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """A malformed event at the head is handed on once, not with every poll."""
    broken = scan(4, EventId="no number")
    feed = ScriptedFeed(page(1, 2, 3), *[Answered(body_of(scan(3), broken))] * 20)
    run = await follow(feed)
    assert [len(each.rejected) for each in run.news] == [0, 1]


async def test_a_changed_event_at_the_head_is_sent_on(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """An event that comes back with another content is no echo: it is the store's to judge."""
    changed = Answered(body_of(scan(2, kind="DELIVERY")))
    run = await follow(ScriptedFeed(page(1, 2), changed, changed, changed))
    assert run.ids == [[1, 2], [2]]


async def test_new_events_come_without_the_echo(autojump_clock: MockClock, follow: Follow) -> None:
    """At the head, a page holds the cursor's event and the new ones: the new ones are sent on."""
    feed = Carrier([1, 2])

    async def grow() -> None:
        await trio.sleep(9.0)
        feed.ids = [1, 2, 3, 4]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(grow)
        run = await follow(feed)
    assert run.ids == [[1, 2], [3, 4]]
    assert [each.position.cursor for each in run.news] == [2, 4]
    assert [each.sequence for each in run.pages] == [0, 1, 2]


async def test_a_missing_id_is_looked_for_and_sent_on_when_it_comes(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """A hole below the head is re-read, and the late event reaches the store."""
    feed = Carrier([1, 2, 4])

    async def late() -> None:
        await trio.sleep(20.0)
        feed.ids = [1, 2, 3, 4]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(late)
        run = await follow(feed, 300.0)
    assert [3] in run.ids
    assert len(run.coverage.ledger) == 0
    rereads = [each for each in run.recorder.of(PageFetched) if each.reread]
    assert 0 < len(rereads) <= len(feed.asked) / 5 + 1


# --- nothing new -------------------------------------------------------------------


async def test_404_at_the_head_of_an_exclusive_server_is_nothing_new(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """A feed that has answered says 404 at its head: it is idle, and polled as usual."""
    feed = Carrier([1, 2, 3], exclusive=True)
    feed.ids = [2, 3]  # the first question is FromEventId=1, which this server excludes
    run = await follow(feed, 21.0)
    assert run.ids == [[2, 3]]
    assert run.recorder.of(FetchFailed) == []
    assert len(feed.asked) >= 10
    assert run.recorder.of(PageFetched)[-1].at_head


async def test_404_at_first_contact_is_refused(autojump_clock: MockClock, follow: Follow) -> None:
    """Before the first page, 404 means a wrong address: loud, and asked again slowly."""
    feed = ScriptedFeed(*[NotFound("HTTP 404 Not Found")] * 99)
    run = await follow(feed, 150.0)
    assert feed.when == [0.0, 60.0, 120.0]
    assert [each.kind for each in run.recorder.of(FetchFailed)] == ["NotFound"] * 3


async def test_404_of_an_inclusive_server_is_refused(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """A server that repeats the cursor's event has no reason to say 404: it is a fault."""
    feed = ScriptedFeed(page(1, 2), page(2), *[NotFound("HTTP 404 Not Found")] * 9)
    run = await follow(feed, 30.0)
    assert [each.kind for each in run.recorder.of(FetchFailed)] == ["NotFound"]


async def test_204_is_nothing_new(autojump_clock: MockClock, follow: Follow) -> None:
    """204 is an idle head, before the first event too."""
    feed = ScriptedFeed(NothingNew(), NothingNew(), page(1), *[NothingNew()] * 9)
    run = await follow(feed, 30.0)
    assert run.ids == [[1]]
    heads = [each.at_head for each in run.recorder.of(PageFetched)]
    assert heads[:4] == [True, True, False, True]


# --- trouble -----------------------------------------------------------------------


@pytest.mark.parametrize(("told", "waited"), [(7.0, 7.0), (3600.0, 900.0)])
async def test_retry_after_is_honoured_and_capped(
    autojump_clock: MockClock, follow: Follow, told: float, waited: float
) -> None:
    """A throttled request is repeated when the carrier says, but within `retry_after_cap`."""
    feed = ScriptedFeed(Throttled("HTTP 429", told), page(1))
    run = await follow(feed, 2000.0)
    assert feed.when[1] == waited
    assert run.recorder.of(FetchFailed)[0].wait == waited


@pytest.mark.parametrize("told", [None, 0.0])
async def test_a_throttle_without_a_time_backs_off(
    autojump_clock: MockClock, follow: Follow, told: float | None
) -> None:
    """429 without Retry-After, or with one of no length, is no reason to ask in a tight loop."""
    feed = ScriptedFeed(*[Throttled("HTTP 429", told)] * 1000)
    await follow(feed, 600.0)
    assert 5 < len(feed.asked) < 60


async def test_a_refusal_waits_and_goes_on(autojump_clock: MockClock, follow: Follow) -> None:
    """401 pauses the feed for `refused_pause`; then the same question is asked again."""
    feed = ScriptedFeed(Refused("HTTP 401"), page(1))
    run = await follow(feed, 100.0)
    assert feed.when[:2] == [0.0, 60.0]
    assert feed.asked[0] == feed.asked[1]
    assert run.ids == [[1]]


@pytest.mark.parametrize(
    "trouble",
    [Failed("HTTP 500"), Answered(b"<html>"), Answered(b'{"ScanEvents":null}')],
)
async def test_failures_are_retried_from_the_same_place(
    autojump_clock: MockClock, follow: Follow, trouble: Answer
) -> None:
    """A failure or an undecodable body costs no event: the same page is asked for again."""
    feed = ScriptedFeed(page(1, 2), *[trouble] * 2, page(2, 3))
    run = await follow(feed, 300.0)
    assert len(set(feed.asked[1:4])) == 1
    assert run.ids == [[1, 2], [3]]


async def test_an_idle_404_ends_a_row_of_failures(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """The back-off begins anew after an answer that means "nothing new"."""
    failed, idle = Failed("HTTP 500"), NotFound("HTTP 404")
    feed = ScriptedFeed(page(1), *[failed, idle] * 40)
    run = await follow(feed, 1000.0)
    waits = [each.wait for each in run.recorder.of(FetchFailed)]
    assert len(waits) > 30
    assert max(waits) <= 0.25


# --- where to begin, and when to end -------------------------------------------------


@pytest.mark.parametrize("exclusive", [False, True])
async def test_starting_from_the_head_takes_only_what_comes(
    autojump_clock: MockClock, follow: Follow, *, exclusive: bool
) -> None:
    """`start_from = "head"` finds the head in few questions and leaves history alone."""
    feed = Carrier(range(5, 100_000, 7), exclusive=exclusive)
    head = feed.ids[-1]

    async def grow() -> None:
        await trio.sleep(10.0)
        feed.ids += [head + 5, head + 6]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(grow)
        run = await follow(feed, 100.0, from_head=True)
    seen = {number for each in run.ids for number in each}
    assert seen - {head} == {head + 5, head + 6}
    assert feed.when.count(0.0) <= 130


async def test_the_head_of_an_empty_feed_is_its_beginning(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """Starting from the head of an empty feed takes everything that ever comes."""
    feed = Carrier([])

    async def grow() -> None:
        await trio.sleep(10.0)
        feed.ids = [1, 2]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(grow)
        run = await follow(feed, 30.0, from_head=True)
    assert run.ids == [[1, 2]]


@pytest.mark.parametrize("ids", [[], [1], [3], range(1, 1000), [2**63 - 1], range(10, 9999, 13)])
async def test_the_head_is_found(autojump_clock: MockClock, ids: Sequence[int]) -> None:
    """Bisection finds the greatest id in at most 130 questions of one event each."""
    feed = Carrier(ids)
    reader = reader_of(feed, Recorder())
    assert await seek_head(reader) == max(ids, default=0)
    assert len(feed.asked) <= 130
    assert {request.limit for request in feed.asked} == {1}


async def test_until_caught_up_ends_at_the_head(autojump_clock: MockClock, follow: Follow) -> None:
    """With `until_caught_up` the fetcher returns when there is nothing more, without a wait."""
    feed = Carrier(range(1, 34))
    run = await follow(feed, POLL / 2, until_caught_up=True)
    assert run.ended
    assert [number for each in run.ids for number in each] == list(range(1, 34))


async def test_until_caught_up_ends_on_a_feed_that_trickles(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """A feed that always has an event or two by the next poll is caught up with all the same."""

    class Trickling(Carrier):
        async def ask(self, request: Request) -> Outcome:
            self.ids = list(range(1, 40 + int(trio.current_time() * 2)))
            await trio.sleep(0.01)
            return await super().ask(request)

    run = await follow(Trickling([]), 600.0, until_caught_up=True)
    assert run.ended


async def test_an_empty_feed_is_caught_up_with(autojump_clock: MockClock, follow: Follow) -> None:
    """There is nothing: the fetcher ends at once."""
    run = await follow(ScriptedFeed(EMPTY), until_caught_up=True)
    assert run.ended
    assert run.pages == []


async def test_it_goes_on_from_the_durable_position(
    autojump_clock: MockClock, follow: Follow
) -> None:
    """After a restart the first question begins at the cursor."""
    feed = Carrier(range(1, 100))
    coverage = Coverage(Position(42, anchored=True), limit=LIMIT)
    run = await follow(feed, 1.0, coverage)
    assert feed.asked[0] == Request(42, LIMIT)
    assert run.ids[0][:2] == [42, 43]


async def test_a_full_channel_holds_the_fetcher(autojump_clock: MockClock) -> None:
    """When nobody takes its pages, the fetcher stops asking."""
    feed = Carrier(range(1, 1000))
    to_router, pages = trio.open_memory_channel[Page](2)
    recorder, clock = Recorder(), SimulatedClock()
    reader = reader_of(feed, recorder)
    coverage = Coverage(Position(0, anchored=False), limit=LIMIT)
    with trio.move_on_after(1000.0):
        await fetch(to_router, reader, coverage, Live(HALT), clock, clock.at, recorder)
    assert len(feed.asked) == 3
    await pages.aclose()


@pytest.mark.parametrize("after", range(0, 40, 3))
async def test_cancellation_closes_the_channel(autojump_clock: MockClock, after: int) -> None:
    """Wherever it is cancelled, the fetcher leaves no open end behind."""
    recorder, clock, asked = Recorder(), SimulatedClock(), 0
    carrier, scope = Carrier(range(1, 95, 3)), trio.CancelScope()

    class Cancelling:
        async def ask(self, request: Request) -> Outcome:
            nonlocal asked
            asked += 1
            if asked > after:
                scope.cancel()
            return Failed("HTTP 500") if asked % 5 == 0 else await carrier.ask(request)

    reader = reader_of(Cancelling(), recorder)
    to_router, pages = trio.open_memory_channel[Page](100)
    coverage = Coverage(Position(0, anchored=False), limit=LIMIT)
    with scope:
        await fetch(to_router, reader, coverage, Live(HALT), clock, clock.at, recorder)
    assert scope.cancelled_caught
    assert pages.statistics().open_send_channels == 0
    await pages.aclose()
