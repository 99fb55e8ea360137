"""What a world consists of, and when each of its events arrives."""

from dataclasses import dataclass, field
from datetime import datetime

from scand.simulator.dialect import Dialect
from scand.simulator.faults import DataFaults

HISTORY_RATE = 50.0
"""Events per second in the backlog of a world that says neither `rate` nor `history`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldPlan:
    """The same plan gives the same world, instants included where `starts_at` is given.

    Without a `rate` every event is backlog. With one, `backlog` events are there from the start
    and the others arrive one by one. Durations are in seconds.
    """

    events: int | None = 1_000  # in all; None: without end
    backlog: int = 0  # how many of them are there from the start, if a rate is given
    rate: float = 0.0  # arrivals per second after the start
    seed: int = 1
    parcels: int | None = None  # under way at any time; None: about a tenth of the events
    start_id: int = 1
    faults: DataFaults = field(default_factory=DataFaults)
    dialect: Dialect = field(default_factory=Dialect)
    starts_at: datetime | None = None  # where the backlog ends; None: now
    history: float | None = None  # seconds that the backlog spans; None: as its rate says
    # A backlog event older than this is never late: a client may take an old hole for history.
    late_horizon: float = 60.0

    def __post_init__(self) -> None:
        if self.rate < 0 or (self.history or 0) < 0:
            raise ValueError("rate and history cannot be negative")
        if self.events is None and self.rate == 0:
            raise ValueError("a world without end needs a rate above 0")
        if not 0 <= self.backlog <= (self.backlog if self.events is None else self.events):
            raise ValueError(f"backlog {self.backlog} is not within 0..{self.events}")
        if self.starts_at is not None and self.starts_at.tzinfo is None:
            raise ValueError("starts_at needs a time zone")
        if self.start_id < 1 or (self.parcels is not None and self.parcels < 1):
            raise ValueError("start_id and parcels begin at 1")

    @property
    def at_start(self) -> int:
        """How many events have arrived when the simulation starts."""
        return self.backlog if self.rate or self.events is None else self.events

    @property
    def under_way(self) -> int:
        """How many parcels are on their way at the same time."""
        if self.parcels is not None:
            return self.parcels
        return 500 if self.events is None else max(1, min(self.events // 10, 20_000))

    def arrival(self, index: int) -> float:
        """Seconds from the start to the arrival of an event; the backlog's are 0 or less."""
        if index < self.at_start:
            return (index + 1 - self.at_start) * self._spacing
        return (index + 1 - self.at_start) / self.rate

    @property
    def _spacing(self) -> float:
        if self.history is not None:
            return self.history / self.at_start
        return 1 / (self.rate or HISTORY_RATE)
