"""Whether pages are traced, and where to: as is configured at the time.

Another collector is turned to while the daemon runs; what waits for the one before is sent to it.
Nothing of OpenTelemetry is imported before there is an endpoint.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import trio

from scand.config import Config
from scand.core.errors import ConfigurationError
from scand.live import Live
from scand.ports import Clock, Observer
from scand.records import CollectorChanged, Record
from scand.telemetry.traces import SpanCounts, Tracer

if TYPE_CHECKING:
    from scand.telemetry.exporter import Exporter


class Way(NamedTuple):
    """What leads to a collector; no endpoint leads nowhere."""

    endpoint: str
    headers_file: Path | None

    @classmethod
    def of(cls, config: Config) -> "Way":
        """As configured."""
        return cls(config.traces.endpoint, config.traces.headers_file)


class Tracing:
    """An observer that tells another one, and traces what it is told while there is an endpoint."""

    def __init__(self, inner: Observer, clock: Clock) -> None:
        self._inner, self._clock = inner, clock
        self._way = Way("", None)
        self._told = inner
        self._exporter: Exporter | None = None
        self._past = SpanCounts()
        self._token = trio.lowlevel.current_trio_token()

    def observer(self, record: Record) -> None:
        """Take one record."""
        self._told(record)

    def counts(self) -> SpanCounts:
        """What became of the spans so far; from any thread."""
        now = self._exporter.counts() if self._exporter else SpanCounts()
        return _sum(self._past, now)

    def open(self, config: Config) -> "Exporter | None":
        """The way to the configured collector. Raises ConfigurationError."""
        self._way = Way.of(config)
        if not self._way.endpoint:
            return None
        from scand.telemetry.collector import open_exporter  # noqa: PLC0415 - slow, seldom needed

        return open_exporter(config, self._heard)

    def _heard(self, record: CollectorChanged) -> None:
        """From a thread of an exporter's, and perhaps of one that is not asked any more."""
        if record.endpoint == self._way.endpoint:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._inner, record)

    async def turn_to(self, exporter: "Exporter | None", patience: float) -> None:
        """Trace by way of this one from now on; the one before may take so long to end."""
        former, self._exporter = self._exporter, exporter
        self._told = Tracer(self._inner, exporter.put, self._clock) if exporter else self._inner
        if former is not None:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(former.close, patience)
            self._past = _sum(self._past, former.counts())

    async def follow(self, settings: Live[Config]) -> None:
        """Turn to whatever is configured, for ever; what cannot be used is told as its trouble."""
        while True:
            config = settings.now
            if Way.of(config) == self._way:
                await settings.sleep_until(math.inf)
                continue
            exporter, trouble = None, ""
            try:
                exporter = await trio.to_thread.run_sync(self.open, config)
            except ConfigurationError as error:
                trouble = str(error)
            await self.turn_to(exporter, config.traces.flush_timeout)
            if trouble:
                self._inner(CollectorChanged(config.traces.endpoint, trouble))


def _sum(one: SpanCounts, other: SpanCounts) -> SpanCounts:
    return SpanCounts(*(sum(pair) for pair in zip(one, other, strict=True)))


@asynccontextmanager
async def open_traces(
    settings: Live[Config], clock: Clock, inner: Observer
) -> AsyncIterator[Tracing]:
    """Tracing as configured. Raises ConfigurationError for headers that cannot be used.

    When the block ends, what is left is sent, for `traces.flush_timeout` at the most.
    """
    tracing = Tracing(inner, clock)
    await tracing.turn_to(tracing.open(settings.now), 0.0)
    try:
        yield tracing
    finally:
        await tracing.turn_to(None, settings.now.traces.flush_timeout)
