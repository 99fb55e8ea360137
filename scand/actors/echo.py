"""A poll asks from the cursor, so that it is proven; what that shows again is no news."""

from dataclasses import replace

from scand.actors.messages import Page


class Echo:
    """Drops what the page before showed already: a poll repeats the cursor's event."""

    def __init__(self) -> None:
        self._last: Page | None = None

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
        return new if news else None
