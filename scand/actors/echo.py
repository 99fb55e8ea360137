"""A poll asks from the cursor, so that it is proven; what that shows again is no news."""

from dataclasses import replace

from scand.actors.messages import Page
from scand.core.course import Position
from scand.core.event import EventId

HEAD_NOTED_EVERY = 60.0
"""Seconds after which it is made durable that the head was reached, though nothing was new."""


class Echo:
    """Drops what the page before showed already: a poll repeats the cursor's event."""

    def __init__(self) -> None:
        self._last: Page | None = None
        self._head_noted = float("-inf")

    def new_in(self, page: Page, *, reread: bool, repeats: bool) -> Page | None:
        """The page without the echo, or None where nothing remains to be committed."""
        last, new = self._last, page
        if last is not None and repeats:
            known = {*last.events, *last.rejected}
            new = replace(
                page,
                events=[event for event in page.events if event not in known],
                rejected=[item for item in page.rejected if item not in known],
            )
        if not reread and (new.events or new.rejected):
            self._last = page
        news = new.events or new.rejected or any(new.ledger) or new.history
        if not (news or self._is_overdue(new.position)):
            return None
        self._head_noted = new.position.head_at
        return new

    def _is_overdue(self, position: Position[EventId]) -> bool:
        return position.anchored and position.head_at - self._head_noted >= HEAD_NOTED_EVERY
