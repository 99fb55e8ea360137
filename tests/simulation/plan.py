"""What one seed draws: the shape of its world, the settings of the daemon, and its faults.

Every concern has a random stream of its own, so that a change in one does not reshuffle the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from scand.config import Config, parse_duration
from tests.simulation.configuration import FIXED, LIVE, PRUNING, Said, built
from tests.simulation.faults import Fault
from tests.simulation.rates import ACTIVE, EDITS, ORDERED, SETS_BACK, swarm
from tests.simulation.scans import MAX_BODY, MAX_ID_JUMP

WINDOW = 400.0
"""Seconds of faults, about; then the world heals."""

CHANNELS = (
    {"pages": 8, "slices": 8, "results": 16},
    {"pages": 1, "slices": 1, "results": 4},
    {"pages": 0, "slices": 0, "results": 1},
)
"""Sizes of the channels between the actors: as in production, small, and none to speak of."""


LEAST_PAGE = 3
"""Events of a page of opaque ids: the cursor's, one without id, and one that leads on."""


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
    opaque: bool
    sparse: bool
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
    outages: Sequence[tuple[float, float]]
    # the daemon's surroundings
    store_pause: float
    down_time: float
    life: float
    pages: int
    slices: int
    results: int
    round: float
    at_once: int
    # the daemon
    said: Said
    config: Config
    extended_at: float

    # --- limits: what the daemon is known not to manage, and is therefore spared

    @property
    def can_leap(self) -> bool:
        """Whether ids may leap at all: a page of nothing but unreadable events is a slow walk."""
        return self.page > 3 or Fault.UNREADABLE not in self.rates

    @property
    def unreadable_alone(self) -> bool:
        """Whether events without id come one at a time: opaque ids lead on only where one is read.

        The last event of such a feed has one as well.
        """
        return self.opaque

    @property
    def can_end_unreadable(self) -> bool:
        """Whether the last event may be without id.

        Once stepped over, it is behind the cursor; set back, that does not come by again. The gap
        that such an event may hide is open until something comes after it.
        """
        return not self.unreadable_alone and not self.rates.keys() & SETS_BACK

    @property
    def least_jump(self) -> int:
        """How far ids may lie apart, and an event between them that breaks its pages is found.

        Behind a jump too far to be believed, it looks like a feed that is broken everywhere.
        """
        least: int = LIVE["feed.max_id_jump"][0]
        return least if self.rates.keys() & EDITS else MAX_ID_JUMP

    @property
    def page(self) -> int:
        """The most events that the carrier grants."""
        return min(self.cap or self.config.feed.limit, self.config.feed.limit)

    @property
    def reloadable(self) -> Mapping[str, Sequence[Any]]:
        """What a reload may set: it spares the daemon as well."""
        few = self.opaque or (Fault.UNREADABLE in self.rates and self.can_leap)
        limits = [limit for limit in LIVE["feed.limit"] if limit > LEAST_PAGE or not few]
        kept = {key for key in PRUNING if Fault.PRUNED not in self.rates}
        values = {key: LIVE[key] for key in LIVE if key not in kept}
        return values | {"feed.limit": limits}

    @property
    def deadline(self) -> float:
        """When it must have recovered: every wait that the settings allow, a few times over."""
        patient = {key: LIVE[key][-1] for key in LIVE if self.rates.keys() & EDITS}
        feed = built({**self.said, **patient}).feed
        polls = 24 * (self.backlog + self.events)
        pauses = feed.retry.retry_after_cap + feed.retry.refused_pause + feed.breaker.reset_after
        return self.heal_at + polls * feed.poll_interval + 4 * feed.late_window + 6 * pauses + 900


