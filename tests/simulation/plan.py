"""What one seed draws: the shape of its world, the settings of the daemon, and its faults.

Every concern has a random stream of its own, so that a change in one does not reshuffle the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from scand.config import Config
from tests.simulation.faults import Fault
from tests.support.parts import settings

WINDOW = 400.0
"""Seconds of faults, about; then the world heals."""

AWAITED = frozenset[Fault]()
"""Faults that the daemon is not built for yet."""

ACTIVE = frozenset(Fault) - AWAITED

CLOCK_JUMPS = {Fault.CLOCK_FORWARD, Fault.CLOCK_BACK}
ENDINGS = {Fault.STOP, Fault.CANCEL, Fault.KILL, Fault.POWER}

MOST: Mapping[Fault, float] = {
    # per second
    Fault.CRASH: 0.05,
    Fault.CLOCK_FORWARD: 0.02,
    Fault.CLOCK_BACK: 0.02,
    # per process
    Fault.STOP: 1.0,
    Fault.CANCEL: 1.0,
    Fault.KILL: 1.0,
    Fault.POWER: 1.0,
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
    Fault.UNKNOWN: 0.1,
    Fault.CONFLICT: 0.15,
    Fault.POISON_ROW: 0.06,
    Fault.WITHDRAWN: 0.08,
    # per world
    Fault.FEED_RESET: 0.8,
    Fault.RETENTION: 0.8,
}
"""The greatest rate that a seed draws for a fault."""


CHANNELS = (
    {"pages": 8, "slices": 8, "results": 16},
    {"pages": 1, "slices": 1, "results": 4},
    {"pages": 0, "slices": 0, "results": 1},
)
"""Sizes of the channels between the actors: as in production, small, and none to speak of."""


class Streams:
    """One random stream per concern."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._made: dict[str, Random] = {}

    def __getitem__(self, concern: str) -> Random:
        if concern not in self._made:
            self._made[concern] = Random(f"{self._seed}/{concern}")
        return self._made[concern]


@dataclass(frozen=True)
class Plan:
    """The knobs of one seed. Times in seconds of simulated time."""

    seed: int
    backend: str
    rates: Mapping[Fault, float]
    # the feed
    backlog: int
    events: int
    first_id: int
    parcels: int
    span: float
    heal_at: float
    lag: float
    # the carrier
    inclusive: bool
    cap: int
    when_idle: str
    bare: bool
    latency: float
    # the daemon's surroundings
    store_pause: float
    down_time: float
    life: float
    pages: int
    slices: int
    results: int
    # the daemon
    config: Config

    # --- limits: what the daemon is known not to manage, and is therefore spared

    @property
    def can_leap_far(self) -> bool:
        """Whether pages are long enough to prove a leap: `server.FULL_PAGE`, or what is asked."""
        return self.page >= min(10, self.config.feed.limit)

    @property
    def can_leap(self) -> bool:
        """Whether ids may leap at all: a page of nothing but unreadable events is a slow walk."""
        return self.page > 3 or Fault.UNREADABLE not in self.rates

    @property
    def page(self) -> int:
        """The most events that the carrier grants."""
        return min(self.cap or self.config.feed.limit, self.config.feed.limit)

    @property
    def deadline(self) -> float:
        """When it must have recovered: every wait that the settings allow, a few times over."""
        feed = self.config.feed
        polls = 12 * (self.backlog + self.events)
        pauses = feed.retry.retry_after_cap + feed.retry.refused_pause + feed.breaker.reset_after
        return self.heal_at + polls * feed.poll_interval + 4 * feed.late_window + 4 * pauses + 600


