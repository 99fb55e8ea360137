"""How a store is made ready at the start: at once or not at all, or as soon as that can be."""

from collections.abc import Awaitable, Callable
from functools import partial

import trio

from scand.actors.patience import persist
from scand.feed.pacing import Backoff
from scand.ports import Observer
from scand.records import Lifecycle, Record, StoreBlocked
from scand.runtime.notify import Notifier
from scand.runtime.stopping import until_set
from scand.runtime.systemd import extending
from scand.store.opening import Prepared

MakeReady = Callable[[], Prepared]
Start = Callable[[MakeReady], Awaitable[Prepared]]


async def at_once(make_ready: MakeReady) -> Prepared:
    """Raises StoreError, also for what may be over by itself."""
    return await trio.to_thread.run_sync(make_ready)


class PatientStart:
    """Waits for a disk that is full or fails, as the daemon does later.

    systemd is told so, and `doing` otherwise. Asked to stop meanwhile, it cancels `root`.
    """

    def __init__(
        self,
        systemd: Notifier,
        backoff: Backoff,
        observer: Observer,
        stopping: trio.Event,
        root: trio.CancelScope,
        doing: str,
    ) -> None:
        self._systemd, self._backoff, self._observer = systemd, backoff, observer
        self._stopping, self._root = stopping, root
        self._status = doing

    async def __call__(self, make_ready: MakeReady) -> Prepared:
        """Raises StoreError for what needs somebody to act on the store."""
        ready: list[Prepared] = []

        async def wait() -> None:
            attempt = partial(at_once, make_ready)
            ready.append(await persist(attempt, self._backoff, self._tell))

        await extending(
            self._systemd, lambda: self._status, partial(until_set, self._stopping, wait)
        )
        if not ready:
            self._observer(Lifecycle("stopped", {"drained": True}))
            self._root.cancel()
            await trio.sleep_forever()
        return ready[0]

    def _tell(self, record: Record) -> None:
        if isinstance(record, StoreBlocked):
            self._status = f"waiting: {record.reason}"
            self._systemd.status(self._status)
        self._observer(record)
