"""The life of a dead letter: an event that was served, and is not applied.

There is one letter per EventId, or per content where the id cannot be read. What is new about it
makes an entry in its history; what has been there before is only counted.

| state | is left when | for |
| --- | --- | --- |
| `open` | its event is applied | `superseded` |
| | a replay applies it | `replayed` |
| | an operator gives it up | `discarded` |
| `superseded`, `replayed` | another event claims its EventId (`conflict`) | `open` |
| `discarded` | a replay that names it applies it | `replayed` |

An event that is applied stays applied, so a bad copy of it leaves nothing to be done: its letter is
superseded, whichever of the two came first. Only of a conflict must somebody decide, so that letter
stays open, and no other content takes its place. Therefore an open letter whose EventId is in the
journal is one of a conflict; and it makes no difference how pages are put together in commits.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from scand.core.event import EventId, Reason

MAX_CONTENTS = 100
"""What one letter remembers. An event that is served anew each time must not fill the disk."""


class State(StrEnum):
    """Whether something is left to be done about a letter, and if not, why."""

    OPEN = "open"
    REPLAYED = "replayed"
    SUPERSEDED = "superseded"
    DISCARDED = "discarded"


class Act(StrEnum):
    """What an entry in the history tells."""

    SEEN = "seen"
    FAILED_AGAIN = "failed_again"
    REOPENED = "reopened"
    SUPERSEDED = "superseded"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


MOVES: Mapping[tuple[State, Act], State] = {
    (State.OPEN, Act.SUPERSEDED): State.SUPERSEDED,
    (State.OPEN, Act.REPLAYED): State.REPLAYED,
    (State.OPEN, Act.DISCARDED): State.DISCARDED,
    (State.SUPERSEDED, Act.REOPENED): State.OPEN,
    (State.REPLAYED, Act.REOPENED): State.OPEN,
    (State.DISCARDED, Act.REPLAYED): State.REPLAYED,
}
"""Every way from one state to another."""


class Content(NamedTuple):
    """What was wrong, with which bytes."""

    reason: Reason
    detail: str
    digest: str


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """A letter, as far as its life goes; `contents` are all that it has been about."""

    id: int
    identity: str
    event_id: EventId | None
    state: State
    content: Content
    contents: frozenset[Content] = frozenset()

    @property
    def disputed(self) -> bool:
        """Whether two events claim its EventId, and nobody has decided."""
        return self.state is State.OPEN and self.content.reason is Reason.CONFLICT

    def may(self, act: Act) -> bool:
        """Whether this act changes its state."""
        return (self.state, act) in MOVES and not (self.disputed and act is Act.SUPERSEDED)

    def after(self, act: Act) -> "Letter":
        """The letter, once this was done."""
        return replace(self, state=MOVES[self.state, act])


def receive(letter: Letter, content: Content) -> tuple[Letter, Act | None]:
    """A letter's event failed, served or replayed; and how that is told, if it is news."""
    news = content not in letter.contents
    if news and len(letter.contents) >= MAX_CONTENTS:
        return letter, None
    if letter.disputed and content.reason is not Reason.CONFLICT:
        taken, act = letter, Act.SEEN
    elif news and content.reason is Reason.CONFLICT and letter.may(Act.REOPENED):
        taken, act = replace(letter.after(Act.REOPENED), content=content), Act.REOPENED
    elif news or content.digest == letter.content.digest:
        again = Act.FAILED_AGAIN if letter.contents else Act.SEEN
        taken, act = replace(letter, content=content), again
    else:
        return letter, None
    return replace(taken, contents=taken.contents | {content}), act if news else None
