"""The search for a broken event, against feeds of any shape."""

from bisect import bisect_left
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from math import log2
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scand.core.event import MAX_ID, Reason
from scand.core.isolation import (
    MAX_RAW,
    Answer,
    Ending,
    Found,
    Question,
    Shown,
    Unread,
    isolate,
    learn_manners,
    letter_for,
)

REACH = 10_000_000


@dataclass
class Feed:
    """Events by id; a page with a broken one cannot be read, and begins as its first one does.

    `now` counts the questions: events may break or be mended while they are put.
    """

    ids: list[int]
    broken: set[int] = field(default_factory=set)
    cap: int = 1000
    inclusive: bool = True
    alike: bool = False
    now: int = 0
    change: Callable[["Feed"], None] = lambda _: None

    def ask(self, from_id: int, limit: int) -> list[int] | Unread:
        """The ids of a page, counting from the one that is asked for."""
        self.now += 1
        self.change(self)
        begin = bisect_left(self.ids, from_id)
        page = self.ids[begin : begin + min(limit, self.cap)]
        if self.broken.isdisjoint(page):
            return page
        return Unread(b"[" if self.alike else repr(page).encode(), "a string does not end")


@dataclass
class Client:
    """Asks what a search wants to know, and takes what is next."""

    feed: Feed
    covered: int = 0
    taken: set[int] = field(default_factory=set)

    def put(self, question: Question, *, first: int = 0) -> Answer:
        assert 1 <= question.least <= MAX_ID
        assert question.limit >= 1
        page = self.feed.ask(question.least + first, question.limit)
        if isinstance(page, Unread):
            return page
        if question.next:
            assert question.least == self.covered + 1
            self.take(page)
        return Shown(question.least, page, len(page), self.covered)

    def take(self, page: list[int]) -> None:
        self.taken.update(page)
        self.covered = max([self.covered, *page])

    def pursue(self, search: Generator[Question, Answer, Any], *, first: int = 0) -> Any:
        question = next(search)
        while True:
            try:
                question = search.send(self.put(question, first=first))
            except StopIteration as done:
                return done.value

    def search(self, limit: int) -> tuple[Found | Ending, int]:
        """How a search ends, and after how many questions."""
        before = self.feed.now
        ending = self.pursue(isolate(self.covered, limit, REACH))
        return ending, self.feed.now - before

    def follow(self, limit: int) -> list[Found]:
        """Read the feed to its head; what was set aside."""
        found = []
        while (page := self.feed.ask(self.covered + 1, limit)) != []:
            if not isinstance(page, Unread):
                self.take(page)
                continue
            low = max([self.covered, *(one.last for one in found)])
            ending, questions = self.search(limit)
            assert isinstance(ending, Found)
            gap = ending.last - max([low, *(each for each in self.taken if each < ending.last)])
            others = self.feed.broken - {ending.last}  # each of which may be met as well
            most = log2(limit) + 3 * log2(gap) + (40 if others else 12)
            assert questions <= most
            found.append(ending)
            self.covered = ending.last
        return found


