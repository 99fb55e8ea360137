"""What can go wrong, what must hold all the same, and which of the two have met."""

from collections import Counter
from enum import StrEnum
from typing import ClassVar


class Fault(StrEnum):
    """A way to be hurt. Each has a rate per seed, see `plan`."""

    # the process
    CRASH = "an actor crashes at an await"
    STOP = "a graceful stop"
    CANCEL = "the tree is cancelled"
    KILL = "kill -9"
    POWER = "a power cut"
    STALL = "a shard stalls"
    # the store
    FULL = "SQLITE_FULL"
    BUSY = "SQLITE_BUSY"
    IOERR = "SQLITE_IOERR"
    LOST_REPLY = "a commit's outcome is lost"
    POISON_ROW = "an event that the store refuses"
    PRUNED = "old rows are pruned"
    # the clock
    CLOCK_FORWARD = "the wall clock jumps forward"
    CLOCK_BACK = "the wall clock jumps back"
    # the carrier's answers
    ERROR = "5xx"
    THROTTLE = "429 or 503 with Retry-After"
    REFUSED = "401, 403, 400 or a redirect"
    NOT_FOUND = "404"
    TIMEOUT = "a request times out"
    RESET = "the connection breaks"
    TRUNCATED = "a truncated body"
    HTML = "200 with HTML"
    GARBAGE = "JSON that is no page"
    OVERSIZE = "a body over the cap"
    LATENCY = "a slow answer"
    OUTAGE = "an outage of minutes"
    # the carrier's data
    DUPLICATES = "events twice in a page"
    REORDER = "a shuffled page"
    STRAY = "an id below the one asked for"
    CAPPED = "Limit is capped"
    LATE = "a late id"
    MISSING = "ids that never come"
    JUMP = "ids jump"
    MALFORMED = "a malformed event"
    UNREADABLE = "an event without a readable id"
    POISON_PAGE = "an event that breaks its page"
    POISON_FRAME = "an event that breaks all its pages"
    UNKNOWN = "a pair beyond the catalogue"
    REPAIRED = "a bad event is served whole later"
    FAR_FUTURE = "a date in the far future"
    SPARSE = "a history full of holes"
    OPAQUE = "ids that mean nothing"
    CONFLICT = "another event under a known id"
    WITHDRAWN = "an event is withdrawn"
    # the feed betrays
    FEED_RESET = "the feed begins anew"
    RETENTION = "the feed has lost its old events"
    # an operator
    REWIND = "an operator rewinds"
    MOVED = "an operator moves the cursor"
    REPLAY = "an operator replays dead letters"
    DISCARD = "an operator discards dead letters"
    EXTENDED = "the catalogue is extended"
    MISTAKEN = "started as another feed"
    RELOADED = "settings are exchanged by a reload"
    UNLOADED = "a reload is refused"


class Invariant(StrEnum):
    """What always holds: the promise, see the README."""

    I1 = "I1: state equals the oracle"
    I2 = "I2: the cursor passes nothing uncommitted"
    I3 = "I3: every event ends in exactly one place"
    I4 = "I4: the journal only grows"
    I5 = "I5: what was acknowledged survives"
    I6 = "I6: the breaker is polite"
    I7 = "I7: memory is bounded"
    I8 = "I8: it recovers"
    I9 = "I9: late ids are found"


class Violation(BaseException):
    """An invariant does not hold. No supervisor may take it for a crash, so it is no Exception.

    `found` has all of a run: on its way out, one may be replaced by a cancellation.
    """

    found: ClassVar[list["Violation"]] = []

    def __init__(self, invariant: Invariant, what: str) -> None:
        super().__init__(f"{invariant.value}: {what}")
        self.invariant = invariant
        self.found.append(self)


def require(holds: object, invariant: Invariant, what: str, *details: object) -> None:
    """Raise Violation unless it holds; `details` are only put into words then."""
    if not holds:
        raise Violation(invariant, " ".join([what, *map(repr, details)]))


Cell = tuple[Fault, Invariant]

NEVER_MEET = frozenset[Cell]({(Fault.OPAQUE, Invariant.I9)})
"""Ids without an order cannot be late."""


class Tally:
    """Which faults struck in a run, and which invariants were then found to hold."""

    def __init__(self) -> None:
        self.struck: Counter[Fault] = Counter()
        self.cells: set[Cell] = set()

    def strike(self, fault: Fault) -> None:
        """A fault has done its harm."""
        self.struck[fault] += 1

    def held(self, invariant: Invariant) -> None:
        """An invariant was checked, on data that could have broken it."""
        self.cells.update((fault, invariant) for fault in self.struck)
