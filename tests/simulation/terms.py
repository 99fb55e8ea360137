"""The settings that were in force, and when: what the daemon did is judged by those of its time."""

from bisect import bisect_left

import trio

from scand.config import Config


class Terms:
    """Remembers every exchange of settings; `begun` is when the process began that they are of."""

    def __init__(self, config: Config) -> None:
        self._times, self._configs = [float("-inf")], [config]
        self.begun = float("-inf")

    @property
    def now(self) -> Config:
        """What is in force."""
        return self._configs[-1]

    def start(self, config: Config) -> None:
        """A process begins with these."""
        self.begun = trio.current_time()
        self.exchange(config)

    def exchange(self, config: Config) -> None:
        """These are in force from now on."""
        self._times.append(trio.current_time())
        self._configs.append(config)

    def since(self, moment: float) -> list[Config]:
        """All that were in force at any time from that moment on, and what they replaced then."""
        return self._configs[max(bisect_left(self._times, moment) - 1, 0) :]
