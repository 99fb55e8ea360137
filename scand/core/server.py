"""What is learned of the server on the way: how much it grants, and where its answers begin."""

from collections.abc import Sequence

BUSY_SHARE = 0.25
"""A page of at least this share of the largest one seen means: ask again at once."""

FULL_PAGE = 10
"""Fewer events than this are no full page, unless fewer were asked for: what the largest page
is that the server grants, a process that has just begun cannot know."""


class Server:
    """`limit` is how many events to ask it for, `largest` the size of its largest page so far.

    `inclusive`: it counts FromEventId in; None while that is unknown. Unless that was said, the
    last proof counts.
    """

    def __init__(self, limit: int, known: bool | None, said: bool | None) -> None:  # noqa: FBT001
        self._max_limit = self.limit = limit
        self.largest = 0
        self.inclusive = known if said is None else said
        self._learns = said is None

    def learn(self, from_id: int, ids: Sequence[int], *, at_cursor: bool) -> None:
        """These events came first from `from_id` on; where that is the cursor, its event exists."""
        if not self._learns:
            return
        if ids[:1] == [from_id]:
            self.inclusive = True
        elif self.inclusive is None and at_cursor:
            self.inclusive = False

    def just_before(self, low: int) -> int:
        """Where to ask from for an id, also while the one asked from may be left out."""
        return low if self.inclusive else low - 1

    def reach(self, from_id: int, size: int) -> int:
        """The `size` lowest ids from the one asked for lie at least so far apart."""
        return from_id + size - (self.inclusive is not False)

    def granted(self, limit: int) -> int:
        """How many events an answer has, as far as is known, to who asks for so many."""
        return min(limit, self.largest)

    def full(self, limit: int) -> int:
        """How many events are a full page, without a doubt."""
        return min(limit, max(self.largest, FULL_PAGE))

    def allow(self, limit: int) -> None:
        """Ask for so many events at the most."""
        self.limit = limit if self.limit == self._max_limit else min(self.limit, limit)
        self._max_limit = limit

    def recover(self) -> None:
        """An answer came through: ask for more again, little by little."""
        self.limit = min(self._max_limit, self.limit + max(1, self._max_limit // 16))

    def halve(self, limit: int, least: int = 1) -> bool:
        """An answer to who asked for so many was too large. Whether less can be asked for."""
        self.limit = max(least, limit // 2)
        return self.limit < limit
