"""The Store port without threads, over production's own transactions, and all that befalls it."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import trio

from scand.core.event import EventId
from scand.core.parcel import ORDERS
from scand.core.review import Chosen, Item, Review, Selection
from scand.ports import Checkpoint, Clock, PageResult, Receipt
from scand.store import commit as transactions
from scand.store import moving, replaying, transaction
from scand.store.old_letters import prune_dead_letters
from scand.store.place import begin
from scand.store.pruning import prune_events
from scand.store.transaction import Transaction
from scand.store.trouble import explained
from tests.simulation.backends import NAME, Connection, Rows
from tests.simulation.faults import Fault, Tally
from tests.simulation.plan import Plan
from tests.simulation.scans import Name
from tests.simulation.trace import Trace
from tests.support.power import PowerCut

Result = TypeVar("Result")


class Crash(Exception):  # noqa: N818 - the bug that a simulation plays
    """An actor has a bug, here and now."""


class Killed(BaseException):
    """The process is no more. No handler of errors may outlive that, so it is none."""


def trouble(code: int, words: str) -> sqlite3.OperationalError:
    """An error as SQLite reports it."""
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    return error


class Brittle:
    """A connection on which the n-th statement from now goes wrong."""

    def __init__(self, real: Connection, refused: frozenset[Name]) -> None:
        self._real, self._refused = real, refused
        self._left = -1
        self._strike: Callable[[Brittle], None] = _nothing
        self._doom = -1
        self.dead = False

    @property
    def in_transaction(self) -> bool:
        """Whether one is open; none is in a dead process."""
        return not self.dead and self._real.in_transaction

    def arm(self, statements: int, strike: Callable[["Brittle"], None]) -> None:
        """Let `strike` happen before that many statements from now; it may raise."""
        self._left, self._strike = statements, strike

    def disarm(self) -> None:
        """Let the next transaction be."""
        self._left = -1

    def doom(self, statements: int) -> None:
        """Let the process be killed before that many statements from now."""
        self._doom = statements

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run a statement, unless something goes wrong."""
        self.dead = self.dead or self._doom == 0
        if self.dead:
            raise Killed
        due = self._left == 0 and sql != "ROLLBACK"
        self._left, self._doom = self._left - 1, self._doom - 1
        if due:
            self._strike(self)
        if self._refused and sql.startswith("INSERT INTO journal"):
            self._refuse(sql, parameters)
        return self._real.execute(sql, parameters)

    def roll_back(self) -> None:
        """SQLite gives a transaction up by itself when the disk is full."""
        if self._real.in_transaction:
            self._real.execute("ROLLBACK")

    def _refuse(self, sql: str, parameters: Sequence[Any]) -> None:
        width = sql.partition(")")[0].count(",") + 1
        if not self._refused.isdisjoint(parameters[::width]):
            raise sqlite3.IntegrityError("the store refuses this event")


def _nothing(_: Brittle) -> None:
    pass


