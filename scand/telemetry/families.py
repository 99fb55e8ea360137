"""The metrics that are read when they are asked for: each a row of name, meaning and value.

A value that is not known is left out, rather than given as something else.
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from scand import __version__
from scand.core.event import EventId, Reason
from scand.store.figures import Figures
from scand.telemetry.status import StatusBoard
from scand.telemetry.traces import SpanCounts


class Level(NamedTuple):
    """How many messages wait in a channel, and how many can."""

    waiting: int
    capacity: float


Levels = Callable[[], Mapping[str, Sequence[Level]]]
"""The channels by name, those of the shards in their order; none while ingest does not run."""


class _Row(NamedTuple):
    """One value: what it is called and means, and how it is read; `kind` makes its family."""

    kind: type[GaugeMetricFamily | CounterMetricFamily]
    name: str
    meaning: str
    read: Callable[[Any], float | None]


_gauge, _counter = partial(_Row, GaugeMetricFamily), partial(_Row, CounterMetricFamily)


def live(board: StatusBoard) -> Iterator[Metric]:
    """What the daemon knows."""
    build = {"version": __version__, "python": platform.python_version()}
    yield _labelled("scand_build_info", "Which scand, on which Python: always 1.", [(build, 1)])
    yield from _families(_LIVE, board)


def channels(levels: Mapping[str, Sequence[Level]]) -> Iterator[Metric]:
    """How full the channels between the actors are."""
    sums = {name: [sum(each) for each in zip(*levels[name], strict=True)] for name in levels}
    yield _labelled(
        "scand_channel_messages",
        "Messages that wait in a channel: pages, or parts of them.",
        [({"channel": name}, waiting) for name, (waiting, _) in sums.items()],
    )
    yield _labelled(
        "scand_channel_capacity_messages",
        "How many messages can wait there.",
        [({"channel": name}, capacity) for name, (_, capacity) in sums.items()],
    )
    shards = enumerate(levels.get("slices", ()))
    yield _labelled(
        "scand_shard_slices",
        "Slices of pages that wait for a processor.",
        [({"shard": str(shard)}, level.waiting) for shard, level in shards],
    )


def spans(counts: SpanCounts) -> Iterator[Metric]:
    """What became of the spans of traces."""
    return _families(_SPANS, counts)


def stored(figures: Figures | None, started_at: float) -> Iterator[Metric]:
    """What the store says; but for how old that is, nothing before it could be read."""
    yield GaugeMetricFamily(
        "scand_store_read_timestamp_seconds",
        "When the figures that follow were read from the store; at first, the start.",
        figures.read_at if figures else started_at,
    )
    if figures is None:
        return
    yield from _families(_STORED, figures)
    yield _labelled(
        "scand_open_dead_letters",
        "Dead letters that somebody has to deal with, by reason.",
        [({"reason": reason}, figures.open_letters.get(reason, 0)) for reason in Reason],
    )
    yield _labelled(
        "scand_lateness_seconds",
        "How late ids were found, of the last 10,000: p50, p99 and max. None without late ids.",
        [({"rank": rank}, late) for rank, late in figures.late.items() if late is not None],
    )


def _families(rows: Iterable[_Row], source: object) -> Iterator[Metric]:
    return (row.kind(row.name, row.meaning, row.read(source)) for row in rows)


def _labelled(name: str, meaning: str, values: Iterable[tuple[Mapping[str, str], float]]) -> Metric:
    family = GaugeMetricFamily(name, meaning)
    for labels, value in values:
        family.add_sample(name, dict(labels), value)
    return family


def _distance(board: StatusBoard) -> int | None:
    read, committed = _number(board.cursor), _number(board.committed)
    return None if read is None or committed is None else max(read - committed, 0)


def _number(event_id: EventId | None) -> int | None:
    """Text would make a series of each id."""
    return event_id if isinstance(event_id, int) else None


_LIVE = (
    _gauge("scand_start_timestamp_seconds", "When scand was started.", attrgetter("started_at")),
    _gauge("scand_at_head", "1 if the last page read was the feed's head.", attrgetter("at_head")),
    _gauge(
        "scand_lag_seconds",
        "0 at the head; behind, the age of the newest event read; in an outage, how long ago"
        " the head was seen.",
        attrgetter("lag"),
    ),
    _gauge(
        "scand_lag_events",
        "Ids read and not committed yet: behind, the least that it can be. Integer ids only.",
        _distance,
    ),
    _gauge(
        "scand_head_event_id",
        "The greatest EventId read; behind, the feed's head is further. Integer ids only.",
        lambda board: _number(board.cursor),
    ),
    _gauge(
        "scand_cursor_event_id",
        "The EventId up to which all is committed. Integer ids only.",
        lambda board: _number(board.committed),
    ),
    _gauge(
        "scand_traces_failing",
        "1 while traces do not arrive at their collector: the log says why.",
        lambda board: bool(board.traces_trouble),
    ),
)
"""Of the board."""

_SPANS = (
    _counter("scand_exported_spans", "Spans that the collector has got.", attrgetter("exported")),
    _counter(
        "scand_dropped_spans",
        "Spans that found no room to wait, or did not arrive.",
        attrgetter("dropped"),
    ),
    _gauge("scand_waiting_spans", "Spans that wait to be sent.", attrgetter("waiting")),
)
"""Of what became of the spans."""

_STORED = (
    _gauge(
        "scand_complete_up_to_event_id",
        "Up to here every id is applied, a dead letter, or given up. Integer ids only.",
        lambda figures: _number(figures.complete_up_to),
    ),
    _gauge("scand_open_gaps", "Ranges of ids that are looked for.", attrgetter("open_gaps")),
    _gauge("scand_open_gap_ids", "Ids in these ranges.", attrgetter("open_gap_ids")),
    _counter(
        "scand_missing_history_ids",
        "Ids that were missing from before the window, and are not looked for.",
        attrgetter("missing_history"),
    ),
    _counter("scand_journal_rows", "Rows ever written to the journal.", attrgetter("journal_rows")),
    _gauge(
        "scand_store_size_bytes", "Of the database and its log on disk.", attrgetter("size_bytes")
    ),
    _gauge(
        "scand_store_free_bytes",
        "What the disk has room for besides.",
        attrgetter("free_bytes"),
    ),
)
"""Of the store's figures."""
