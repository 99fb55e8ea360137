from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scand.core.frontier import Frontier


def interleavings(parts: int, pages: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Orders in which `parts` shards can answer `pages` pages; each answers them in turn."""
    turns = [shard for shard in range(parts) for _ in range(pages)]

    def number(turns: Iterable[int]) -> list[tuple[int, int]]:
        done = [0] * parts
        answers = []
        for shard in turns:
            answers.append((done[shard], shard))
            done[shard] += 1
        return answers

    return st.permutations(turns).map(number)


@given(st.data(), st.integers(1, 5), st.integers(0, 8))
def test_releases_each_page_once_and_in_order(data: st.DataObject, parts: int, pages: int) -> None:
    """Whatever the order of answers, pages come whole, once, in order and without a hole."""
    frontier: Frontier[tuple[int, int]] = Frontier(parts)
    answered: dict[int, set[int]] = {page: set() for page in range(pages)}
    released: list[int] = []
    for page, shard in data.draw(interleavings(parts, pages)):
        frontier.add(page, (page, shard))
        answered[page].add(shard)
        if not data.draw(st.booleans()):
            continue
        for answers in frontier.ready():
            assert sorted(answers) == [(len(released), shard) for shard in range(parts)]
            released.append(answers[0][0])
        whole = [len(shards) == parts for shards in answered.values()]
        assert len(released) == (whole.index(False) if False in whole else pages)
        assert len(frontier) == sum(map(bool, answered.values())) - len(released)
    released += [answers[0][0] for answers in frontier.ready()]
    assert released == list(range(pages))
    assert len(frontier) == 0
    assert frontier.ready() == []


@given(st.permutations(range(6)))
def test_pages_may_be_answered_in_any_order(pages: list[int]) -> None:
    """Pages that overtake others wait for them."""
    frontier: Frontier[int] = Frontier(1)
    released = []
    for count, page in enumerate(pages):
        frontier.add(page, page)
        released += [part for [part] in frontier.ready()]
        whole = set(pages[: count + 1])
        assert released == [each for each in range(6) if set(range(each + 1)) <= whole]


def test_an_answer_too_many_is_a_bug() -> None:
    """A page that is complete, released or not, takes no further answer."""
    frontier: Frontier[str] = Frontier(2)
    for part in "ab":
        frontier.add(0, part)
        frontier.add(1, part)
    with pytest.raises(ValueError, match="page 1 was already complete"):
        frontier.add(1, "c")
    assert frontier.ready() == [["a", "b"], ["a", "b"]]
    with pytest.raises(ValueError, match="page 0 was already complete"):
        frontier.add(0, "c")
    assert len(frontier) == 0
