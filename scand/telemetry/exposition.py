"""What is asked at the moment of a scrape: the board, the channels, the store's figures.

A scrape costs the event loop nothing: the text is made in a thread, the store is read in another
one, at most every `FRESH` seconds. What cannot be read in time, or at all, stays as it was last
read, and says when that was.
"""

from collections.abc import Callable, Iterable
from functools import partial

import trio
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector

from scand.core.errors import ScandError
from scand.store.figures import Figures
from scand.telemetry.families import Levels, channels, live, spans, stored
from scand.telemetry.status import StatusBoard
from scand.telemetry.traces import SpanCounts

FRESH = 10.0
"""Seconds for which figures of the store are as good as new."""

PATIENCE = 2.0
"""Seconds to wait for them: a scrape has ten, by Prometheus's default."""

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Exposition:
    """Makes the text of `/metrics`; `read` reads the store, and blocks."""

    def __init__(
        self,
        registry: CollectorRegistry,
        board: StatusBoard,
        levels: Levels,
        read: Callable[[], Figures],
        counts: Callable[[], SpanCounts] = SpanCounts,
    ) -> None:
        self._registry, self._figures_now = registry, read
        self._figures: Figures | None = None
        self._read_at = float("-inf")
        self._making, self._reading = trio.CapacityLimiter(1), trio.CapacityLimiter(1)
        registry.register(_Collector(lambda: live(board)))
        registry.register(_Collector(lambda: channels(levels())))
        registry.register(_Collector(lambda: spans(counts())))
        registry.register(_Collector(lambda: stored(self._figures, board.started_at)))
        ProcessCollector(registry=registry)

    async def text(self) -> bytes:
        """All metrics, as Prometheus reads them."""
        await self._refresh()
        make = partial(generate_latest, self._registry)
        return await trio.to_thread.run_sync(make, limiter=self._making)

    async def _refresh(self) -> None:
        now = trio.current_time()
        if now - self._read_at < FRESH:
            return
        self._read_at = now
        with trio.move_on_after(PATIENCE):
            await trio.to_thread.run_sync(self._read, abandon_on_cancel=True, limiter=self._reading)

    def _read(self) -> None:
        try:
            self._figures = self._figures_now()
        except (ScandError, OSError):
            return  # the figures that there are say how old they are


class _Collector:
    """Families as they are when they are asked for."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families()

    def describe(self) -> Iterable[Metric]:
        """Nothing: to say it would be to read it."""
        return ()
