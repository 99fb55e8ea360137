"""Metrics as Prometheus would read them, of a daemon that was told what a test tells."""

from collections.abc import Mapping, Sequence

from prometheus_client.metrics_core import Metric

from scand.records import Lifecycle, PageFetched, Record
from scand.store.figures import Figures
from scand.telemetry.exposition import Exposition
from scand.telemetry.families import Level
from scand.telemetry.metrics import MetricsObserver
from scand.telemetry.status import StatusBoard
from tests.support.parts import NOON

LEVELS: Mapping[str, Sequence[Level]] = {
    "pages": [Level(2, 8)],
    "slices": [Level(1, 8), Level(3, 8)],
    "results": [Level(0, 32)],
}
FIGURES = Figures(
    read_at=NOON - 5,
    complete_up_to=90,
    journal_rows=120,
    missing_history=7,
    open_gaps=2,
    open_gap_ids=5,
    open_letters={"missing_field": 3},
    late={"p50": 1.5, "p99": 20.0, "max": 21.0},
    size_bytes=4096,
    free_bytes=1 << 30,
)
FOLLOWING = Lifecycle("following", {"cursor": 90, "gaps": 0})
PAGE = PageFetched(1, 7, 1, 0.1, 100, at_head=True, reread=False, gaps=0, newest=NOON)


class Stopped:
    """A clock that stands still until it is set."""

    moment = NOON

    def now(self) -> float:
        return self.moment


class Scraped:
    """What there is to be scraped after some records."""

    def __init__(self, *records: Record, figures: Figures = FIGURES) -> None:
        self.clock = Stopped()
        self.board, self._observer = StatusBoard(self.clock), MetricsObserver(self.clock)
        registry = self._observer.registry
        self.exposition = Exposition(registry, self.board, lambda: LEVELS, lambda: figures)
        self.exposition._read()
        self.tell(*records)

    def tell(self, *records: Record) -> None:
        for record in records:
            self.board(record)
            self._observer(record)

    def families(self) -> list[Metric]:
        """Ours; what is known of every process is not."""
        known = self._observer.registry.collect()
        return [family for family in known if family.name.startswith("scand_")]

    def series(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every series with its value."""
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families()
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        """One series; None if it is not there."""
        return self.series().get((name, frozenset(labels.items())))
