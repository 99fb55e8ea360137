"""What an operator does about dead letters, in steps of a bounded size.

A step takes a selection as JSON: `{"ids": [7, 9]}`, or filters such as `{"state": "open", "reason":
"not_in_catalogue"}`. It answers what came of each letter, and `after` which number to go on; null
when that was all. What is not said to be of another state, or named by id, has to be open.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from scand.actors.replayer import discard, replay
from scand.core.dead_letters import State
from scand.core.event import Rejected, ScanEvent
from scand.core.review import Batch, Review, Selection
from scand.live import Live
from scand.ports import Letters, Observer
from scand.records import LettersReviewed

MAX_IDS = 1_000
"""Letters that one question may name."""

Change = Callable[[Any, int], Awaitable[dict[str, Any]]]
Step = Callable[[Letters, Selection], Awaitable[Batch]]


def steps(review: Review) -> dict[str, Step]:
    """What can be done, by name."""
    return {"replay": partial(replay, review=review), "discard": discard}


def letter_changes(store: Letters, review: Live[Review], observer: Observer) -> dict[str, Change]:
    """The same for the admin server, by the rules of the moment."""

    def judged(raws: Sequence[bytes], now: float) -> list[ScanEvent | Rejected]:
        return review.now(raws, now)

    return {
        f"dead-letters/{name}": partial(_change, store, name, step, observer)
        for name, step in steps(judged).items()
    }


async def _change(
    store: Letters, name: str, step: Step, observer: Observer, wanted: object, uid: int
) -> dict[str, Any]:
    batch = await step(store, _selection(wanted))
    if batch.items:
        outcomes = Counter(item.outcome.value for item in batch.items)
        observer(LettersReviewed(name, outcomes, uid))
    document: dict[str, Any] = msgspec.to_builtins(batch)
    return document


def _selection(wanted: object) -> Selection:
    """What is asked for. Raises ValueError where that is no selection, or does not say enough."""
    selection = msgspec.convert(wanted, Selection)
    if selection.ids is not None and len(selection.ids) > MAX_IDS:
        raise ValueError(f"at most {MAX_IDS} ids at once")
    if selection == Selection(after=selection.after, up_to=selection.up_to):
        raise ValueError("name ids or filters; {'state': 'open'} means all")
    if selection.ids is None and selection.state is None:
        return msgspec.structs.replace(selection, state=State.OPEN)
    return selection
