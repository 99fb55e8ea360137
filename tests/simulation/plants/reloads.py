"""Mistakes in how settings are exchanged."""

from contextlib import AbstractContextManager
from typing import Any

import trio

from scand.actors import fetcher, processor
from scand.core import coverage
from scand.feed import breaker, reader
from scand.live import Live
from scand.runtime import daemon, reloading
from tests.simulation.plants.garden import plant
from tests.simulation.scheduler import exchanged


@plant("I2", "I8", "I9")
def a_reload_forgets_the_ledger() -> AbstractContextManager[None]:
    """What is missing is looked for no more."""
    real = coverage.Coverage.adjust

    def adjust(self: Any, *settings: Any) -> None:
        real(self, *settings)
        for gap in [*self.ledger._gaps.values()]:
            self.ledger._remove(gap)

    return exchanged(coverage.Coverage, adjust=adjust)


@plant("I2")
def a_reload_forgets_the_cursor() -> AbstractContextManager[None]:
    """The feed is followed from its beginning again."""
    real = coverage.Coverage.adjust

    def adjust(self: Any, *settings: Any) -> None:
        real(self, *settings)
        self._covered.cursor, self._covered.anchored = 0, False

    return exchanged(coverage.Coverage, adjust=adjust)


@plant("I3", "I6", "I7", "I8")
def half_of_a_refused_reload() -> AbstractContextManager[None]:
    """What takes a restart is refused, and the rest is applied."""
    real = reloading.Reloader.reload

    async def reload(self: Any, observer: Any) -> Any:
        found = await real(self, observer)
        if found.outcome == "refused":
            _, proposed = await self._propose(None)
            self._settings.exchange(proposed.config)
        return found

    return exchanged(reloading.Reloader, reload=reload)


@plant("I6")
def a_reload_is_news() -> AbstractContextManager[None]:
    """Whoever is woken up by other settings asks at once, though it is not time yet."""
    real = fetcher._Fetcher._pause

    async def pause(self: Any, what: str, seconds: float) -> None:
        until = trio.current_time() + seconds
        await real(self, what, seconds)
        if trio.current_time() < until:
            self._polled_at = float("-inf")

    return exchanged(fetcher._Fetcher, _pause=pause)


@plant("I6")
def a_reload_ends_every_wait() -> AbstractContextManager[None]:
    """Also that which the carrier has asked for."""
    real = reader.PageReader.reconfigure

    def reconfigure(self: Any, **settings: Any) -> None:
        self._refused = True
        real(self, **settings)

    return exchanged(reader.PageReader, reconfigure=reconfigure)


@plant("I6")
def a_reload_closes_the_breaker() -> AbstractContextManager[None]:
    """With other settings, the carrier is trusted again."""
    real = breaker.Breaker.reconfigure

    def reconfigure(self: Any, *settings: Any) -> None:
        self._circuit.close()
        real(self, *settings)

    return exchanged(breaker.Breaker, reconfigure=reconfigure)


@plant("I3")
def the_catalogue_of_the_start() -> AbstractContextManager[None]:
    """Events are judged by what the settings were when the generation began."""
    real = processor.process

    async def process(slices: Any, results: Any, judge: Any, *told: Any) -> None:
        await real(slices, results, Live(judge.now), *told)

    return exchanged(daemon, process=process)
