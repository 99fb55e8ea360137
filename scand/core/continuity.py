"""Is this still the same feed? Asked when an answer should repeat the cursor's event and does not.

| the feed | finding |
| --- | --- |
| shows the cursor's event when asked from before it | same: it leaves FromEventId itself out |
| lacks that event alone | withdrawn: the carrier took one event back |
| is empty | empty: all events aged out, and were read before; or it is a wrong address |
| begins further above the cursor | retention gap: events aged out before they were read |
| ends below the cursor | reset: ids were assigned anew, or this is another feed |
| has other events, and ids without an order | reset, or retention gap: there is no telling |

A lagging replica can look like any of these for a while, so a finding is believed only when it was
made `CONFIRMATIONS` times in a row, and for as long as a policy says. A feed that was reset and has
passed the cursor since then shows other contents under known ids: under one id that is a dead
letter, `conflict`; under most of the greatest it is a reset (see `Witnesses`).
"""

from collections.abc import Generator, Iterable, Sequence
from enum import StrEnum
from operator import attrgetter
from typing import Any, NamedTuple

from scand.core.event import EventId, ScanEvent

CONFIRMATIONS = 3
"""Equal findings in a row that make one certain."""


class Finding(StrEnum):
    """What became of the cursor's event."""

    SAME = "same"
    WITHDRAWN = "withdrawn"
    EMPTY = "empty"
    RETENTION_GAP = "retention_gap"
    RESET = "reset"
    STUCK = "stuck"  # it may be there, and what follows it cannot be told from each other


class Verdict(NamedTuple):
    """A finding, and the least id that the feed has now, 0 if it has none or no order says so.

    A feed is `replaced` that shows other events under known ids.
    """

    finding: Finding
    lowest: int = 0
    replaced: bool = False


WITNESSES = 4
"""Events with the greatest ids that are remembered."""

REPLACED = 3
"""So many of them with other contents are another feed; fewer are corrections."""


class Witnesses:
    """The events with the greatest ids: the feed is the same as long as it shows them unchanged.

    None are kept where ids have no order.
    """

    def __init__(self, newest: Iterable[ScanEvent], kept: int = WITNESSES) -> None:
        self._known = {event.event_id: event for event in newest}
        self._kept = kept

    def contradicted(self, events: Iterable[ScanEvent]) -> list[EventId]:
        """The ids of those that have come with another content."""
        return [
            event.event_id
            for event in events
            if event.event_id in self._known and event != self._known[event.event_id]
        ]

    def replaced(self, events: Sequence[ScanEvent]) -> bool:
        """Whether a page that begins with the least of them shows another feed."""
        changed = set(self.contradicted(events))
        return len(changed) >= REPLACED or 1 < len(changed) == len(self._known)

    @property
    def least(self) -> Any:  # noqa: ANN401 - an id of the feed's kind
        """The least of their ids, 0 if there are none."""
        return min(map(_id_of, self._known.values()), default=0)

    def note(self, events: Iterable[ScanEvent]) -> None:
        """What has come is known from now on: first come, first believed."""
        fresh = {event.event_id: event for event in self._greatest(events)}
        known = fresh | self._known
        self._known = {event.event_id: event for event in self._greatest(known.values())}

    def _greatest(self, events: Iterable[ScanEvent]) -> list[ScanEvent]:
        return sorted(events, key=_id_of)[-self._kept :] if self._kept else []

    def forget(self, ids: Iterable[EventId] | None = None) -> None:
        """These, which the carrier has corrected, or all: the feed begins anew."""
        for each in list(self._known) if ids is None else ids:
            self._known.pop(each, None)


_id_of = attrgetter("event_id")


class Incident(NamedTuple):
    """What is kept for ever of a feed that betrays, or of an operator who moves the cursor."""

    action: str
    was: EventId | None
    now: EventId
    detail: str


class Question(NamedTuple):
    """`FromEventId` and `Limit`.

    `near` the event that is looked for, an element without id may be that event.
    """

    from_id: EventId
    limit: int
    near: bool = True


Inquiry = Generator[Question, Sequence[Any], Verdict]
"""Yields questions; is sent the ids of each answer, which are all of the feed's kind."""


def inquire(cursor: int, before: int, first: int = 1) -> Inquiry:
    """Find out what became of the event `cursor`; `before` is the id known below it, or 0.

    `first` is what to ask from for the feed's first event: 0 where FromEventId is left out.
    """
    just_before = max(cursor - 1, 1)
    found = yield Question(just_before, 3)
    if cursor not in found and max(found, default=0) == just_before:  # and there was no more room
        found = yield Question(cursor, 2)
    if cursor in found:
        return Verdict(Finding.SAME)
    if cursor == 1 and not found:  # a server that leaves it out shows the same
        return Verdict(Finding.SAME)
    beyond = any(each > cursor for each in found)
    lowest = min((yield Question(first, 1, near=False)), default=0)
    if not lowest and not beyond:
        return Verdict(Finding.EMPTY)
    if lowest > cursor + 1:
        return Verdict(Finding.RETENTION_GAP, lowest)
    if beyond or (before and before in (yield Question(max(before - 1, 1), 2))):
        return Verdict(Finding.WITHDRAWN, lowest)
    return Verdict(Finding.RESET, lowest)


def find_beginning(first: int) -> Inquiry:
    """Where a feed begins that is known to be another one."""
    lowest = min((yield Question(first, 1, near=False)), default=0)
    return Verdict(Finding.RESET, lowest, replaced=True)


def tell(verdict: Verdict, cursor: EventId) -> str:
    """The finding, for people."""
    unordered = verdict.finding is Finding.RESET and isinstance(cursor, str)
    said = _CURSOR_LOST if unordered else _REPLACED if verdict.replaced else _SAID[verdict.finding]
    return said.format(cursor=cursor or "its beginning", lowest=verdict.lowest)


_SAID = {
    Finding.SAME: "event {cursor} is still in the feed",
    Finding.WITHDRAWN: "event {cursor} is no longer in the feed",
    Finding.EMPTY: "the feed is empty now; it was read up to {cursor}",
    Finding.RETENTION_GAP: "the feed begins at {lowest} now, and was read up to {cursor}:"
    " events are lost",
    Finding.RESET: "the feed begins at {lowest} and ends below {cursor}, up to which it was read",
    Finding.STUCK: "no EventId can be read in a whole page from {cursor} on: see feed.fields",
}
_REPLACED = (
    "the feed, which begins at {lowest}, shows other events under the last ids that were read,"
    " up to {cursor}"
)
_CURSOR_LOST = (
    "event {cursor} is no longer in the feed: it was reset, or has lost events,"
    " or it does not count FromEventId in"
)
