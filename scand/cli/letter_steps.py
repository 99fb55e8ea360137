"""Going through dead letters: by the daemon that holds the store, or here if none does."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Literal

import msgspec
import trio
from msgspec.structs import replace

from scand.cli.daemon import change
from scand.config import Config
from scand.core.review import Batch, Item, Outcome, Selection
from scand.runtime.components import build_identity, build_review
from scand.runtime.groups import ungrouped
from scand.runtime.letters import MAX_IDS, steps
from scand.store.lock import holder, instance_lock
from scand.store.opening import require_same
from scand.store.reading import open_reader
from scand.store.sqlite import open_store

Action = Literal["replay", "discard"]
Step = Callable[[Selection], Awaitable[Batch]]
Tell = Callable[[Item], None]


def take_steps(config: Config, action: Action, selection: Selection, tell: Tell) -> None:
    """Replay or discard a selection; `tell` is told of each letter when that is durable."""
    take = _here if holder(config.store.path) is None else _by_daemon
    with ungrouped():
        trio.run(partial(take, config, action, selection, tell))


async def _by_daemon(config: Config, action: Action, selection: Selection, tell: Tell) -> None:
    async def step(selection: Selection) -> Batch:
        path, wanted = f"/api/dead-letters/{action}", msgspec.to_builtins(selection)
        return msgspec.convert(change(config, path, wanted), Batch)

    await _go_through(step, selection, tell)


async def _here(config: Config, action: Action, selection: Selection, tell: Tell) -> None:
    path, order = config.store.path, config.feed.order
    with instance_lock(path):
        with open_reader(path) as reader:
            require_same(reader.identity(), build_identity(config))
        async with open_store(path, order) as store:
            step = partial(steps(build_review(config))[action], store)
            await _go_through(step, selection, tell)


async def _go_through(step: Step, selection: Selection, tell: Tell) -> None:
    for piece in _pieces(selection):
        missing = set(piece.ids or ())
        after: int | None = piece.after
        while after is not None:
            batch = await step(replace(piece, after=after))
            for item in batch.items:
                missing.discard(item.id)
                tell(item)
            after = batch.after
        for number in sorted(missing):
            tell(Item(number, Outcome.NOT_KNOWN))


def _pieces(selection: Selection) -> Iterator[Selection]:
    """A selection as questions that a daemon takes."""
    if selection.ids is None:
        yield selection
        return
    ids = sorted(set(selection.ids))
    for start in range(0, len(ids), MAX_IDS):
        yield replace(selection, ids=tuple(ids[start : start + MAX_IDS]))
