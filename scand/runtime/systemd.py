"""What systemd is told, and when: ready, how it stands, that it ends, and that it lives."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import trio

from scand.ports import Observer
from scand.records import Record, ReloadBegun, Reloaded
from scand.runtime.notify import Notifier
from scand.runtime.watchdog import Vitals, feed_watchdog

STATUS_EVERY = 3.0
"""Seconds between two looks at what is to be said."""

AFTER_DRAIN = 15.0
"""Seconds that a stop may take beside the drain: a commit under way, and closing the store."""

EXTENSION = 30.0
"""Seconds by which a long start asks for more time; it asks whenever it says how it is."""

T = TypeVar("T")


@dataclass(frozen=True)
class Ending:
    """What asks the daemon to end, and how many seconds it may drain then."""

    stopping: trio.Event
    drain: Callable[[], float]


async def stand_by(
    systemd: Notifier,
    status: Callable[[], str],
    vitals: Vitals,
    ending: Ending,
    observer: Observer,
) -> None:
    """Tell systemd that the daemon has started, and how it is from now on."""
    if not systemd:
        return
    systemd.ready(status())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(feed_watchdog, systemd, vitals, observer)
        nursery.start_soon(_tell_stop, systemd, ending)
        await _tell_status(systemd, status, ending.stopping)


def tell_reload(systemd: Notifier, status: Callable[[], str], record: Record) -> None:
    """Tell systemd that the configuration is read again, and what came of that."""
    match record:
        case ReloadBegun():
            systemd.reloading()
        case Reloaded(outcome=outcome):
            systemd.ready(f"reload {outcome}; {status()}")
        case _:
            pass


async def _tell_status(systemd: Notifier, status: Callable[[], str], stopping: trio.Event) -> None:
    told = ""
    while not stopping.is_set():
        if (said := status()) != told:
            systemd.status(said)
        told = said
        await trio.sleep(STATUS_EVERY)


async def _tell_stop(systemd: Notifier, ending: Ending) -> None:
    await ending.stopping.wait()
    systemd.stopping("draining: what was fetched is committed", ending.drain() + AFTER_DRAIN)


async def extending(
    systemd: Notifier, status: Callable[[], str], start: Callable[[], Awaitable[T]]
) -> T:
    """Run a part of the start, for which systemd is asked for as much time as it takes."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_extend, systemd, status)
        result = await start()
        nursery.cancel_scope.cancel()
    return result


async def _extend(systemd: Notifier, status: Callable[[], str]) -> None:
    while True:
        systemd.extend(status(), EXTENSION)
        await trio.sleep(STATUS_EVERY)
