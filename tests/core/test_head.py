from bisect import bisect_left
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scand.core.event import MAX_ID
from scand.core.head import find_head

QUESTIONS = 130

ids = st.one_of(st.integers(1, 100), st.integers(1, MAX_ID), st.integers(MAX_ID - 100, MAX_ID))


def find(visible: Sequence[int], start: int = 1, *, strays: bool = False) -> tuple[int, int]:
    """The head of a feed, and how many questions it took."""
    search = find_head(start)
    questions = 0
    try:
        asked = next(search)
        while questions < QUESTIONS:
            questions += 1
            assert 1 <= asked <= MAX_ID
            place = bisect_left(visible, asked)
            found = visible[place] if place < len(visible) else None
            asked = search.send(visible[0] if strays and visible[0] < asked else found)
    except StopIteration as end:
        return end.value, questions
    raise AssertionError(f"more than {QUESTIONS} questions")


@given(st.sets(ids, max_size=40).map(sorted))
@example([1, 2**62 + 5])
@example([2**62, MAX_ID])
@example([MAX_ID])
def test_finds_the_greatest_visible_id(visible: list[int]) -> None:
    """However sparse the ids are, the greatest is found, within 130 questions."""
    assert find(visible)[0] == (visible[-1] if visible else 0)


@given(st.integers(1, MAX_ID), st.sets(ids, max_size=40).map(sorted))
def test_begins_where_it_is_told(start: int, visible: list[int]) -> None:
    """Ids below the start are no matter; with none above it the head is just before it."""
    above = [each for each in visible if each >= start]
    assert find(visible, start)[0] == (above[-1] if above else start - 1)


@pytest.mark.parametrize("size", [1, 1000, 10**6])
def test_a_dense_feed_takes_few_questions(size: int) -> None:
    """Doubling and bisection cost twice the logarithm."""
    assert find(range(1, size + 1))[1] <= 2 * size.bit_length() + 1


@given(st.sets(ids, min_size=1, max_size=20).map(sorted))
def test_an_id_from_below_is_no_answer(visible: list[int]) -> None:
    """A server that shows ids below the one asked leads the search too low, but not astray."""
    assert 0 <= find(visible, strays=True)[0] <= visible[-1]
