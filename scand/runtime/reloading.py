"""Reloads: the file is read again, compared with what is in force, and applied whole or not at all.

What was asked of the carrier goes on as it was begun, and no generation of ingest ends: settings
are exchanged between two steps of the event loop, see `scand.live`.
"""

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

from scand.config import Comparison, Config, Loaded, compare, interpret, read, unusable
from scand.core.errors import ConfigurationError
from scand.feed.credential import trouble_with
from scand.live import Live
from scand.ports import Observer
from scand.records import ReloadBegun, Reloaded

Examined = tuple[Comparison, Loaded]
Work = Callable[[], Examined]


async def in_thread(work: Work) -> Examined:
    """Read and validate while the rest of the process goes on.

    Whatever keeps a disk from answering does not keep the process from ending.
    """
    return await trio.to_thread.run_sync(work, abandon_on_cancel=True)


class Reloader:
    """Puts into force what the file says that `loaded` came from. `aside` runs what blocks."""

    def __init__(
        self,
        loaded: Loaded,
        settings: Live[Config],
        aside: Callable[[Work], Awaitable[Examined]] = in_thread,
    ) -> None:
        self._loaded, self._settings, self._aside = loaded, settings, aside
        self._asked, self._turn = trio.Event(), trio.Lock()

    def ask(self) -> None:
        """Reload soon; to ask again before that has begun makes no difference."""
        self._asked.set()

    async def serve(self, observer: Observer) -> None:
        """Reload whenever it was asked for, for ever."""
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            await self.reload(observer)

    async def reload(self, observer: Observer, uid: int | None = None) -> Comparison:
        """Apply the file as it is now, or nothing; for the operator with that uid."""
        async with self._turn:
            observer(ReloadBegun())
            found, proposed = await self._propose(None)
            if proposed is not None and not found.errors:
                self._loaded = proposed
                self._settings.exchange(proposed.config)
            observer(_record(found, uid))
            return found

    async def compare(self, text: str, path: str) -> Comparison:
        """What a reload would do with the text that somebody has read from `path`, a real one.

        If that is our own file, we read it: who asks may have rights that we lack.
        """
        return (await self._propose(text, path))[0]

    async def _propose(self, text: str | None, path: str = "") -> tuple[Comparison, Loaded | None]:
        try:
            return await self._aside(partial(self._examine, text, path))
        except ConfigurationError as error:
            return unusable(error), None
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this reload only
            return unusable(ConfigurationError(f"scand fails of it: {error!r}")), None

    def _examine(self, text: str | None, path: str) -> Examined:
        """Compare. Another token file must hold a token: the feed would stop for want of one."""
        own = self._loaded.path
        if text is None or path == os.path.realpath(own):
            proposed = interpret(own, read(own))
        else:
            proposed = interpret(Path(path), text)
        was, now = self._loaded.config.feed.token_file, proposed.config.feed.token_file
        troubles = [f"feed.token_file: {why}" for why in trouble_with(now)] if now != was else []
        return compare(self._loaded, proposed, troubles), proposed


def _record(found: Comparison, uid: int | None) -> Reloaded:
    return Reloaded(
        outcome=found.outcome,
        keys=[each.key for each in found.changes],
        shadowed=[each.key for each in found.shadowed],
        errors=found.errors,
        uid=uid,
    )
