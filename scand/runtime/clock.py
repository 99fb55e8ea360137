"""The machine's time of day."""

import time

import trio

from scand.ports import Clock


class WallClock:
    """Implements `ports.Clock`."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()


class SteadyClock:
    """The time of day as it was when this was made, and what has passed on trio's clock since.

    Setting the machine's clock does not move it: no gap looks old because of that.
    """

    def __init__(self, wall: Clock) -> None:
        self.began = wall.now()
        self._zero = self.began - trio.current_time()

    def now(self) -> float:
        """Seconds since 1970."""
        return self.at(trio.current_time())

    def at(self, moment: float) -> float:
        """A moment of trio's clock, in seconds since 1970."""
        return self._zero + moment
