"""The machine's clock, which is not always right."""

from datetime import UTC, datetime

import trio

from tests.support.parts import NOON


class JumpingClock:
    """The time of day, as far as the machine knows it. Implements `ports.Clock`."""

    def __init__(self) -> None:
        self._wrong_by = 0.0
        self._ahead_until = float("-inf")

    def now(self) -> float:
        """Seconds since 1970."""
        return NOON + trio.current_time() + self._wrong_by

    def utc(self) -> datetime:
        """The same, for HTTP dates."""
        return datetime.fromtimestamp(self.now(), UTC)

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self._note()
        self._wrong_by += seconds

    def correct(self) -> None:
        """The clock is set right."""
        self._note()
        self._wrong_by = 0.0

    def was_ahead_since(self, moment: float) -> bool:
        """Whether it has been ahead at any time since then."""
        self._note()
        return self._ahead_until >= moment

    def _note(self) -> None:
        if self._wrong_by > 0:
            self._ahead_until = trio.current_time()