def draw(seed: int, faults: frozenset[Fault] = ACTIVE) -> Plan:
    """The plan of a seed, with no other faults than these."""
    rng = Random(f"{seed}/plan")
    rates = _rates(rng, faults)
    late_window = rng.choice([5.0, 20.0, 60.0])
    inclusive = rng.random() < 0.6
    span = rng.choice([60.0, 150.0, 300.0])
    order = rng.choice(["event_id", "created_at"])
    return Plan(
        seed=seed,
        backend=_backend(rng, rates),
        rates=rates,
        backlog=rng.choice([0, 5, 30, 60]),
        events=rng.randint(20, 60),
        first_id=rng.choice([1, 1, 2, rng.randint(3, 3000)]),
        parcels=rng.randint(2, 12),
        span=span,
        heal_at=span + rng.uniform(20.0, WINDOW - span),
        lag=rng.choice([0.0, 0.5]) * late_window,
        inclusive=inclusive,
        cap=rng.randint(1, 12) if Fault.CAPPED in rates else 0,
        when_idle=rng.choice(["empty", "204"] if inclusive else ["empty", "204", "404"]),
        bare=rng.random() < 0.2,
        latency=rng.choice([0.01, 0.1, 0.6]),
        store_pause=rng.choice([0.0, 0.001, 0.05, 2.0]),
        down_time=rng.choice([0.1, 5.0, 40.0]),
        life=rng.choice([15.0, 60.0, 200.0]),
        **rng.choice(CHANNELS),
        config=_config(rng, order, late_window, inclusive=inclusive),
    )


def _rates(rng: Random, faults: frozenset[Fault]) -> dict[Fault, float]:
    """A swarm: each seed has its own selection, some of it mild and some of it wild."""
    share = rng.choice([0.15, 0.4, 0.8])
    wildness = rng.choice([0.3, 1.0])
    drawn = {fault: (rng.random(), rng.uniform(0.2, 1.0)) for fault in Fault}
    return {
        fault: MOST[fault] * wildness * strength
        for fault, (chance, strength) in drawn.items()
        if chance < share and fault in faults
    }


def _backend(rng: Random, rates: Mapping[Fault, float]) -> str:
    dice = rng.random()
    if Fault.POWER in rates and dice < 0.5:
        return "power"
    return "file" if dice > 0.85 else "memory"


@cache
def _section(path: Path, *items: tuple[str, Any]) -> Config:
    """The same values come again and again, and validating them takes its time."""
    sections: dict[str, dict[str, Any]] = {}
    for name, value in items:
        *folders, key = name.split(".")
        place = sections
        for folder in folders:
            place = place.setdefault(folder, {})
        place[key] = value
    return settings(path, **sections)


def _config(rng: Random, order: str, late_window: float, *, inclusive: bool) -> Config:
    truth = "inclusive" if inclusive else "exclusive"
    return _section(
        Path("scand.db"),
        ("feed.limit", rng.choice([1, 2, 3, 5, 8, 13, 20])),
        ("feed.poll_interval", rng.choice(["2s", "5s"])),
        ("feed.timeout", rng.choice(["5s", "15s"])),
        ("feed.order", order),
        ("feed.from", rng.choice(["auto", "auto", truth])),
        ("feed.late_window", f"{late_window:g}s"),
        ("feed.max_id_jump", 1000),
        ("feed.on_reset", rng.choice(["halt", "continue"])),
        ("feed.on_retention_gap", rng.choice(["halt", "continue"])),
        ("feed.breaker.failures", rng.choice([1, 2, 5])),
        ("feed.breaker.reset_after", rng.choice(["3s", "20s"])),
        ("feed.retry.base", rng.choice(["100ms", "1s"])),
        ("feed.retry.cap", rng.choice(["2s", "15s"])),
        ("feed.retry.retry_after_cap", "30s"),
        ("feed.retry.refused_pause", rng.choice(["2s", "15s"])),
        ("catalogue.mode", rng.choice(["open", "open", "strict"])),
        ("processors.shards", rng.choice([1, 2, 3, 4])),
        ("supervisor.intensity", rng.choice([2, 5, 1000])),
        ("supervisor.drain_timeout", rng.choice(["0.5s", "20s"])),
    )
