"""Commits pages, and finds the event that cannot be committed.

A commit that is rolled back for a reason that nobody can mend (a value that the store will not
take, a mistake of ours) is halved, and halved again, down to one event. If that fails `CHANCES`
times on its own, it becomes a dead letter; all others are committed. The cursor moves with the last
part of a page, not before.

In a careful generation, every third that begins at one place, events are committed one by one from
the start: whatever it is that ends the process here, all that can get past it does.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from scand.core.errors import RolledBackError
from scand.core.event import Reason, Rejected, ScanEvent
from scand.core.ledger import LedgerChange
from scand.core.parcel import Key, fold
from scand.ports import PageResult, Receipt, Store

CAREFUL_EVERY = 3
"""Of the generations that begin at one place, every third is careful: what fails at random rather
than at one event is better got over at full speed."""

CHANCES = 3
"""Times that an event alone must fail to be committed: once may be bad luck."""

Outcome = tuple[Receipt, list[Rejected]]
"""What was committed, and which events turned out not to be committable."""


class Committer:
    """Commits to a store what can be committed."""

    def __init__(self, store: Store, key: Key, *, careful: bool = False) -> None:
        self._store, self._key, self._careful = store, key, careful

    async def commit(self, pages: Sequence[PageResult]) -> Outcome:
        """All of it, in order. Raises what prevents even a page without events."""
        if not self._careful:
            return await self._halving(pages)
        parts = [self._singles(page) for page in pages]
        return await self._one_by_one([[part] for part in chain.from_iterable(parts)])

    async def _halving(self, pages: Sequence[PageResult]) -> Outcome:
        try:
            return await self._store.commit(pages), []
        except RolledBackError as error:
            if len(pages) > 1:
                middle = len(pages) // 2
                return await self._one_by_one([pages[:middle], pages[middle:]])
            return await self._split(pages[0], error)

    async def _one_by_one(self, parts: Sequence[Sequence[PageResult]]) -> Outcome:
        receipt, found = Receipt(), []
        for part in parts:
            done, culprits = await self._halving(part)
            receipt += done
            found += culprits
        return receipt, found

    async def _split(self, page: PageResult, error: RolledBackError) -> Outcome:
        size = len(page.events) + len(page.rejected)
        if size > 1:
            first, rest = self._part(page, 0, size // 2), self._part(page, size // 2, size)
            return await self._one_by_one([[first], [_concluded(rest, page)]])
        for _ in range(CHANCES - 1):
            try:
                return await self._store.commit([page]), []
            except RolledBackError as again:
                error = again
        if not page.events:
            raise error
        return await self._set_aside(page, page.events[0], error)

    async def _set_aside(
        self, page: PageResult, event: ScanEvent, error: RolledBackError
    ) -> Outcome:
        raw = page.body.raws_of([event])[event]
        culprit = Rejected.of(event, Reason.PROCESSING_FAILED, str(error), raw)
        letter = replace(page, events=[], parcels={}, rejected=[culprit])
        return await self._store.commit([letter]), [culprit]

    def _singles(self, page: PageResult) -> list[PageResult]:
        size = len(page.events) + len(page.rejected)
        parts = [self._part(page, place, place + 1) for place in range(size)]
        return [*parts, _concluded(self._part(page, size, size), page)]

    def _part(self, page: PageResult, start: int, end: int) -> PageResult:
        """The events from `start` to `end`, and the rejected ones as if they came after them."""
        events, count = page.events[start:end], len(page.events)
        return PageResult(
            events=events,
            parcels=fold(events, self._key),
            rejected=page.rejected[max(start - count, 0) : max(end - count, 0)],
            asked_from=page.asked_from,
            body=page.body,
            position=None,
            ledger=LedgerChange(),
            traced=page.traced,
        )


def _concluded(last: PageResult, page: PageResult) -> PageResult:
    """The last part of a page: with it, what the page means becomes true."""
    return replace(
        last,
        position=page.position,
        ledger=page.ledger,
        history=page.history,
        incident=page.incident,
    )
