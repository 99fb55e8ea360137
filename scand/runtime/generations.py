"""Generations of ingest, one after the other, and what may happen between two of them."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

T = TypeVar("T")


class Generations:
    """Gives the turn to one generation of ingest at a time, or to a change that needs it to rest.

    A change ends the generation under way: what it had not committed is fetched again.
    """

    def __init__(self) -> None:
        self._turn = trio.Lock()  # first come, first served
        self._scope = trio.CancelScope()

    async def run(self, generation: Callable[[], Awaitable[None]]) -> None:
        """Run a generation, and another one whenever a change has ended it, until one ends."""
        ended = False
        while not ended:
            async with self._turn:
                with trio.CancelScope() as self._scope:
                    await generation()
                    ended = True

    async def between(self, change: Callable[[], Awaitable[T]]) -> T:
        """Make a change while no generation runs."""
        self._scope.cancel()
        async with self._turn:
            return await change()
