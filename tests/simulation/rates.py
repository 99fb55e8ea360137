"""How often each fault strikes, and which of them a seed draws."""

from collections.abc import Iterable, Mapping
from random import Random

from tests.simulation.faults import Fault

AWAITED = frozenset[Fault]()
"""Faults that the daemon is not built for yet."""

ACTIVE = frozenset(Fault) - AWAITED

CLOCK_JUMPS = {Fault.CLOCK_FORWARD, Fault.CLOCK_BACK}
ENDINGS = {Fault.STOP, Fault.CANCEL, Fault.KILL, Fault.POWER}

ORDERED = {
    *(Fault.LATE, Fault.MISSING, Fault.JUMP, Fault.SPARSE, Fault.REORDER, Fault.STRAY),
    Fault.POISON_FRAME,
}
"""Faults of ids with an order only: without, they are no faults, or nothing leads past them."""

OPERATED = {Fault.REWIND, Fault.MOVED, Fault.REPLAY, Fault.DISCARD}
"""What operators do for no reason that the feed would give them."""

EDITS = {Fault.RELOADED, Fault.UNLOADED}
"""After a reload that was refused, the next process begins with what the file says."""

SETS_BACK = {*OPERATED, Fault.EXTENDED, Fault.REPAIRED}
"""Faults after which an operator reads the feed again, in the end."""

MOST: Mapping[Fault, float] = {
    # per second
    Fault.CRASH: 0.05,
    Fault.CLOCK_FORWARD: 0.02,
    Fault.CLOCK_BACK: 0.02,
    Fault.REWIND: 0.04,
    Fault.MOVED: 0.06,
    Fault.REPLAY: 0.05,
    Fault.DISCARD: 0.06,
    Fault.RELOADED: 0.06,
    Fault.UNLOADED: 0.04,
    # per process
    Fault.STOP: 1.0,
    Fault.CANCEL: 1.0,
    Fault.KILL: 1.0,
    Fault.POWER: 1.0,
    Fault.MISTAKEN: 0.5,
    # per slice
    Fault.STALL: 0.2,
    # per transaction
    Fault.FULL: 0.1,
    Fault.BUSY: 0.1,
    Fault.IOERR: 0.1,
    Fault.LOST_REPLY: 0.05,
    # per request
    Fault.ERROR: 0.2,
    Fault.THROTTLE: 0.08,
    Fault.REFUSED: 0.04,
    Fault.NOT_FOUND: 0.04,
    Fault.TIMEOUT: 0.08,
    Fault.RESET: 0.15,
    Fault.TRUNCATED: 0.12,
    Fault.HTML: 0.1,
    Fault.GARBAGE: 0.06,
    Fault.OVERSIZE: 0.1,
    Fault.LATENCY: 0.15,
    Fault.DUPLICATES: 0.4,
    Fault.REORDER: 0.7,
    Fault.STRAY: 0.1,
    Fault.CAPPED: 1.0,
    # per event
    Fault.LATE: 0.15,
    Fault.MISSING: 0.15,
    Fault.JUMP: 0.04,
    Fault.MALFORMED: 0.12,
    Fault.UNREADABLE: 0.08,
    Fault.POISON_PAGE: 0.03,
    Fault.POISON_FRAME: 0.03,
    Fault.REPAIRED: 0.12,
    Fault.FAR_FUTURE: 0.05,
    Fault.UNKNOWN: 0.1,
    Fault.CONFLICT: 0.15,
    Fault.POISON_ROW: 0.06,
    Fault.WITHDRAWN: 0.08,
    # per world
    Fault.FEED_RESET: 0.8,
    Fault.RETENTION: 0.8,
    Fault.OUTAGE: 0.9,
    Fault.SPARSE: 0.9,
    Fault.OPAQUE: 0.4,
    Fault.PRUNED: 0.9,
    Fault.EXTENDED: 0.9,
}
"""The greatest rate that a seed draws for a fault."""


def swarm(rng: Random, faults: Iterable[Fault]) -> dict[Fault, float]:
    """Each seed has its own selection of `faults`, some of it mild and some of it wild."""
    share = rng.choice([0.15, 0.4, 0.8])
    wildness = rng.choice([0.3, 1.0])
    drawn = {fault: (rng.random(), rng.uniform(0.2, 1.0)) for fault in faults}
    return {
        fault: MOST[fault] * wildness * strength
        for fault, (chance, strength) in drawn.items()
        if chance < share
    }
