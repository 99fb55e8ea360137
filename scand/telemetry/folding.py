"""News that come again and again: the first is told at once, the next ones are summed up.

    told      x         x              x                           x
    silence    [ 1 min  ][    2 min    ][          4 min           ]  ...  1 h at the longest
    news      x x xx  x  xx    x xx  x   x  x x xxx   x x x  x  xxxx

When a silence has passed without news, the next news are told at once again.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

SHORTEST, LONGEST = 60.0, 3600.0
"""Seconds of silence about one topic: after the first news, and when it goes on for ever."""

Say = Callable[..., None]
"""Tells an event with its fields."""


@dataclass
class _Topic:
    """What is known of one topic; `say` and `details` are those of its latest news."""

    counts: Counter[str] = field(default_factory=Counter)
    silence: float = SHORTEST
    until: float = float("-inf")
    say: Say = lambda **_: None
    details: Mapping[str, object] = field(default_factory=dict)

    def tell(self, now: float) -> None:
        went_on = now < self.until + self.silence
        self.silence = min(2 * self.silence, LONGEST) if went_on else SHORTEST
        self.until = now + self.silence
        self.say(**self.details, **self.counts)
        self.counts.clear()


class Folding:
    """Decides when news are told, by topic; `now` is a clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._topics: dict[Hashable, _Topic] = {}

    def add(
        self, topic: Hashable, say: Say, counts: Mapping[str, int], details: Mapping[str, object]
    ) -> None:
        """Say it, counts and all, or have the counts said with later news of this topic."""
        known = self._topics.setdefault(topic, _Topic())
        known.counts.update(counts)
        known.say, known.details = say, details
        if self._now() >= known.until:
            known.tell(self._now())

    def settle(self, *, ending: bool = False) -> None:
        """Say what is left to say and was silenced long enough; when `ending`, all that is left."""
        now = self._now()
        for topic in self._topics.values():
            if topic.counts and (ending or now >= topic.until):
                topic.tell(now)