def draw(seed: int, faults: frozenset[Fault] = ACTIVE) -> Plan:
    """The plan of a seed, with no other faults than these."""
    rng = Random(f"{seed}/plan")
    drawn = swarm(rng, (fault for fault in Fault if fault not in EDITS))
    drawn |= swarm(Random(f"{seed}/edits"), sorted(EDITS))
    rates = {fault: rate for fault, rate in drawn.items() if fault in faults}
    opaque = rng.random() < rates.pop(Fault.OPAQUE, 0.0)
    if opaque:
        rates = {fault: rate for fault, rate in rates.items() if fault not in ORDERED}
        rates[Fault.OPAQUE] = 1.0
    windows = LIVE["feed.late_window"]
    late_window = rng.choice(windows)
    inclusive = rng.random() < 0.6 or opaque
    span = rng.choice([60.0, 150.0, 300.0])
    heal_at = span + rng.uniform(20.0, WINDOW - span)
    order = "created_at" if opaque else rng.choice(["event_id", "created_at"])
    said = _said(rng, order, late_window, rates, inclusive=inclusive)
    shortest = windows[0] if rates.keys() & EDITS else late_window
    extended = rng.random() < rates.get(Fault.EXTENDED, 0.0)
    return Plan(
        seed=seed,
        backend=_backend(rng, rates),
        rates=rates,
        opaque=opaque,
        sparse=rng.random() < rates.get(Fault.SPARSE, 0.0),
        backlog=rng.choice([0, 5, 30, 60]),
        events=rng.randint(20, 60),
        first_id=rng.choice([1, 1, 2, rng.randint(3, 3000)]),
        parcels=rng.randint(2, 12),
        span=span,
        heal_at=heal_at,
        lag=3600.0 if opaque else rng.choice([0.0, 0.5]) * parse_duration(shortest),
        inclusive=inclusive,
        cap=rng.randint(LEAST_PAGE if opaque else 1, 12) if Fault.CAPPED in rates else 0,
        when_idle=rng.choice(["empty", "204"] if inclusive else ["empty", "204", "404"]),
        bare=rng.random() < 0.2,
        latency=rng.choice([0.01, 0.1, 0.6]),
        outages=_outages(rng, rates, heal_at),
        store_pause=rng.choice([0.0, 0.001, 0.05, 2.0]),
        down_time=rng.choice([0.1, 5.0, 40.0]),
        life=rng.choice([15.0, 60.0, 200.0]),
        **rng.choice(CHANNELS),
        round=rng.choice([2.0, 20.0, 60.0]),
        at_once=rng.choice([1, 3, 20]),
        said=said,
        config=built(said),
        extended_at=heal_at * rng.random() if extended else float("inf"),
    )


def _outages(
    rng: Random, rates: Mapping[Fault, float], heal_at: float
) -> Sequence[tuple[float, float]]:
    """When the carrier is down: longer than some ids are looked for."""
    if rng.random() >= rates.get(Fault.OUTAGE, 0.0):
        return ()
    begin = rng.uniform(0.0, heal_at)
    return ((begin, min(begin + rng.uniform(10.0, 150.0), heal_at)),)


def _backend(rng: Random, rates: Mapping[Fault, float]) -> str:
    dice = rng.random()
    if Fault.POWER in rates and dice < 0.5:
        return "power"
    return "file" if dice > 0.85 else "memory"


def _said(
    rng: Random, order: str, late_window: str, rates: Mapping[Fault, float], *, inclusive: bool
) -> Said:
    truth = "inclusive" if inclusive else "exclusive"
    opaque = Fault.OPAQUE in rates
    limits = [limit for limit in LIVE["feed.limit"] if limit >= LEAST_PAGE or not opaque]
    modes = ["strict"] if Fault.EXTENDED in rates else ["open", "open", "strict"]
    values = {**LIVE, **FIXED, "feed.limit": limits, "catalogue.mode": modes}
    values |= {key: LIVE[key][1:] for key in PRUNING} | {"feed.from": ["auto", "auto", truth]}
    drawn = [key for key in _DRAWN if key not in PRUNING or Fault.PRUNED in rates]
    return {
        "feed.id_kind": "opaque" if opaque else "integer",
        "feed.order": order,
        "feed.late_window": late_window,
        "feed.max_body": f"{MAX_BODY >> 10}KiB",
        **_AT_FIRST,
        **{key: rng.choice(values[key]) for key in drawn},
    }


_DRAWN = (
    *("feed.limit", "feed.poll_interval", "feed.timeout", "feed.from"),
    *("feed.on_reset", "feed.on_retention_gap"),
    *("feed.breaker.failures", "feed.breaker.reset_after"),
    *("feed.retry.base", "feed.retry.cap", "feed.retry.refused_pause"),
    *("catalogue.mode", "processors.shards", *PRUNING),
    *("supervisor.intensity", "supervisor.drain_timeout"),
)
"""Settings of which each seed draws one value."""

_AT_FIRST: Said = {
    "feed.max_id_jump": MAX_ID_JUMP,
    "feed.max_future": "1d",
    "feed.retry.retry_after_cap": "30s",
    "catalogue.known": LIVE["catalogue.known"][0],
    **{key: LIVE[key][0] for key in PRUNING},
    "supervisor.period": "60s",
    "metrics.listen": "",
    "traces.endpoint": "",
    "traces.events_per_second": 100,
    "traces.flush_timeout": "0.1s",
}
"""Settings that only a reload or a restart changes."""
