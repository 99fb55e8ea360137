"""Mistakes in how the carrier is asked."""

import math
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any

import trio

from scand.feed import breaker, reader
from scand.ports import Throttled
from scand.runtime import daemon
from tests.simulation.plants.garden import plant
from tests.simulation.scheduler import exchanged


@plant("I6")
def an_open_breaker_asks() -> AbstractContextManager[None]:
    """Open or not makes no difference."""
    return exchanged(breaker.Breaker, _barred_until=lambda _: -math.inf)


@plant("I6")
def half_open_flood() -> AbstractContextManager[None]:
    """A probe that fails is followed by the next one at once."""
    real = breaker.Breaker._hear

    def hear(self: Any, verdict: Any, epoch: int) -> None:
        failed_probe = self.state == breaker.HALF_OPEN and verdict is breaker.Verdict.FAILURE
        real(self, breaker.Verdict.NEUTRAL if failed_probe else verdict, epoch)

    return exchanged(breaker.Breaker, _hear=hear)


@plant("I6")
def throttling_is_a_failure() -> AbstractContextManager[None]:
    """A 429 counts for the breaker."""
    verdicts = {**breaker.VERDICTS, Throttled: breaker.Verdict.FAILURE}
    return exchanged(reader, VERDICTS=verdicts)


@plant("I6")
def a_crash_is_a_failure() -> AbstractContextManager[None]:
    """A request that is not brought to its end counts for the breaker."""

    @asynccontextmanager
    async def admission(self: Any) -> AsyncIterator[breaker.Permit]:
        async with self._gate:
            await self._clearance()
            permit = self._admit()
        try:
            yield permit
        finally:
            if not permit.settled:
                permit.settle(breaker.Verdict.FAILURE)

    return exchanged(breaker.Breaker, admission=admission)


@plant("I6")
def retry_after_is_ignored() -> AbstractContextManager[None]:
    """However long the carrier asks to wait, it is not done."""
    real = reader.PageReader._wait_after
    return exchanged(
        reader.PageReader, _wait_after=lambda self, outcome: min(real(self, outcome), 0.1)
    )


@plant("I8")
def swallowed_cancellation() -> AbstractContextManager[None]:
    """Whatever interrupts a request, it is begun again."""
    real = reader.PageReader.read

    async def stubborn(self: Any, request: Any, **kwargs: Any) -> Any:
        while True:
            try:
                return await real(self, request, **kwargs)
            except trio.Cancelled:
                await trio.lowlevel.cancel_shielded_checkpoint()

    return exchanged(reader.PageReader, read=stubborn)


@plant("I8")
def a_full_disk_is_a_crash() -> AbstractContextManager[None]:
    """Nobody waits for a store that is blocked."""

    def impatient(store: Any, *_: object) -> Any:
        return store

    return exchanged(daemon, PatientStore=impatient)
