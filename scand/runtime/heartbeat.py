"""Whether the event loop turns: a beat every second, from under the supervisor."""

from typing import Never

import trio

EVERY = 1.0
"""Seconds from beat to beat."""

STANDSTILL = 10.0
"""Seconds without one after which something is wrong."""


class Heartbeat:
    """Begins to be felt when it is made; make it inside a trio run."""

    def __init__(self) -> None:
        self._last = trio.current_time()

    async def beat(self) -> Never:
        """Beat for ever."""
        while True:
            self._last = trio.current_time()
            await trio.sleep(EVERY)

    def trouble(self) -> str:
        """What is wrong, or nothing."""
        silent = trio.current_time() - self._last
        if silent < STANDSTILL:
            return ""
        return f"the supervisor has not had a turn for {silent:.0f} s"
