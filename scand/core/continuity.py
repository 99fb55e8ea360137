"""Is this still the same feed? Asked when an answer should repeat the cursor's event and does not.

| the feed | finding |
| --- | --- |
| shows the cursor's event when asked from before it | same: it leaves FromEventId itself out |
| lacks that event alone | withdrawn: the carrier took one event back |
| is empty | empty: all events aged out, and were read before; or it is a wrong address |
| begins further above the cursor | retention gap: events aged out before they were read |
| ends below the cursor | reset: ids were assigned anew, or this is another feed |

A lagging replica can look like any of these for a moment, so a finding is believed only when it
was made `CONFIRMATIONS` times in a row. A feed that was reset and has passed the cursor already
shows itself by other contents under known ids: each of them is a dead letter, `conflict`.
"""

from collections.abc import Generator, Sequence
from enum import StrEnum
from typing import NamedTuple

CONFIRMATIONS = 3
"""Equal findings in a row that make one certain."""


class Finding(StrEnum):
    """What became of the cursor's event."""

    SAME = "same"
    WITHDRAWN = "withdrawn"
    EMPTY = "empty"
    RETENTION_GAP = "retention_gap"
    RESET = "reset"


class Verdict(NamedTuple):
    """A finding, and the least id that the feed has now, 0 if it has none."""

    finding: Finding
    lowest: int = 0


class Incident(NamedTuple):
    """What is kept for ever of a feed that betrays, or of an operator who moves the cursor."""

    action: str
    was: int | None
    now: int
    detail: str


class Question(NamedTuple):
    """`FromEventId` and `Limit`.

    `near` the event that is looked for, an element without id may be that event.
    """

    from_id: int
    limit: int
    near: bool = True


Inquiry = Generator[Question, Sequence[int], Verdict]
"""Yields questions; is sent the ids of each answer."""


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


def tell(verdict: Verdict, cursor: int) -> str:
    """The finding, for people."""
    match verdict:
        case (Finding.RETENTION_GAP, lowest):
            return f"the feed begins at {lowest} now, and was read up to {cursor}: events are lost"
        case (Finding.RESET, lowest):
            return f"the feed begins at {lowest} and ends below {cursor}, up to which it was read"
        case (Finding.WITHDRAWN, _):
            return f"event {cursor} is no longer in the feed"
        case (Finding.EMPTY, _):
            return f"the feed is empty now; it was read up to {cursor}"
        case _:
            return f"event {cursor} is still in the feed"
