"""Finding the id of an event that breaks its page, by asking from other ids."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scand.core.event import MAX_ID
from scand.core.isolation import locate


def search(from_id: int, poison: int, reach: int = MAX_ID) -> tuple[int | None, int]:
    """What is found where the same is shown from all ids up to `poison`, and after how many."""
    looking, asked = locate(from_id, reach), 0
    try:
        question = next(looking)
        while True:
            asked += 1
            question = looking.send(question <= poison)
    except StopIteration as found:
        return found.value, asked


@given(st.integers(0, MAX_ID), st.integers(0, 2**40))
def test_finds_it_in_few_questions(from_id: int, gap: int) -> None:
    """Twice the logarithm of the distance is enough."""
    poison = min(from_id + gap, MAX_ID)
    found, asked = search(from_id, poison)
    assert found == poison
    assert asked <= 2 * log2(gap + 1) + 3


@pytest.mark.parametrize("poison", [1000, 1001, 5000, MAX_ID])
def test_gives_up_where_the_same_comes_from_everywhere(poison: int) -> None:
    """A carrier that always says the same has no event to blame."""
    assert search(0, poison, reach=1000)[0] is None
    assert search(0, 999, reach=1000)[0] == 999
