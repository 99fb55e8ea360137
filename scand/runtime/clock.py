"""The machine's time of day."""

import time


class WallClock:
    """Implements `ports.Clock`."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()
