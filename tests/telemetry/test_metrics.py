"""What metrics count, which series there are, and what is said of them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric

from scand.core.continuity import Finding
from scand.core.event import Reason
from scand.records import (
    Answer,
    BodyRead,
    BreakerChanged,
    ChildFailed,
    CollectorChanged,
    Committed,
    EventsRejected,
    FeedBetrayed,
    FetchFailed,
    FoundLate,
    LettersReviewed,
    Lifecycle,
    OddEvents,
    PageFetched,
    Pruned,
    Record,
    ReloadBegun,
    Reloaded,
    RequestEnded,
    Stalled,
    StoreBlocked,
    StoreFreed,
)
from tests.support.parts import NOON
from tests.support.scraped import FOLLOWING, PAGE, Scraped

README = Path(__file__).parents[2] / "README.md"

BEHIND = PageFetched(1, 7, 1, 0.1, 100, at_head=False, reread=False, gaps=0, newest=NOON - 40)
LOOK = PageFetched(5, 1, 0, 0.1, 5, at_head=False, reread=True, gaps=0, newest=NOON)
FAILED = FetchFailed("Failed", "HTTP 500", 3.0)
COMMIT = Committed(2, 5, 4, 3, 5, 1, 96, 6, 7, 0.02, superseded=8, gaps_lost=9)
BLOCKED = StoreBlocked("the disk is full", 2.0, 1)
OPENED = BreakerChanged("closed", "open", 30.0)
HALTED = FeedBetrayed("reset", "halt", "the feed begins at 1 and ends below 9")
INVALID = Reloaded("invalid", errors=["feed.limit: too small"])
CRASH = ChildFailed("ingest", ["ZeroDivisionError"], 0.5)

EVERYTHING: tuple[Record, ...] = (
    FOLLOWING,
    RequestEnded(Answer.PAGE, 0.1),
    BodyRead(100, 900),
    PAGE,
    LOOK,
    FAILED,
    HALTED,
    OPENED,
    EventsRejected({"missing_field": 2}),
    LettersReviewed("replay", {"applied": 2}),
    Pruned("events", 3),
    OddEvents({"WEIGHED/ is not in the catalogue": 4}),
    COMMIT,
    FoundLate(500.0, 600.0),
    BLOCKED,
    StoreFreed(9.0),
    CollectorChanged("http://collector.test", "refused"),
    CRASH,
    Stalled(["writer (at work)"]),
    ReloadBegun(),
    Reloaded("applied", ["feed.limit"]),
)


@pytest.mark.parametrize(
    ("records", "name", "labels", "value"),
    [
        ([RequestEnded(Answer.PAGE, 0.3)], "scand_requests_total", {"outcome": "page"}, 1),
        ([RequestEnded(Answer.PAGE, 0.3)], "scand_request_duration_seconds_sum", {}, 0.3),
        ([CollectorChanged("http://x.test", "refused")], "scand_traces_failing", {}, 1),
        ([BodyRead(100, 900), BodyRead(1, 1)], "scand_received_bytes_total", {}, 101),
        ([BodyRead(100, 900), BodyRead(1, 1)], "scand_decompressed_bytes_total", {}, 901),
        ([PAGE, BEHIND, LOOK], "scand_pages_total", {"kind": "fresh"}, 2),
        ([PAGE, BEHIND, LOOK], "scand_pages_total", {"kind": "reread"}, 1),
        ([PAGE, LOOK], "scand_fetched_events_total", {}, 8),
        ([FAILED, FAILED], "scand_backoff_waits_total", {"reason": "failed"}, 2),
        ([FAILED, FAILED], "scand_backoff_wait_seconds_total", {"reason": "failed"}, 6),
        ([BLOCKED], "scand_backoff_wait_seconds_total", {"reason": "store"}, 2),
        ([CRASH], "scand_backoff_wait_seconds_total", {"reason": "restart"}, 0.5),
        ([OPENED], "scand_backoff_wait_seconds_total", {"reason": "breaker"}, 30),
        ([], "scand_breaker_state", {"state": "closed"}, 1),
        ([OPENED], "scand_breaker_state", {"state": "closed"}, 0),
        ([OPENED], "scand_breaker_state", {"state": "open"}, 1),
        ([OPENED], "scand_breaker_transitions_total", {"state": "open"}, 1),
        ([HALTED], "scand_feed_findings_total", {"finding": "reset"}, 1),
        ([HALTED], "scand_feed_halted", {}, 1),
        ([HALTED, LOOK], "scand_feed_halted", {}, 1),
        ([HALTED, PAGE], "scand_feed_halted", {}, 0),
        ([COMMIT], "scand_events_total", {"outcome": "applied"}, 5),
        ([COMMIT], "scand_events_total", {"outcome": "duplicate"}, 4),
        ([COMMIT], "scand_events_total", {"outcome": "conflict"}, 3),
        ([COMMIT], "scand_events_total", {"outcome": "dead_letter"}, 2),
        ([COMMIT], "scand_commit_size_events_sum", {}, 14),
        ([COMMIT], "scand_commit_size_pages_sum", {}, 2),
        ([COMMIT], "scand_commit_duration_seconds_sum", {}, 0.02),
        ([COMMIT], "scand_milestones_total", {}, 1),
        ([COMMIT], "scand_superseded_dead_letters_total", {}, 8),
        ([COMMIT], "scand_settled_gap_ids_total", {"outcome": "filled"}, 6),
        ([COMMIT], "scand_settled_gap_ids_total", {"outcome": "given_up"}, 7),
        ([COMMIT], "scand_settled_gap_ids_total", {"outcome": "lost"}, 9),
        ([EventsRejected({"conflict": 2})], "scand_dead_letters_total", {"reason": "conflict"}, 2),
        ([OddEvents({"A": 2, "B": 1})], "scand_odd_events_total", {}, 3),
        ([FoundLate(500.0, 600.0)], "scand_late_warnings_total", {}, 1),
        ([Pruned("events", 3)], "scand_pruned_rows_total", {"what": "events"}, 3),
        (
            [LettersReviewed("replay", {"failed_again": 2})],
            "scand_reviewed_dead_letters_total",
            {"action": "replay", "outcome": "failed_again"},
            2,
        ),
        ([BLOCKED], "scand_store_blocked", {}, 1),
        ([BLOCKED, StoreFreed(9.0)], "scand_store_blocked", {}, 0),
        ([BLOCKED, StoreFreed(9.0)], "scand_store_blocked_seconds_total", {}, 9),
        ([Reloaded("refused")], "scand_reloads_total", {"outcome": "refused"}, 1),
        ([], "scand_config_last_reload_successful", {}, 1),
        ([Reloaded("refused")], "scand_config_last_reload_successful", {}, 0),
        ([Reloaded("invalid")], "scand_config_last_reload_successful", {}, 0),
        ([INVALID, Reloaded("applied")], "scand_config_last_reload_successful", {}, 1),
        ([INVALID, Reloaded("unchanged")], "scand_config_last_reload_successful", {}, 1),
        ([CRASH], "scand_restarts_total", {"child": "ingest"}, 1),
        ([PAGE], "scand_last_page_timestamp_seconds", {}, NOON),
        ([], "scand_start_timestamp_seconds", {}, NOON),
    ],
)
def test_what_happens_is_counted(
    records: list[Record], name: str, labels: Mapping[str, str], value: float
) -> None:
    """Each record moves the series that speak of it."""
    assert Scraped(*records).value(name, **labels) == pytest.approx(value)


def test_since_when_a_reload_fails_is_known() -> None:
    """The time is that of the start, and of each reload that succeeds."""
    scraped, name = Scraped(), "scand_config_last_reload_success_timestamp_seconds"
    assert scraped.value(name) == NOON
    for seconds, outcome in enumerate(("applied", "invalid", "unchanged", "refused"), 1):
        scraped.clock.moment = NOON + seconds
        scraped.tell(Reloaded(outcome))
    assert scraped.value(name) == NOON + 3


@pytest.mark.parametrize(
    ("records", "lag_seconds", "lag_events", "head", "cursor"),
    [
        ([], None, None, 0, None),
        ([FOLLOWING], None, 0, 90, 90),
        ([FOLLOWING, PAGE], 0, 10, 100, 90),
        ([FOLLOWING, PAGE, COMMIT], 0, 4, 100, 96),
        ([FOLLOWING, BEHIND], 40, 10, 100, 90),
        ([Lifecycle("following", {"cursor": "3f-a"})], None, None, None, None),
    ],
)
def test_what_is_not_known_is_left_out(
    records: list[Record], lag_seconds: Any, lag_events: Any, head: Any, cursor: Any
) -> None:
    """Nobody knows the lag of a feed that was not read yet; ids that are text are no numbers."""
    scraped = Scraped(*records)
    assert scraped.value("scand_lag_seconds") == lag_seconds
    assert scraped.value("scand_lag_events") == lag_events
    assert scraped.value("scand_head_event_id") == head
    assert scraped.value("scand_cursor_event_id") == cursor


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("scand_channel_messages", {"channel": "slices"}, 4),
        ("scand_channel_capacity_messages", {"channel": "slices"}, 16),
        ("scand_shard_slices", {"shard": "1"}, 3),
        ("scand_complete_up_to_event_id", {}, 90),
        ("scand_open_gaps", {}, 2),
        ("scand_open_gap_ids", {}, 5),
        ("scand_missing_history_ids_total", {}, 7),
        ("scand_open_dead_letters", {"reason": "missing_field"}, 3),
        ("scand_open_dead_letters", {"reason": "conflict"}, 0),
        ("scand_lateness_seconds", {"rank": "p99"}, 20),
        ("scand_journal_rows_total", {}, 120),
        ("scand_store_size_bytes", {}, 4096),
        ("scand_store_free_bytes", {}, 1 << 30),
        ("scand_store_read_timestamp_seconds", {}, NOON - 5),
    ],
)
def test_what_is_read_at_a_scrape(name: str, labels: Mapping[str, str], value: float) -> None:
    """The channels and the store, as they are."""
    assert Scraped().value(name, **labels) == value


def test_every_series_is_there_from_the_start() -> None:
    """A rate over what has not happened yet is 0, not nothing."""
    before, after = Scraped(FOLLOWING, PAGE), Scraped(*EVERYTHING, PAGE)
    assert before.series().keys() == after.series().keys()
    for outcome in Answer:
        assert before.value("scand_requests_total", outcome=outcome) == 0
    for reason in Reason:
        assert before.value("scand_dead_letters_total", reason=reason) == 0
    for finding in Finding:
        assert before.value("scand_feed_findings_total", finding=finding) == 0


def test_labels_hold_nothing_of_the_carriers() -> None:
    """Whatever a carrier sends, there are no more series, and none of them shows it."""
    scraped, text = Scraped(FOLLOWING, PAGE), "https://carrier.test/?key=secret \u202e"
    known = scraped.series().keys()
    scraped.tell(
        FetchFailed("Failed", text, 1.0),
        FeedBetrayed("poison", "halt", text),
        OddEvents({text: 1}),
        StoreBlocked(text, 1.0, 1),
        ChildFailed("ingest", [text], 1.0),
    )
    scraped.tell(*(OddEvents({f"T{number}/": 1}) for number in range(1000)))
    assert scraped.series().keys() == known


def test_every_record_is_understood() -> None:
    """There is no record that metrics do not know."""
    assert set(Record.__args__) == Scraped()._observer._takers.keys()
    assert {type(record) for record in EVERYTHING} == set(Record.__args__)


# --- what the README says of them ------------------------------------------------


def documented() -> dict[str, tuple[str, ...]]:
    """The README's table: type, labels and meaning by name."""
    rows = re.findall(
        r"^\| `(scand_\w+)` \| (.+?) \| (.*?) \| (.+?) \|$", README.read_text(), re.MULTILINE
    )
    return {name: tuple(rest) for name, *rest in rows}


def shown() -> dict[str, tuple[str, ...]]:
    """The same as the registry has it."""
    return {
        family.name + {"counter": "_total"}.get(family.type, ""): (
            family.type,
            ", ".join(f"`{label}`" for label in sorted(labels_of(family) - {"le"})),
            family.documentation,
        )
        for family in Scraped(FOLLOWING, PAGE).families()
    }


def labels_of(family: Metric) -> set[str]:
    return {label for sample in family.samples for label in sample.labels}


def test_the_readme_describes_the_registry() -> None:
    """Name, type, labels and meaning of each metric, and no metric that is not there."""
    assert documented() == shown()
