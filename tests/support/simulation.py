"""The whole tree in simulated time: the simulator's API without a network, the store inline."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import trio

from scand.actors.housekeeper import Chore
from scand.feed.http import HttpFeed
from scand.live import Live
from scand.ports import Feed, Observer, Outcome, Request, Store
from scand.records import PageFetched, Record
from scand.runtime.daemon import run_tree
from scand.runtime.parts import Parts
from scand.simulator import (
    Clock,
    DataFaults,
    ScanApi,
    TransportFaults,
    World,
    WorldPlan,
    create_app,
)
from scand.simulator.answers import Dropped
from scand.store.opening import Identity, prepare
from scand.store.reading import open_reader, parcel_document
from scand.store.verify import verify
from scand.telemetry.logs import fan_out
from tests.support.parts import URL, Recorder, SimulatedClock, settings
from tests.support.sync_store import SyncStore, open_sync_store

ALL = DataFaults(
    missing=0.05, late=0.03, malformed=0.02, unknown=0.02, duplicates=0.05, out_of_order=0.2
)
TROUBLE = TransportFaults(
    error=0.1, throttle=0.03, reset=0.05, truncated=0.05, html=0.03, latency=0.05, cap=60
)


class Wire(httpx.ASGITransport):
    """Carries requests to the API; a connection that the API drops is a read error."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except Dropped as drop:
            raise httpx.ReadError(str(drop)) from drop


class Simulation:
    """A carrier, a store and what they saw. Build it inside a trio run."""

    def __init__(
        self,
        path: Path,
        *,
        data: DataFaults | None = None,
        transport: TransportFaults | None = None,
        sections: dict[str, Any] | None = None,
        **plan: Any,
    ) -> None:
        self.clock = SimulatedClock()
        clock = Clock(seconds=trio.current_time, wall=self.clock.now)
        self.world = World(WorldPlan(faults=data or DataFaults(), **plan), clock)
        self.api: ScanApi = create_app(self.world, transport)
        self.path = path
        self.config = settings(path, **(sections or {}))
        self.settings = Live(self.config)
        self.recorder = Recorder()
        feed = self.config.feed
        fields = feed.fields.build().changes()
        prepare(path, Identity(feed.name, feed.id_kind, feed.order, feed.url, fields))

    @asynccontextmanager
    async def parts(
        self,
        feed: Callable[[Feed], Feed] = lambda real: real,
        store: Callable[[SyncStore], Store] = lambda real: real,
        observer: Observer | None = None,
        chores: Callable[[SyncStore], Sequence[Chore]] | None = None,
        **options: Any,
    ) -> AsyncIterator[Parts]:
        """What `run_tree` takes; `feed` and `store` may wrap the real ones."""
        client = httpx.AsyncClient(transport=Wire(self.api))
        with open_sync_store(self.path, self.config.feed.order, self.clock) as real:
            async with client:
                http = HttpFeed(client=client, url=URL, timeout=30.0, max_body=1 << 20)
                heard = fan_out(self.recorder, observer) if observer else self.recorder
                self.settings = Live(self.config)
                options["chores"] = chores and Live(chores(real))
                yield Parts(self.settings, feed(http), store(real), self.clock, heard, **options)

    def assert_equals_oracle(self) -> None:
        """Every parcel is what the simulator knows to be true, and the journal agrees."""
        with open_reader(self.path) as reader:
            stored = {number: parcel_document(number, state) for number, state in reader.parcels()}
            assert verify(reader).ok
        truth = self.world.oracle(self.config.feed.order)
        assert stored == {number: dict(parcel) for number, parcel in truth.items()}

    def summary(self) -> dict[str, Any]:
        """The durable part of the status document."""
        with open_reader(self.path) as reader:
            return reader.summary()


class Wrapped:
    """A feed that does something before each request is passed on."""

    def __init__(self, real: Feed, before: Callable[[Request], Any]) -> None:
        self._real, self._before = real, before

    async def ask(self, request: Request) -> Outcome:
        answer = self._before(request)
        if answer is not None:
            answer = await answer
        return answer if answer is not None else await self._real.ask(request)


async def settle(simulation: Simulation, patience: float = 900.0, **wraps: Any) -> None:
    """Run the tree until everything has arrived, every gap is settled and nothing is new."""
    recorder, world = simulation.recorder, simulation.world

    async def watch(stopping: trio.Event) -> None:
        with trio.fail_after(patience):
            while not world.settled:  # noqa: ASYNC110 - simulated time
                await trio.sleep(1.0)
            before = len(recorder.records)
            while not at_head(recorder.records[before:]):  # noqa: ASYNC110 - as above
                await trio.sleep(1.0)
        stopping.set()

    def at_head(records: Sequence[Record]) -> bool:
        pages = [record for record in records if isinstance(record, PageFetched)]
        return bool(pages) and pages[-1].at_head and not pages[-1].gaps

    async with simulation.parts(**wraps) as parts, trio.open_nursery() as nursery:
        nursery.start_soon(watch, parts.stopping)
        await run_tree(parts)
        nursery.cancel_scope.cancel()
