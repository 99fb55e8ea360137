"""Every metric that counts what happens. Each series is there from the start, at 0.

Labels are closed lists out of the code: no id, address or text of the carrier's ever becomes one.
"""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

from scand.core.continuity import Finding
from scand.core.event import Reason
from scand.core.ledger import Outcome as GapOutcome
from scand.core.review import Outcome as ReviewOutcome
from scand.records import Answer

# A series more for each counter, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]

EVENT_OUTCOMES = ("applied", "duplicate", "conflict", "dead_letter")
BREAKER_STATES = ("closed", "open", "half-open")
CHILDREN = (
    *("ingest", "housekeeper", "admin", "admin_socket", "metrics"),
    *("heartbeat", "systemd", "reload", "traces"),
)
PAGE_KINDS = ("fresh", "reread")
PRUNED = ("dead_letters", "events")
FINDINGS = (*Finding, "poison")
SETTLED = (GapOutcome.FILLED, GapOutcome.GIVEN_UP, GapOutcome.LOST)
IN_FORCE = ("applied", "unchanged")
RELOADS = (*IN_FORCE, "refused", "invalid")
ACTIONS = ("replay", "discard")
RETRIED = (Answer.THROTTLED, Answer.REFUSED, Answer.NOT_FOUND, Answer.FAILED, Answer.TOO_LARGE)
WAITS = (*RETRIED, "breaker", "store", "restart")

_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_COMMIT_EVENTS = (1, 10, 100, 500, 1000, 5000, 10_000, 50_000)
_COMMIT_PAGES = (1, 2, 4, 8, 16, 32, 64)

Metric = TypeVar("Metric", Counter, Gauge)
Labels = Iterable[str]


class Workshop:
    """Makes metrics on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, meaning: str, **labels: Labels) -> Counter:
        """A counter; `_total` is put behind its name."""
        made = Counter(name, meaning, tuple(labels), registry=self._registry)
        return _with_all_series(made, labels.values())

    def gauge(self, name: str, meaning: str, **labels: Labels) -> Gauge:
        """A gauge."""
        made = Gauge(name, meaning, tuple(labels), registry=self._registry)
        return _with_all_series(made, labels.values())

    def histogram(self, name: str, meaning: str, buckets: Sequence[float]) -> Histogram:
        """A histogram."""
        return Histogram(name, meaning, buckets=buckets, registry=self._registry)


def _with_all_series(made: Metric, labels: Iterable[Labels]) -> Metric:
    for values in product(*labels):
        if values:
            made.labels(*values)
    return made


class FeedInstruments:
    """Of the carrier, and how we speak to it."""

    def __init__(self, shop: Workshop) -> None:
        self.requests = shop.counter(
            "scand_requests", "Requests to the carrier that ended, by how.", outcome=Answer
        )
        self.request_seconds = shop.histogram(
            "scand_request_duration_seconds", "How long requests took.", _REQUEST_SECONDS
        )
        self.received = shop.counter(
            "scand_received_bytes", "Bytes of the carrier's answers on the wire, without headers."
        )
        self.decompressed = shop.counter(
            "scand_decompressed_bytes", "The same answers' bytes after decompression."
        )
        self.pages = shop.counter(
            "scand_pages", "Pages read: fresh ones, and looks at gaps.", kind=PAGE_KINDS
        )
        self.last_page = shop.gauge(
            "scand_last_page_timestamp_seconds",
            "When a fresh page was last read; at first, the start.",
        )
        self.waits = shop.counter(
            "scand_backoff_waits", "Waits because something failed, by what.", reason=WAITS
        )
        self.wait_seconds = shop.counter(
            "scand_backoff_wait_seconds",
            "How long these waits were meant to be; the breaker's overlap with others.",
            reason=WAITS,
        )
        self.breaker_state = shop.gauge(
            "scand_breaker_state", "1 for the state that the breaker is in.", state=BREAKER_STATES
        )
        self.breaker_transitions = shop.counter(
            "scand_breaker_transitions",
            "Changes of the breaker, by its new state.",
            state=BREAKER_STATES,
        )
        self.findings = shop.counter(
            "scand_feed_findings",
            "Times that the feed was not what it was, by how.",
            finding=FINDINGS,
        )
        self.halted = shop.gauge(
            "scand_feed_halted", "1 while a policy halts the feed until somebody decides."
        )


class EventInstruments:
    """Of events, and the ids where there should be one."""

    def __init__(self, shop: Workshop) -> None:
        self.fetched = shop.counter(
            "scand_fetched_events", "Well-formed events on the pages read, repeated ones too."
        )
        self.events = shop.counter(
            "scand_events", "Events committed, by what became of them.", outcome=EVENT_OUTCOMES
        )
        self.odd = shop.counter(
            "scand_odd_events", "Events that look odd and were applied: see the log for how."
        )
        self.milestones = shop.counter("scand_milestones", "Pick-ups and deliveries recorded.")
        self.dead_letters = shop.counter(
            "scand_dead_letters",
            "Events turned away, each time that they came, by reason.",
            reason=Reason,
        )
        self.superseded = shop.counter(
            "scand_superseded_dead_letters", "Dead letters closed because their event was applied."
        )
        self.reviewed = shop.counter(
            "scand_reviewed_dead_letters",
            "Dead letters that an operator had dealt with.",
            action=ACTIONS,
            outcome=ReviewOutcome,
        )
        self.late_warnings = shop.counter(
            "scand_late_warnings", "Times that a late id was found near the end of late_window."
        )
        self.gap_ids = shop.counter(
            "scand_settled_gap_ids",
            "Ids that were missing and are looked for no more, by why.",
            outcome=SETTLED,
        )


class StoreInstruments:
    """Of the store, and of this process."""

    def __init__(self, shop: Workshop) -> None:
        self.commit_seconds = shop.histogram(
            "scand_commit_duration_seconds",
            "How long commits took until they were durable.",
            _COMMIT_SECONDS,
        )
        self.commit_events = shop.histogram(
            "scand_commit_size_events", "Events in a commit.", _COMMIT_EVENTS
        )
        self.commit_pages = shop.histogram(
            "scand_commit_size_pages", "Pages in a commit.", _COMMIT_PAGES
        )
        self.blocked = shop.gauge(
            "scand_store_blocked", "1 while the store cannot be written: the log says why."
        )
        self.blocked_seconds = shop.counter(
            "scand_store_blocked_seconds", "How long that lasted, counted when it is over."
        )
        self.pruned = shop.counter(
            "scand_pruned_rows", "Rows removed because they were old.", what=PRUNED
        )
        self.reloads = shop.counter(
            "scand_reloads", "Times that the configuration was read again.", outcome=RELOADS
        )
        self.in_force = shop.gauge(
            "scand_config_last_reload_successful",
            "0 while what runs is not what the file said: the last reload was refused or invalid.",
        )
        self.in_force_since = shop.gauge(
            "scand_config_last_reload_success_timestamp_seconds",
            "When scand was last what the file said: at the start, or by a reload.",
        )
        self.restarts = shop.counter(
            "scand_restarts",
            "Crashes after which a part was started again, by part.",
            child=CHILDREN,
        )
