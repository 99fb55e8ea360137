"""A fetcher over a feed of ids, without the rest of the tree."""

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

import trio

from scand.actors.continuity import Policies
from scand.core.continuity import Finding
from scand.core.course import Course, Position
from scand.core.coverage import Coverage
from scand.core.decode import Decoder
from scand.core.instant import instant_at
from scand.core.pulse import Pulse
from scand.feed.breaker import Breaker
from scand.feed.pacing import Backoff
from scand.feed.reader import PageReader
from scand.ports import Answered, Feed, NotFound, Observer, Outcome, Request
from tests.support.parts import NOON, Recorder
from tests.support.scans import DECODER, body_of, scan

if TYPE_CHECKING:
    from scand.actors.messages import Page

POLL = 2.0
LIMIT = 10
EMPTY = Answered(body_of())


def page(*ids: int, **fields: Any) -> Answered:
    return Answered(body_of(*(scan(each, **fields) for each in ids)))


class Carrier:
    """A well-behaved carrier with the ids it is given; `asked` is what it was asked."""

    def __init__(self, ids: Sequence[int], *, exclusive: bool = False) -> None:
        self.ids = sorted(ids)
        self.asked: list[Request] = []
        self.when: list[float] = []
        self._exclusive = exclusive

    async def ask(self, request: Request) -> Outcome:
        await trio.lowlevel.checkpoint()
        self.asked.append(request)
        self.when.append(trio.current_time())
        first = request.from_id + self._exclusive
        visible = [each for each in self.ids if each >= first][: request.limit]
        if self._exclusive and not visible:
            return NotFound("HTTP 404")
        return page(*visible, CreatedDateTimeUtc=instant_at(NOON))


class Run:
    """What came of letting a fetcher run for a while."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.pages: list[Page] = []
        self.ended = False
        self.halted = ""
        self.coverage: Course[Any] = Coverage(Position(0, anchored=False), limit=LIMIT)

    @property
    def news(self) -> list["Page"]:
        """The pages that are not there only to note the head."""
        return [page for page in self.pages if page.events or page.rejected or any(page.ledger)]

    @property
    def ids(self) -> list[list[int]]:
        return [[event.event_id for event in page.events] for page in self.news]


HALT = Policies({Finding.RESET: "halt", Finding.RETENTION_GAP: "halt"}, POLL, 60.0)
CONTINUE = Policies({Finding.RESET: "continue", Finding.RETENTION_GAP: "continue"}, POLL, 60.0)

Follow = Callable[..., Any]


def reader_of(feed: Feed, observer: Observer, decoder: Decoder = DECODER) -> PageReader:
    """A feed behind a breaker and a back-off of the usual settings."""
    return PageReader(
        feed,
        Breaker(5, 30.0),
        Backoff(0.25, 60.0, Random(1)),
        observer,
        decoder,
        retry_after_cap=900.0,
        refused_pause=60.0,
        timeout=30.0,
        pulse=Pulse("fetcher"),
    )
