"""A feed whose ids become visible when they are told to, and a tree that follows it for a while."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from scand.core.coverage import Ask
from scand.core.instant import instant_at
from scand.ports import Answered, Failed, Outcome, Request
from scand.records import PageFetched
from scand.runtime.daemon import run_tree
from scand.store.reading import open_reader
from tests.core.carrier import Carrier, Scan
from tests.support.parts import NOON
from tests.support.scans import body_of, scan
from tests.support.simulation import Simulation

LONG_AGO = -1e6


@dataclass
class LateFeed:
    """Serves scans from their time on, in seconds of trio's clock, but not during an outage."""

    scans: list[Scan]
    outages: Sequence[tuple[float, float]] = ()
    cap: int = 1000
    asked: list[Request] = field(default_factory=list)

    async def ask(self, request: Request) -> Outcome:
        await trio.lowlevel.checkpoint()
        now = trio.current_time()
        if any(begin <= now < end for begin, end in self.outages):
            return Failed("HTTP 503")
        self.asked.append(request)
        carrier = Carrier(self.scans, cap=self.cap)
        page = carrier.page(Ask(request.from_id, request.limit), now) or []
        dated = [(each.id, instant_at(NOON + each.date)) for each in page]
        return Answered(body_of(*(scan(each, CreatedDateTimeUtc=date) for each, date in dated)))


def dense(first: int, last: int, at: float, date: float | None = None) -> list[Scan]:
    """All ids of a range, visible from then on; dated so too, unless told."""
    return [Scan(each, at, at if date is None else date) for each in range(first, last + 1)]


class Following:
    """A store that follows a feed, for as long as it is told each time."""

    def __init__(self, path: Path, feed: LateFeed, **settings: Any) -> None:
        self.feed = feed
        self.simulation = Simulation(path, sections={"feed": settings}, events=1)

    async def until(self, moment: float) -> None:
        """Follow in a process of its own; then it drains and ends."""
        async with self.simulation.parts(feed=lambda _: self.feed) as parts:
            with trio.fail_after(moment - trio.current_time() + 60.0):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_stop, parts.stopping, moment)
                    await run_tree(parts)

    @property
    def rereads(self) -> int:
        """How often gaps were looked at."""
        return sum(page.reread for page in self.simulation.recorder.of(PageFetched))

    @property
    def ids(self) -> list[int]:
        """What is in the journal."""
        with open_reader(self.simulation.path) as reader:
            return sorted(row.event.event_id for row in reader.journal())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with open_reader(self.simulation.path) as reader:
            return reader.query(sql)

    @property
    def gaps(self) -> dict[str, int]:
        """The ledger, as the status counts it."""
        counts: dict[str, int] = self.simulation.summary()["gaps"]
        return counts


async def _stop(stopping: trio.Event, moment: float) -> None:
    await trio.sleep_until(moment)
    stopping.set()
