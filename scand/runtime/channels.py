"""The channels of the generation under way, for those who ask how full they are."""

from collections.abc import Mapping, Sequence
from typing import Any

import trio

from scand.telemetry.families import Level

Ends = Sequence[trio.MemoryReceiveChannel[Any]]


class Channels:
    """Knows the channels by name; may be asked from any thread."""

    def __init__(self) -> None:
        self._ends: Mapping[str, Ends] = {}

    def know(self, **ends: Ends) -> None:
        """From now on it is about these."""
        self._ends = ends

    def levels(self) -> dict[str, list[Level]]:
        """How full each of them is."""
        return {name: [_level(end) for end in ends] for name, ends in self._ends.items()}


def _level(end: trio.MemoryReceiveChannel[Any]) -> Level:
    statistics = end.statistics()
    return Level(statistics.current_buffer_used, statistics.max_buffer_size)
