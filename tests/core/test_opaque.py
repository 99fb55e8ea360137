"""Following ids that mean nothing: what is asked, and what the answers mean."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scand.core.continuity import CONFIRMATIONS, Finding, Verdict, tell
from scand.core.course import Ask, Position, Progress, Seen
from scand.core.opaque import BEGINNING, LEAST_LIMIT, OpaqueCourse

Element = str | None
"""An event's id, or None where it cannot be read."""


class Feed:
    """Appends, and shows `limit` of what it has from an id on; an unknown id shows nothing."""

    def __init__(self, *elements: Element, cap: int = 1000, dice: Random | None = None) -> None:
        self.elements = list(elements)
        self.cap, self.dice = cap, dice

    def page(self, from_id: str, limit: int) -> list[Element]:
        if from_id and from_id not in self.elements:
            return []
        first = self.elements.index(from_id) if from_id else 0
        page = self.elements[first : first + min(limit, self.cap)]
        if self.dice and page:
            page.append(self.dice.choice(page))
            self.dice.shuffle(page)
        return page


def seen_in(page: Sequence[Element]) -> Seen[str]:
    readable = [(each, None) for each in page if each is not None]
    return Seen(readable, unreadable=page.count(None))


def course(cursor: str = BEGINNING, limit: int = 10) -> OpaqueCourse:
    return OpaqueCourse(Position(cursor, anchored=bool(cursor)), limit=limit)


def step(it: OpaqueCourse, feed: Feed) -> tuple[Ask[str], list[Element], Progress[str]]:
    """One question and its answer, taken."""
    ask = it.advance()
    page = feed.page(ask.from_id, ask.limit)
    return ask, page, it.absorb(ask, seen_in(page), 0.0, 0.0)


def inquired(it: OpaqueCourse, feed: Feed) -> Verdict:
    """What an inquiry finds out about the cursor's event."""
    inquiry = it.inquire(it.cursor)
    question = next(inquiry)
    while True:
        try:
            question = inquiry.send(feed.page(str(question.from_id), question.limit))
        except StopIteration as done:
            verdict: Verdict = done.value
            return verdict


IDS = [f"{number * 7919 % 1009:04}" for number in range(199)]
"""In an order of their own."""


def test_a_feed_is_read_from_its_beginning_to_its_head() -> None:
    """First without an id, then from the last one, which every page repeats."""
    it, feed, asked, seen = course(), Feed(*IDS), [], []
    progress = None
    while progress is None or not progress.at_head:
        ask, page, progress = step(it, feed)
        asked.append(ask.from_id)
        seen += page[bool(ask.from_id) :]
        assert progress.ask_again or progress.at_head
    assert seen == IDS
    assert asked[:3] == [BEGINNING, IDS[9], IDS[18]]
    assert progress.position == Position(IDS[-1], anchored=True, inclusive=True)
    assert it.next_reread() == float("inf")
    assert it.reread(1e12) is None


def test_few_new_events_are_polled_for() -> None:
    """Behind it asks at once, near the head it waits."""
    it, feed = course(), Feed(*IDS[:10])
    assert step(it, feed)[2].ask_again
    feed.elements += IDS[10:11]
    progress = step(it, feed)[2]
    assert (progress.at_head, progress.ask_again) == (False, False)
    assert step(it, feed)[2].at_head


