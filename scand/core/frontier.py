"""Pages are folded by several shards at once and come back out of order; the cursor may only
move over a contiguous prefix of them. The frontier says how far that prefix goes."""

from collections import defaultdict
from typing import Generic, TypeVar

Part = TypeVar("Part")


class Frontier(Generic[Part]):
    """Collects `parts` answers per page, numbered from 0, and releases whole pages in order."""

    def __init__(self, parts: int) -> None:
        self._parts = parts
        self._next = 0
        self._pages: defaultdict[int, list[Part]] = defaultdict(list)

    def add(self, sequence: int, part: Part) -> None:
        """Take one shard's answer for page `sequence`."""
        if sequence < self._next or len(self._pages[sequence]) == self._parts:
            raise ValueError(f"page {sequence} was already complete")
        self._pages[sequence].append(part)

    def ready(self) -> list[list[Part]]:
        """The answers of each page that is now complete with all its predecessors, once."""
        pages = []
        while len(self._pages.get(self._next, ())) == self._parts:
            pages.append(self._pages.pop(self._next))
            self._next += 1
        return pages

    def __len__(self) -> int:
        """How many pages wait for an answer or for a predecessor."""
        return len(self._pages)
