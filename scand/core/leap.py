"""What lies beyond a jump too far to be believed, on a server that shows little of it at once.

A full page beyond it proves the jump. Where the server grants less than that, it is gathered: each
look asks from the last id on that is known there, as long as the one before has shown more.
"""

from collections.abc import Sequence

from scand.core.event import MAX_ID

LOOK_AGAIN = 60.0
"""Seconds after a look that has shown nothing more, when the next one may be made."""


class Leap:
    """The ids that were seen beyond the jump, and from when on another look may show more."""

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._ended = False  # as the last look has it
        self._since = float("-inf")
        self._open = False

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def last(self) -> int:
        """The greatest of them, or 0."""
        return max(self._ids, default=0)

    @property
    def hides_more(self) -> bool:
        """Whether there may be more that nobody has looked for."""
        return self._open and not self._ended

    @property
    def next_look(self) -> float:
        """When to look, in seconds since 1970; infinity when there is no need."""
        return self._since if self._open else float("inf")

    def polled(self, ids: Sequence[int], *, full: bool) -> None:
        """A poll shows these, ascending; none where there is no jump. A `full` page ends early.

        Where that has no room beside the cursor's event, it says nothing.
        """
        if full and not ids:
            return
        goes_on = bool(ids) and ids[0] in self._ids
        self._ids = {*ids, *self._ids} if goes_on else {*ids}
        self._ended &= goes_on
        self._since = self._since if goes_on else float("-inf")
        self._open = full and self.last < MAX_ID

    def settle(self) -> None:
        """The cursor has gone on: there is no jump."""
        self._ids, self._ended, self._open = set(), False, False
        self._since = float("-inf")

    def looked(self, ids: Sequence[int], begun: float) -> None:
        """A look at `begun`, from the last one on, shows these beyond it."""
        self._ids.update(ids)
        self._ended = not ids
        self._since = begun if ids else begun + LOOK_AGAIN
        self._open &= self.last < MAX_ID