@given(
    st.integers(1, 120),
    st.integers(LEAST_LIMIT, 12),
    st.integers(2, 12),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_nothing_is_lost(
    size: int,
    limit: int,
    cap: int,
    dice: Random,
    shuffled: bool,  # noqa: FBT001
) -> None:
    """Capped, in disorder, with events twice in a page, growing, restarted at any time: all of it
    is seen, and the cursor is always an event with nothing unseen before it."""
    feed = Feed(cap=cap, dice=dice if shuffled else None)
    it, seen, progress = course(limit=limit), set[Element](), None
    while progress is None or not progress.at_head or len(feed.elements) < size:
        feed.elements = IDS[: min(len(feed.elements) + dice.randrange(1, 5), size)]
        _, page, progress = step(it, feed)
        seen.update(page)
        cursor = progress.position.cursor
        assert seen.issuperset(feed.elements[: feed.elements.index(cursor)])
        if dice.random() < 0.2:
            it = OpaqueCourse(progress.position, limit=limit, answered=True)
    assert seen == set(IDS[:size])


def test_the_cursor_may_be_a_rejected_event() -> None:
    """Its place counts, whatever becomes of it; an element without id is passed with its page."""
    it, feed = course(limit=4), Feed("a", None, "b", None, None, "c")
    assert step(it, feed)[2].position.cursor == "b"
    assert step(it, feed)[2].position.cursor == "c"


# --- the limit -----------------------------------------------------------------------


def test_the_limit_shrinks_to_two_and_recovers() -> None:
    """With less there would be no room beside the cursor's event."""
    it, feed = course(limit=9), Feed(*IDS)
    limits = [it.advance().limit]
    while it.shrink():
        limits.append(it.advance().limit)
    assert limits == [9, 4, 2]
    assert it.advance().limit == LEAST_LIMIT == 2
    while it.advance().limit < 9:
        assert not step(it, feed)[2].at_head
    assert not it.shrink() or it.advance().limit == 4


def test_a_full_page_without_an_id_is_stuck() -> None:
    """There is more, and nothing to ask for it from; with an id in reach it goes on."""
    it, feed = course("a"), Feed("a", *[None] * 20)
    progress = step(it, feed)[2]
    assert progress.stuck
    assert not progress.at_head
    assert progress.position.cursor == "a"
    feed.elements[5] = "b"
    progress = step(it, feed)[2]
    assert (progress.stuck, progress.position.cursor) == (False, "b")


def test_some_elements_without_an_id_at_the_head_are_the_head() -> None:
    """A page that has room left shows that there is no more."""
    it, feed = course("a"), Feed("a", None, None)
    progress = step(it, feed)[2]
    assert (progress.stuck, progress.at_head) == (False, True)


# --- a feed that betrays -----------------------------------------------------------------


def test_a_cursor_that_is_repeated_is_not_missed() -> None:
    """Every answer proves the feed; from the beginning there is nothing to prove."""
    it = course("b")
    assert it.proves(it.advance())
    assert not it.misses_cursor(Ask("b", 10), seen_in(["b", "c"]))
    assert it.misses_cursor(Ask("b", 10), seen_in(["c", "d"]))
    assert it.misses_cursor(Ask("b", 10), seen_in([]))
    assert not course().misses_cursor(Ask(BEGINNING, 10), seen_in(["c"]))


@pytest.mark.parametrize(
    ("elements", "finding"),
    [
        (["a", "b", "c"], Finding.SAME),
        (["x", "y"], Finding.RESET),
        (["a"], Finding.RESET),
        ([None], Finding.RESET),
        ([], Finding.EMPTY),
    ],
)
def test_what_became_of_the_cursor(elements: list[Element], finding: Finding) -> None:
    """It is there, or the feed is empty, or nobody can tell where to go on."""
    verdict = inquired(course("b"), Feed(*elements))
    assert verdict == Verdict(finding)
    said = tell(verdict, "b")
    assert "b" in said
    assert CONFIRMATIONS > 1


def test_an_answer_without_the_cursor_leads_nowhere() -> None:
    """What a feed shows for an id that it does not know need not follow on anything."""
    it = course("b")
    progress = it.absorb(Ask("b", 10), seen_in(["x", "y"]), 0.0, 0.0)
    assert progress.position.cursor == "b"
    assert not progress.at_head


def test_an_answer_to_another_question_leads_nowhere() -> None:
    """The cursor may have been taken back in the meantime."""
    it = course("b")
    it.carry_on(Verdict(Finding.RESET), 0.0)
    progress = it.absorb(Ask("b", 10), seen_in(["b", "c"]), 0.0, 0.0)
    assert progress.position.cursor == BEGINNING


def test_a_feed_that_was_empty_is_read_from_its_beginning() -> None:
    """All that it shows then is new, so nothing was lost; unless its old events are back."""
    it, feed = course("b"), Feed()
    assert inquired(it, feed).finding is Finding.EMPTY
    it.note_empty()
    assert step(it, feed)[2].at_head
    feed.elements = ["a", "b", "c"]
    assert inquired(it, feed).finding is Finding.SAME
    feed.elements = ["x", "y"]
    assert inquired(it, feed).finding is Finding.WITHDRAWN
    it.let_go()
    assert step(it, feed)[2].position.cursor == "y"
    assert not it.empty


def test_emptiness_that_has_passed_is_forgotten() -> None:
    """A feed that has shown its events again is not believed to begin anew."""
    it, feed = course("b"), Feed()
    it.note_empty()
    step(it, feed)
    feed.elements = ["a", "b"]
    step(it, feed)
    assert inquired(it, Feed("x")).finding is Finding.RESET


def test_not_found_may_mean_nothing_there() -> None:
    """Of an id that may be unknown, or of a feed that has answered; not at first contact."""
    first, known, again = course(), course("b"), OpaqueCourse(Position("", anchored=False))
    assert not first.may_be_idle(first.advance())
    assert known.may_be_idle(known.advance())
    step(again, Feed("a"))
    assert again.may_be_idle(Ask(BEGINNING, 10))
