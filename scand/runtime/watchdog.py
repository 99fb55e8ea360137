"""The watchdog is fed while every stage of ingest makes progress, or has an excuse.

A stage that is stalled for half of the watchdog's time starves it, and systemd kills and starts
again; an event loop that hangs does so by itself. `core.pulse` has the rule.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import trio

from scand.core.pulse import Pulse, Vigil
from scand.ports import Observer
from scand.records import Stalled
from scand.runtime.notify import Notifier

LOOKS = 4
"""In a row without progress, until a stage is stalled; twice as many in the watchdog's time."""


class Vitals:
    """The pulses of ingest by stage, from one generation to the next."""

    def __init__(self) -> None:
        self._pulses: dict[str, Pulse] = {}

    def of(self, stage: str) -> Pulse:
        """The pulse of a stage."""
        return self._pulses.setdefault(stage, Pulse(stage))

    def __iter__(self) -> Iterator[Pulse]:
        return iter(self._pulses.values())

    @contextmanager
    def fed(self, channels: Mapping[str, trio.MemoryReceiveChannel[Any]]) -> Iterator[None]:
        """For a generation, these channels lead to these stages."""
        with ExitStack() as stack:
            for stage, channel in channels.items():
                stack.enter_context(self.of(stage).fed(partial(_queued, channel)))
            yield


def _queued(channel: trio.MemoryReceiveChannel[Any]) -> int:
    return channel.statistics().current_buffer_used


async def feed_watchdog(systemd: Notifier, vitals: Vitals, observer: Observer) -> None:
    """Feed it for ever, and say so once where something is stalled; nothing without one."""
    vigil, before = Vigil(LOOKS), False
    while systemd.watchdog is not None:
        stalled = vigil.stalled(vitals, trio.current_time())
        if not stalled:
            systemd.alive()
        elif not before:
            observer(Stalled(stalled))
        before = bool(stalled)
        await trio.sleep(systemd.watchdog / (2 * LOOKS))