@st.composite
def feeds(draw: st.DrawFn, longest: int = REACH // 2) -> Feed:
    """Ids near and far apart, any of them broken."""
    steps = st.integers(1, 3) | st.integers(1, 1000) | st.integers(1, longest)
    ids, last = [], draw(st.sampled_from([0, 0, 10**9]))
    for step in draw(st.lists(steps, min_size=1, max_size=40)):
        last += step
        ids.append(last)
    broken = draw(st.sets(st.sampled_from(ids)))
    return Feed(ids, broken, cap=draw(st.sampled_from([1, 2, 7, 1000])))


limits = st.sampled_from([1, 2, 3, 10, 100, 1000])


@given(feeds(), limits)
def test_every_broken_event_is_found_and_all_others_are_read(feed: Feed, limit: int) -> None:
    """Whatever is broken, and how far apart ids are, it takes log Limit + log gap questions."""
    client = Client(feed, covered=feed.ids[0] - 1)
    found = client.follow(limit)
    assert [one.last for one in found] == sorted(feed.broken)
    assert client.taken == set(feed.ids) - feed.broken


@given(feeds(longest=REACH // 100), limits)
def test_nothing_is_passed_in_silence(feed: Feed, limit: int) -> None:
    """Where all broken events look alike, some may hide between them: a range accounts for them.

    But not where they are as far as ids are looked for: then it might as well be the carrier.
    """
    feed.alike = True
    client = Client(feed, covered=feed.ids[0] - 1)
    found = client.follow(limit)
    told = {each for one in found for each in feed.ids if one.low <= each <= one.last}
    assert feed.broken <= told
    assert client.taken | told == set(feed.ids)
    assert {one.last for one in found} <= feed.broken


@given(st.integers(1, 1000), st.integers(0, 999), limits)
def test_one_broken_event(count: int, place: int, limit: int) -> None:
    """In a dense feed, one event costs log Limit questions and a few."""
    ids = list(range(1, count + 1))
    culprit = ids[place % count]
    client = Client(Feed(ids, {culprit}))
    assert [one.last for one in client.follow(limit)] == [culprit]


@given(feeds(), limits, st.integers(0, 60))
def test_what_is_mended_is_not_set_aside(feed: Feed, limit: int, mended_at: int) -> None:
    """An event that can be read by the last question is read, now or with the next page."""

    def change(feed: Feed) -> None:
        if feed.now > mended_at:
            feed.broken = set()

    feed.change = change
    client = Client(feed, covered=feed.ids[0] - 1)
    ending, _ = client.search(limit)
    if isinstance(ending, Found):
        assert ending.last in feed.broken
        assert feed.now <= mended_at


@given(feeds(), limits, st.randoms(use_true_random=False))
def test_damage_that_changes_is_no_event(feed: Feed, limit: int, dice: Any) -> None:
    """Pages that are damaged now and then, each time in another way, condemn no sound event."""

    class Shaky(Feed):
        def ask(self, from_id: int, limit: int) -> list[int] | Unread:
            page = super().ask(from_id, limit)
            damaged = isinstance(page, list) and dice.random() < 0.3
            return Unread(b"%d" % self.now, "the page does not end") if damaged else page

    shaky = Shaky(feed.ids, feed.broken, feed.cap)
    ending, _ = Client(shaky, covered=feed.ids[0] - 1).search(limit)
    assert not isinstance(ending, Found) or ending.last in feed.broken


@pytest.mark.parametrize(
    ("body", "most"), [(b"<html>", 3), (None, 30)], ids=["always the same", "another each time"]
)
def test_a_carrier_that_cannot_be_read_at_all(body: bytes | None, most: int) -> None:
    """Where nothing can be read anywhere, no event is at fault, and that is soon known."""

    class Unwell(Feed):
        def ask(self, from_id: int, _limit: int) -> list[int] | Unread:
            self.now += 1
            return Unread(body or b"no %d" % from_id, "no JSON")

    ending, questions = Client(Unwell([1, 2, 3])).search(100)
    assert ending is Ending.EVERYWHERE
    assert questions <= most


def test_a_broken_event_far_ahead_is_no_proof_of_trouble() -> None:
    """Where the carrier is looked at from far away, another broken event may be."""
    for sound in (REACH - 1, 50):
        ending, _ = Client(Feed([5, sound, REACH + 1], {5, REACH + 1})).search(10)
        assert isinstance(ending, Found)
        assert ending.last == 5


def test_the_greatest_id_may_be_next_to_the_broken_one() -> None:
    """No question is asked from beyond the last id there can be."""
    client = Client(Feed([MAX_ID - 9, MAX_ID - 1], {MAX_ID - 1}), covered=MAX_ID - 10)
    assert [one.last for one in client.follow(10)] == [MAX_ID - 1]


# --- the event that is asked from ----------------------------------------------


def pursue(feed: Feed, covered: int) -> Found | Ending:
    ending: Found | Ending = Client(feed, covered).pursue(isolate(covered, 10, 99, repeats=True))
    return ending


def test_the_cursors_event_is_broken_now() -> None:
    """It was read before it broke: what is behind it is read, and it costs nothing."""
    assert pursue(Feed([1, 2, 3, 4], {2}), 2) is Ending.CURSOR


def test_the_page_can_be_read_again() -> None:
    """What broke it is gone."""
    assert pursue(Feed([1, 2, 3, 4]), 2) is Ending.READ


def test_the_broken_event_is_behind_the_cursors() -> None:
    """A page that repeats the cursor's event is searched without that."""
    found = pursue(Feed([1, 2, 3, 4], {3}), 2)
    assert isinstance(found, Found)
    assert (found.low, found.last) == (3, 3)


# --- what the carrier's manners are -----------------------------------------------


@given(feeds(), st.booleans(), st.booleans())
def test_learns_whether_from_event_id_is_counted_in(
    feed: Feed,
    inclusive: bool,  # noqa: FBT001 - drawn
    is_event: bool,  # noqa: FBT001 - drawn
) -> None:
    """Where an event can be read at all, it is told rightly; in doubt, nothing is said."""
    cursor = feed.ids[0] if is_event else feed.ids[0] - 1
    lesson = learn_manners(cursor, REACH, is_event=is_event)
    learned = Client(feed, cursor).pursue(lesson, first=not inclusive)
    assert learned in (inclusive, None)
    if not feed.broken and (is_event or len(feed.ids) > 2):
        assert learned is not None


# --- the dead letter ------------------------------------------------------------------


def test_the_letter_names_the_event_and_the_reason() -> None:
    """It is known by its EventId, so that the event closes it when it comes after all."""
    letter = letter_for(Found(5, 9, b'[{"EventId":9', "a string does not end"))
    assert letter.reason is Reason.UNREADABLE
    assert (letter.event_id, letter.identity) == (9, "id:9")
    assert letter.raw == b'[{"EventId":9'
    assert "event 9" in letter.detail
    assert "from 5 on" in letter.detail
    assert "a string does not end" in letter.detail


def test_the_letter_keeps_so_much_of_the_page() -> None:
    """A body of megabytes is kept in part, and that is said."""
    letter = letter_for(Found(9, 9, b"x" * MAX_RAW * 2, "no end"))
    assert letter.raw == b"x" * MAX_RAW
    assert str(MAX_RAW) in letter.detail


@pytest.mark.parametrize("limit", [1, 100])
def test_a_carrier_in_trouble_is_no_event(limit: int) -> None:
    """Where not even emptiness can be read, none is at fault, however the damage varies."""

    def answer(search: Generator[Question, Answer, Any]) -> Any:
        question = next(search)
        while True:
            damage = f"{len(str(question.least))} digits".encode()
            try:
                question = search.send(Unread(damage, "no JSON"))
            except StopIteration as end:
                return end.value

    assert answer(isolate(0, limit, REACH)) is Ending.EVERYWHERE
