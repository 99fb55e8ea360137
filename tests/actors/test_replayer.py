"""Trying dead letters again: one that cannot be committed costs itself."""

from collections.abc import Sequence
from functools import partial

import pytest

from scand.actors.replayer import discard, replay
from scand.core.catalogue import Catalogue
from scand.core.errors import RolledBackError
from scand.core.event import Reason, Rejected
from scand.core.judge import Judge
from scand.core.review import Chosen, Item, Outcome, Review, Selection, review
from tests.support.scans import DECODER

RULES: Review = partial(review, DECODER, Judge(Catalogue.of()))
POISON = {3, 4, 9}


class Picky:
    """Letters 1 to `size`, `most` at once; no transaction with a poisonous one in it succeeds."""

    def __init__(self, size: int, most: int = 10) -> None:
        self.size, self.most = size, most
        self.tried: list[Sequence[int]] = []
        self.given_up: list[int] = []

    async def choose_letters(self, selection: Selection) -> Chosen:
        numbers = list(range(selection.after + 1, self.size + 1))
        return Chosen(numbers[: self.most], complete=len(numbers) < self.most)

    async def replay_letters(self, numbers: Sequence[int], review: Review) -> Sequence[Item]:
        self.tried.append(numbers)
        (found,) = review([b"{}"], 0.0)
        assert isinstance(found, Rejected)
        if found.reason is Reason.PROCESSING_FAILED:
            return [
                Item(numbers[0], Outcome.FAILED_AGAIN, reason=found.reason, detail=found.detail)
            ]
        if POISON.intersection(numbers):
            raise RolledBackError("no room for it")
        return [Item(number, Outcome.APPLIED) for number in numbers]

    async def discard_letters(self, numbers: Sequence[int]) -> Sequence[Item]:
        self.given_up += numbers
        return [Item(number, Outcome.DISCARDED) for number in numbers]


async def test_the_culprits_are_found() -> None:
    """Each fails again with the reason; all others are applied, in order."""
    store = Picky(9)
    batch = await replay(store, Selection(), RULES)
    assert [item.id for item in batch.items] == list(range(1, 10))
    failed = {item.id: item for item in batch.items if item.outcome is Outcome.FAILED_AGAIN}
    assert failed.keys() == POISON
    assert {item.detail for item in failed.values()} == {"no room for it"}
    assert batch.after is None
    assert len(store.tried) < 4 * len(POISON) * 4


@pytest.mark.parametrize("size", [0, 9, 10, 25])
async def test_step_by_step(size: int) -> None:
    """Each step says where to go on, until everything was gone through."""
    store, after, done = Picky(size), 0, 0
    while after is not None:
        batch = await discard(store, Selection(after=after))
        done += len(batch.items)
        after = batch.after
    assert store.given_up == list(range(1, size + 1))
    assert done == size


async def test_nothing_to_do() -> None:
    """Where nothing fits, nothing is tried."""
    store = Picky(0)
    assert (await replay(store, Selection(), RULES)).items == []
    assert store.tried == []
