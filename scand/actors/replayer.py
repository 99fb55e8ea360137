"""Tries dead letters again: decoded, judged and folded by what is in force now, as fresh events.

A transaction of them that is rolled back is halved, and halved again, as `actors.committer` does
with pages: a letter whose event cannot be committed fails again, and costs no other.
"""

from collections.abc import Sequence
from functools import partial

from scand.core.errors import RolledBackError
from scand.core.review import Batch, Item, Review, Selection, refuse
from scand.ports import Letters


async def replay(store: Letters, selection: Selection, review: Review) -> Batch:
    """Take a step through a selection: try its first letters again."""
    numbers, complete = await store.choose_letters(selection)
    items = await _replay(store, numbers, review) if numbers else []
    return Batch(items, None if complete else numbers[-1])


async def discard(store: Letters, selection: Selection) -> Batch:
    """Take a step through a selection: give its first letters up."""
    numbers, complete = await store.choose_letters(selection)
    return Batch(await store.discard_letters(numbers), None if complete else numbers[-1])


async def _replay(store: Letters, numbers: Sequence[int], review: Review) -> Sequence[Item]:
    try:
        return await store.replay_letters(numbers, review)
    except RolledBackError as error:
        if len(numbers) == 1:
            return await store.replay_letters(numbers, partial(refuse, str(error)))
    middle = len(numbers) // 2
    first = await _replay(store, numbers[:middle], review)
    return [*first, *await _replay(store, numbers[middle:], review)]