class SimulatedStore:
    """Implements `ports.Store` and `ports.Letters` for one process."""

    def __init__(
        self,
        connection: Brittle,
        plan: Plan,
        clock: Clock,
        rng: Random,
        tally: Tally,
        trace: Trace,
        before: Callable[[Sequence[PageResult]], None],
        after: Callable[[Sequence[PageResult]], None],
        die: Callable[[Fault], None],
    ) -> None:
        self._connection, self._plan, self._clock, self._rng = connection, plan, clock, rng
        self._tally, self._trace = tally, trace
        self._before, self._after, self._die = before, after, die
        self._key = ORDERS[plan.config.feed.order]
        self._lock = trio.Lock()

    async def begin(self) -> Checkpoint:
        """Count a generation, and say where to go on from."""
        return await self._run(begin())

    async def commit(self, pages: Sequence[PageResult]) -> Receipt:
        """Make pages durable, all of them or none; the outcome may get lost on its way back."""
        receipt = await self._run(transactions.commit(pages, self._key, self._clock.now()), pages)
        if self._happens(Fault.LOST_REPLY):
            self._strike(Fault.LOST_REPLY)
            raise Crash("the outcome of a commit was lost")
        return receipt

    # --- an operator, while no generation of ingest runs

    async def move_cursor(self, to: EventId) -> moving.Moved:
        """Go on with the event after `to`."""
        return await self._run(moving.move_cursor(to, self._clock.now()))

    async def rewind(self, to: EventId) -> moving.Moved:
        """Read again from event `to` on."""
        return await self._run(moving.rewind(to, self._clock.now()))

    # --- an operator, beside it

    async def choose_letters(self, selection: Selection) -> Chosen:
        """The first letters of a selection."""
        return await self._run(replaying.choose(selection))

    async def replay_letters(self, numbers: Sequence[int], review: Review) -> Sequence[Item]:
        """Try letters again."""
        return await self._run(replaying.replay(numbers, review, self._key, self._clock.now()))

    async def discard_letters(self, numbers: Sequence[int]) -> Sequence[Item]:
        """Give letters up."""
        return await self._run(replaying.discard(numbers, self._clock.now()))

    # --- housekeeping

    async def prune_events(self, before: float, limit: int) -> int:
        """Remove old rows of the journal."""
        return await self._run(prune_events(before, limit, self._key))

    async def prune_dead_letters(self, before: float, limit: int) -> int:
        """Remove letters that were closed long ago."""
        return await self._run(prune_dead_letters(before, limit))

    async def _run(self, work: Transaction[Result], pages: Sequence[PageResult] = ()) -> Result:
        with trio.CancelScope(shield=True):
            async with self._lock:
                await self._pause()
                outcome = self._attempt(work, pages)
                await self._pause()
        if outcome is None:
            await trio.sleep_forever()  # a dead process does nothing more; it is being cancelled
        await trio.lowlevel.checkpoint_if_cancelled()
        assert outcome is not None
        return outcome[0]

    def _attempt(
        self, work: Transaction[Result], pages: Sequence[PageResult]
    ) -> tuple[Result] | None:
        """The outcome of a transaction; None if it killed the process."""
        if not self._connection.dead:
            self._before(pages)
        self._arm()
        try:
            with explained(Path(NAME)):
                result = transaction.run(self._connection, work)  # type: ignore[arg-type]
        except (Killed, PowerCut) as end:
            self._die(Fault.KILL if isinstance(end, Killed) else Fault.POWER)
            return None
        self._after(pages)
        return (result,)

    async def _pause(self) -> None:
        """The time that a thread and a disk take."""
        if self._plan.store_pause:
            await trio.sleep(self._rng.expovariate(1 / self._plan.store_pause))
        else:
            await trio.lowlevel.checkpoint()

    def _arm(self) -> None:
        self._connection.disarm()
        if self._happens(Fault.BUSY):
            self._connection.arm(0, self._busy)
        elif self._happens(Fault.FULL):
            self._connection.arm(self._rng.randrange(12), self._full)
        elif self._happens(Fault.IOERR):
            self._connection.arm(self._rng.randrange(12), self._fail)

    def _busy(self, _: Brittle) -> None:
        self._strike(Fault.BUSY)
        raise trouble(sqlite3.SQLITE_BUSY, "database is locked")

    def _full(self, connection: Brittle) -> None:
        self._strike(Fault.FULL)
        if self._rng.random() < 0.5:
            connection.roll_back()
        raise trouble(sqlite3.SQLITE_FULL, "database or disk is full")

    def _fail(self, _: Brittle) -> None:
        self._strike(Fault.IOERR)
        raise trouble(sqlite3.SQLITE_IOERR, "disk I/O error")

    def _happens(self, fault: Fault) -> bool:
        rate = self._plan.rates.get(fault, 0.0)
        hot = trio.current_time() < self._plan.heal_at
        return rate > 0 and self._rng.random() < rate and hot

    def _strike(self, fault: Fault) -> None:
        self._tally.strike(fault)
        self._trace.note("fault", fault.name)
