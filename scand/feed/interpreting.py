"""What a body says: a page, damage on the way, or what nobody will ever read.

A page that does not decode though its framing is whole says nothing about the carrier's health: it
is neutral for the breaker. Any other body may be damaged on the way, and is a failure, until it has
come so often, or where it is known what damages pages, or just being found out.
"""

import codecs
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from scand.core.decode import Decoded, Decoder
from scand.core.pulse import Pulse
from scand.core.tolerant import Damaged, Salvaged, Whole, read_page
from scand.feed.breaker import Verdict
from scand.ports import Failed, Unreadable

POISON_AFTER = 3
"""Times the same undecodable page must come before it is taken for what the carrier means."""

LARGE = 1 << 20
"""Bytes from which on a body is read in a thread: garbage of that size takes its time."""

LARGE_TAKES = 600.0
"""Seconds that this may be: who is started again for it would be served the same body."""

Page = tuple[Decoded, bytes]
"""What was read, and the bytes that it was read from."""

Read = Whole | Salvaged | Damaged
Aside = Callable[[Callable[[], Read]], Awaitable[Read]]


async def in_thread(read: Callable[[], Read]) -> Read:
    """Read a large body while the rest of the process goes on."""
    return await trio.to_thread.run_sync(read, abandon_on_cancel=True)


class Interpreter:
    """Reads bodies, and remembers what could not be read. `aside` runs what takes long."""

    def __init__(self, decoder: Decoder, pulse: Pulse, aside: Aside = in_thread) -> None:
        self._decoder, self._pulse, self._aside = decoder, pulse, aside
        self._suspect = Suspect()

    def clear(self) -> None:
        """The carrier has answered without a body."""
        self._suspect.clear()

    async def interpret(
        self, body: bytes, begun: float, *, searching: bool
    ) -> tuple[Verdict, Page | Failed | Unreadable]:
        """Read the answer to a request that `begun` then; `searching`: for what damages pages."""
        body = body.removeprefix(codecs.BOM_UTF8)  # .NET likes to write one
        read = partial(read_page, body, self._decoder)
        match read() if len(body) < LARGE else await self._read_aside(read):
            case Whole(decoded):
                self._suspect.clear()
                return Verdict.SUCCESS, (decoded, body)
            case Salvaged(decoded, sound, mark, why):
                convicted = self._suspect.convicts(mark)
                return Verdict.NEUTRAL, (decoded, sound) if convicted else Failed(why)
            case Damaged() as damaged:
                return self._doubt(damaged, body, begun, searching=searching)

    async def _read_aside(self, read: Callable[[], Read]) -> Read:
        with self._pulse.waiting("a large body to be read", trio.current_time() + LARGE_TAKES):
            return await self._aside(read)

    def _doubt(
        self, damaged: Damaged, body: bytes, begun: float, *, searching: bool
    ) -> tuple[Verdict, Failed | Unreadable]:
        known = damaged.begins and self._suspect.knows(damaged.mark)
        if searching or self._suspect.convicts(damaged.mark):
            self._suspect.close(damaged.mark)
            unreadable = Unreadable(damaged.why, body, begun, damaged.mark, damaged.begins)
            return Verdict.NEUTRAL, unreadable
        return Verdict.NEUTRAL if known else Verdict.FAILURE, Failed(damaged.why)


class Suspect:
    """Remembers how the last page that did not decode was damaged, and how often that came."""

    def __init__(self) -> None:
        self._mark, self._times = b"", 0
        self._convicted: bytes | None = None

    def convicts(self, mark: bytes) -> bool:
        """Whether this has now come often enough in a row to be poison rather than damage."""
        self._times = self._times + 1 if mark == self._mark else 1
        self._mark = mark
        return self._times >= POISON_AFTER

    def knows(self, mark: bytes) -> bool:
        """Whether this was the last that no reader could make sense of."""
        return mark == self._convicted

    def clear(self) -> None:
        """A page was read."""
        self._mark, self._times = b"", 0

    def close(self, mark: bytes) -> None:
        """It is known that this cannot be read."""
        self.clear()
        self._convicted = mark
