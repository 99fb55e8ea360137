"""Restart intensity over a period, as Erlang/OTP supervisors count it."""

from collections import deque


class RestartIntensity:
    """Allows at most `intensity` restarts within any `period` seconds."""

    def __init__(self, intensity: int, period: float) -> None:
        self.intensity, self.period = intensity, period
        self._restarts: deque[float] = deque(maxlen=intensity + 1)

    def exceeded(self, now: float) -> bool:
        """Record a restart at `now` (monotonic seconds); whether it is one too many."""
        self._restarts.append(now)
        return len(self._restarts) > self.intensity and now - self._restarts[0] <= self.period
