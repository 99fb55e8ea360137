"""A value that is exchanged whole while others use it: how settings change in a running daemon.

Who needs it reads `now`, who has made something of it is told, and who waits because of it is
woken. All of that happens in one step of the event loop: nobody sees half of an exchange.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import trio

T = TypeVar("T")
V = TypeVar("V")


class Live(Generic[T]):
    """The value of the moment."""

    def __init__(self, now: T) -> None:
        self._now = now
        self._listeners: list[Callable[[T], None]] = []
        self._exchanged = trio.Event()

    @property
    def now(self) -> T:
        """What is in force; may be read from any thread."""
        return self._now

    def exchange(self, value: T) -> None:
        """Put another value in force, and tell all who want to know, who must not raise."""
        self._now = value
        for listener in tuple(self._listeners):
            listener(value)
        self._exchanged.set()
        self._exchanged = trio.Event()

    async def sleep_until(self, deadline: float) -> None:
        """Wait until then, on trio's clock, or until the value was exchanged."""
        with trio.move_on_at(deadline):
            await self._exchanged.wait()

    @contextmanager
    def telling(self, listener: Callable[[T], None]) -> Iterator[None]:
        """Tell of every exchange, for as long as the block runs."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    @contextmanager
    def view(self, part: Callable[[T], V]) -> Iterator["Live[V]"]:
        """What is made of the value, which is exchanged only when that becomes another."""
        live = Live(part(self._now))

        def follow(value: T) -> None:
            if (made := part(value)) != live.now:
                live.exchange(made)

        with self.telling(follow):
            yield live
