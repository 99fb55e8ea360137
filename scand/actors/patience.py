"""A store behind patience: what only a full or failing disk prevents is tried until it succeeds.

Meanwhile the writer waits, the bounded channels fill, and the fetcher stops asking: a pause, in
which nothing is lost and nothing is crashed. Readers have connections of their own and go on.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import trio

from scand.core.errors import StoreBlockedError
from scand.core.pulse import UNWATCHED, Pulse
from scand.feed.pacing import Backoff
from scand.ports import Checkpoint, Observer, PageResult, Receipt, Store
from scand.records import StoreBlocked, StoreFreed

T = TypeVar("T")


class PatientStore:
    """Implements `ports.Store`, by asking another one until it can."""

    def __init__(
        self, store: Store, backoff: Backoff, observer: Observer, pulse: Pulse = UNWATCHED
    ) -> None:
        self._store, self._backoff, self._observer = store, backoff, observer
        self._pulse = pulse

    async def begin(self) -> Checkpoint:
        """Where to go on from, once that can be had."""
        return await self._persist(self._store.begin)

    async def commit(self, pages: Sequence[PageResult]) -> Receipt:
        """Make pages durable, however long that takes."""
        return await self._persist(partial(self._store.commit, pages))

    async def _persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        return await persist(attempt, self._backoff, self._observer, self._pulse)


async def persist(
    attempt: Callable[[], Awaitable[T]],
    backoff: Backoff,
    observer: Observer,
    pulse: Pulse = UNWATCHED,
) -> T:
    """Try until nothing prevents it that may be over by itself."""
    blocked_at = trio.current_time()
    while True:
        try:
            with pulse.working():
                result = await attempt()
        except StoreBlockedError as error:
            wait = backoff.next()
            observer(StoreBlocked(f"{error}; {error.hint}", wait, backoff.attempt))
            with pulse.waiting("the store", trio.current_time() + wait):
                await trio.sleep(wait)
        else:
            if backoff.attempt:
                observer(StoreFreed(trio.current_time() - blocked_at))
                backoff.reset()
            return result
