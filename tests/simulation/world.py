"""One seed: a carrier, a disk, and one process of scand after the other until all is well."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, cast

import trio

from scand.config import Loaded, interpret
from scand.core.errors import IngestFailedError
from scand.feed.http import HttpFeed, open_client
from scand.live import Live
from scand.records import FeedBetrayed, Record
from scand.runtime import components, daemon
from scand.runtime.generations import Generations
from scand.runtime.groups import ungrouped
from scand.runtime.parts import Parts, build_chores
from scand.runtime.reloading import Examined, Reloader, Work
from scand.store.opening import Identity
from scand.store.reading import Reader
from scand.store.verify import verify
from tests.simulation import backends
from tests.simulation.betrayal import betray
from tests.simulation.carrier import Carrier
from tests.simulation.checker import PLAYED, Checker
from tests.simulation.clock import JumpingClock
from tests.simulation.configuration import PATH, File, built
from tests.simulation.faults import Fault, Invariant, Tally, Violation, require
from tests.simulation.growth import grow
from tests.simulation.manners import Manners
from tests.simulation.plan import Plan, Streams
from tests.simulation.scans import Name
from tests.simulation.scheduler import exchanged
from tests.simulation.store import Brittle, SimulatedStore
from tests.simulation.terms import Terms
from tests.simulation.trace import Trace
from tests.support.power import PowerCut

if TYPE_CHECKING:
    import sqlite3

    from scand.store.sqlite import SqliteStore


class World:
    """What outlives the processes."""

    def __init__(self, plan: Plan, trace: Trace) -> None:
        self.plan, self.trace, self.tally = plan, trace, Tally()
        self.streams = Streams(plan.seed)
        self.clock = JumpingClock()
        self.backend = backends.build(plan.backend, self.streams["disk"])
        self.file, self.terms = File(plan.said), Terms(plan.config)
        items, betrayal = betray(plan, grow(plan, self.streams), self.streams)
        self.items = items
        self.manners = Manners(self.terms, self.tally, trace)
        told = self.streams, self.manners, self.tally, trace
        self.carrier = Carrier(plan, self.terms, items, betrayal, *told)
        self.checker = Checker(
            plan,
            self.terms,
            self.file,
            items,
            betrayal,
            self.carrier,
            self.manners,
            self.clock,
            self.tally,
            trace,
        )
        self.refused = frozenset(item.name for item in items if item.fault is Fault.POISON_ROW)
        self.last_change = max(max(item.shown_at, _finite(item.gone_at)) for item in items)
        self.ended_by: Fault | None = None
        self.lives = 0
        self.well = False
        self.betrayed = betrayal is not None
        self.extended = False  # the catalogue, as somebody has decided

    @property
    def healed(self) -> bool:
        """Whether no fault will strike any more."""
        return trio.current_time() >= self.plan.heal_at

    def configure(self) -> Loaded:
        """What a process begins with that starts now: what the file says, when it can be used."""
        if trio.current_time() >= self.plan.extended_at and not self.extended:
            self.file.said, self.extended = {**self.file.said, "catalogue.mode": "open"}, True
        self.file.mend()
        loaded = interpret(PATH, self.file.read(PATH))
        self.file.in_force = self.file.read_last
        self.terms.start(built(self.file.in_force))
        return loaded

    def name_at(self, place: int) -> Name:
        """The EventId of what is shown there now."""
        now = trio.current_time()
        return next(item.name for item in self.items if item.place == place and item.visible(now))

    def identity(self, **changes: str) -> Identity:
        """Whose feed it is, as the configuration says, or as a mistaken one would."""
        feed = self.plan.config.feed
        right = {"name": feed.name, "id_kind": feed.id_kind, "order": feed.order, "url": feed.url}
        return Identity(**{**right, **changes})  # type: ignore[arg-type]

    def strike(self, fault: Fault) -> None:
        """A fault has done its harm."""
        self.tally.strike(fault)
        self.trace.note("fault", fault.name)

    async def stall(self) -> None:
        """What a processor waits for before it looks at a slice."""
        rng, rate = self.streams["stall"], self.plan.rates.get(Fault.STALL, 0.0)
        if rate and not self.healed and rng.random() < rate:
            self.strike(Fault.STALL)
            await trio.sleep(rng.uniform(1.0, 40.0))


def _finite(time: float) -> float:
    return time if time < float("inf") else 0.0


async def at_once(work: Work) -> Examined:
    """What takes a thread elsewhere; here, where threads would take no time, it takes a step."""
    await trio.lowlevel.checkpoint()
    return work()


class Life:
    """One process."""

    def __init__(self, world: World) -> None:
        self.world, self.plan = world, world.plan
        connection = world.backend.open(world.identity())
        world.checker.opened(connection, world.ended_by)
        world.lives += 1
        world.ended_by = None
        self._check_verified(connection)
        loaded = world.configure()
        self.settings = Live(loaded.config)
        self.reloader = Reloader(loaded, self.settings, at_once)
        self.connection = Brittle(connection, world.refused)
        self.store = SimulatedStore(
            self.connection,
            world.plan,
            world.clock,
            world.streams["store"],
            world.tally,
            world.trace,
            before=world.checker.committing,
            after=lambda _: world.checker.committed(connection),
            die=self.die,
        )
        self.scope, self.stopping = trio.CancelScope(), trio.Event()
        self.halted, self.generations = trio.Event(), Generations()
        self.tree = trio.lowlevel.current_task()
        self.asked_to_end = float("inf")

    async def run(self, haunt: Callable[["Life"], Awaitable[None]]) -> None:
        """Live until the end, whichever that is."""
        world, settings = self.world, self.settings
        chores = partial(build_chores, cast("SqliteStore", self.store))
        async with open_client(transport=world.carrier) as client:
            with (
                exchanged(components, HttpFeed=partial(HttpFeed, now=world.clock.utc)),
                components.live_feed(client, settings, lambda _: None) as http,
                settings.view(chores) as wanted,
                settings.view(components.build_review) as self.review,
            ):
                parts = Parts(
                    settings,
                    http,
                    self.store,
                    world.clock,
                    self.heard,
                    {"reload": partial(self.reloader.serve, self.heard)},
                    wanted,
                    stopping=self.stopping,
                    generations=self.generations,
                )
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(haunt, self)
                    async with trio.open_nursery() as inner:
                        inner.start_soon(self._tree, parts)
                    nursery.cancel_scope.cancel()
        if not self.connection.dead:
            try:
                world.backend.close()
            except PowerCut:
                self.die(Fault.POWER)
        self._check_end()

    async def _tree(self, parts: Parts) -> None:
        self.tree = trio.lowlevel.current_task()
        try:
            with ungrouped(), self.scope:
                await daemon.run_tree(parts)
        except IngestFailedError as error:
            played = not self.world.healed or PLAYED in str(error)  # it may have taken its time
            require(played, Invariant.I8, "ingest gave up:", error)
            self.world.trace.note("gave up", error)
        except Exception as error:
            raise Violation(Invariant.I8, f"it ended with {error!r}") from error

    def _check_verified(self, connection: backends.Connection) -> None:
        """What `scand verify` says of the store that was left behind."""
        found = verify(Reader(cast("sqlite3.Connection", connection)))
        require(found.ok, Invariant.I1, "scand verify finds differences:", found)

    def _check_end(self) -> None:
        terms = self.world.terms
        drain = max(config.supervisor.drain_timeout for config in terms.since(terms.begun))
        grace = drain + 30 * self.plan.store_pause + 1.0
        late = trio.current_time() - self.asked_to_end - grace
        require(late <= 0, Invariant.I8, "it does not end when told to; late by", late)

    def heard(self, record: Record) -> None:
        """The daemon reports."""
        if not self.connection.dead:
            self.world.checker.heard(record)
        if isinstance(record, FeedBetrayed) and record.policy == "halt":
            self.halted.set()

    # --- ways to end

    def stop(self, fault: Fault | None) -> None:
        """SIGTERM."""
        self._end(fault)
        self.stopping.set()

    def cancel(self) -> None:
        """Whatever runs the tree gives it up."""
        self._end(Fault.CANCEL)
        self.scope.cancel()

    def die(self, fault: Fault) -> None:
        """kill -9, or a power cut."""
        self._end(fault)
        self.connection.dead = True
        self.world.backend.kill()
        self.scope.cancel()

    def _end(self, fault: Fault | None) -> None:
        self.asked_to_end = min(self.asked_to_end, trio.current_time())
        self.world.ended_by = fault
        if fault:
            self.world.strike(fault)
