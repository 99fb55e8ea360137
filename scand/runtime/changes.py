"""What an operator may have done while the daemon runs, by name, for the admin server."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from scand.config import Config
from scand.core.ids import KINDS
from scand.core.review import Review
from scand.live import Live
from scand.ports import Observer
from scand.runtime.generations import Generations
from scand.runtime.letters import Change, letter_changes
from scand.runtime.reloading import Reloader
from scand.store.moving import operator
from scand.store.sqlite import SqliteStore


def build_changes(
    config: Config,
    store: SqliteStore,
    generations: Generations,
    review: Live[Review],
    observer: Observer,
) -> dict[str, Change]:
    """What moves the cursor, and what settles dead letters."""
    kind = KINDS[config.feed.id_kind]

    async def cursor(wanted: Mapping[str, Any], uid: int) -> dict[str, Any]:
        move = partial(store.move_cursor, kind.place(wanted["cursor"]), operator(uid))
        return (await generations.between(move))._asdict()

    async def rewind(wanted: Mapping[str, Any], uid: int) -> dict[str, Any]:
        move = partial(store.rewind, kind.place(wanted["to"]), operator(uid))
        return (await generations.between(move))._asdict()

    letters = letter_changes(store, review, observer)
    return {"cursor": cursor, "rewind": rewind, **letters}


def build_reloads(reloader: Reloader, observer: Observer) -> dict[str, Change]:
    """What reads the configuration again, and what only looks."""

    async def reload(_: object, uid: int) -> dict[str, Any]:
        return (await reloader.reload(observer, uid)).document()

    async def compare(wanted: Mapping[str, str], _: int) -> dict[str, Any]:
        return (await reloader.compare(str(wanted["text"]), str(wanted["path"]))).document()

    return {"reload": reload, "reload/compare": compare}
