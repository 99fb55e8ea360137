"""What repeats in the log: told at once, then summed up, ever more seldom."""

from typing import Any

import pytest

from scand.records import (
    BreakerChanged,
    Committed,
    EventsRejected,
    FeedBetrayed,
    FetchFailed,
    Lifecycle,
    OddEvents,
    PageFetched,
    Record,
)
from scand.telemetry import logs
from scand.telemetry.logs import LogObserver

PAGE = PageFetched(1, 2, 0, 0.1, 2, at_head=True, reread=False, gaps=0, newest=None)
FAILED = FetchFailed("Failed", "HTTP 500", 3.0)
STOPPED = Lifecycle("stopped", {"drained": True})


class Log:
    """A log observer, its clock, and the lines that it wrote."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = 0.0
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self._observer = LogObserver(lambda: self.time)
        monkeypatch.setattr(self._observer, "_log", self)

    def warning(self, name: str, **fields: Any) -> None:
        self.lines.append((name, fields))

    info = error = warning

    def debug(self, name: str, **_: Any) -> None:
        """Too many for anybody to read."""

    def at(self, seconds: float, *records: Record) -> None:
        self.time = seconds
        for record in records:
            self._observer(record)

    def of(self, name: str) -> list[dict[str, Any]]:
        return [fields for each, fields in self.lines if each == name]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    return Log(monkeypatch)


def test_the_first_is_told_at_once(log: Log) -> None:
    """With all its details."""
    log.at(5, FAILED)
    assert log.lines == [("feed.failed", {"reason": "HTTP 500", "retry_in": 3.0, "times": 1})]


def test_a_day_of_failures_is_a_few_lines(log: Log) -> None:
    """Every failure is counted, in lines that are an hour apart at last."""
    for second in range(0, 86_400, 10):
        log.at(second, FAILED)
    log.at(86_400, STOPPED)
    said = log.of("feed.failed")
    assert len(said) < 35
    assert sum(fields["times"] for fields in said) == 8640


def test_what_is_turned_away_is_counted_by_reason(log: Log) -> None:
    """One line a minute at the most, and nothing is left untold when it stops."""
    log.at(0, EventsRejected({"conflict": 1}))
    log.at(10, EventsRejected({"conflict": 2, "missing_field": 1}))
    log.at(20, EventsRejected({"missing_field": 4}))
    log.at(61, PAGE)
    log.at(62, EventsRejected({"unreadable": 1}), STOPPED)
    assert log.of("events.rejected") == [
        {"conflict": 1},
        {"conflict": 2, "missing_field": 5},
        {"unreadable": 1},
    ]


def test_after_a_pause_it_is_news_again(log: Log) -> None:
    """What has not happened for a while is told at once, and folded as from the start."""
    for second in (0, 1000, 1010, 1061):
        log.at(second, FAILED)
    assert [fields["times"] for fields in log.of("feed.failed")] == [1, 1, 2]


def test_topics_do_not_hide_each_other(log: Log) -> None:
    """Another kind of failure, another finding and another state are news of their own."""
    log.at(0, FAILED, FetchFailed("Refused", "HTTP 401", 60.0))
    log.at(1, *(BreakerChanged("closed", state, 30.0) for state in ("open", "half-open")))
    log.at(2, FeedBetrayed("reset", "continue", "reset"), FeedBetrayed("poison", "halt", "poison"))
    names = [name for name, _ in log.lines]
    assert names == [
        "feed.failed", "feed.refused", "breaker.changed", "breaker.changed", "feed.reset",
        "feed.poison",
    ]  # fmt: skip


def test_a_breaker_that_probes_for_hours_is_no_storm(log: Log) -> None:
    """A probe every half minute for a day."""
    log.at(0, BreakerChanged("closed", "open", 30.0))
    for second in range(30, 86_400, 30):
        log.at(second, BreakerChanged("open", "half-open", 0.0))
        log.at(second, BreakerChanged("half-open", "open", 30.0))
    assert len(log.of("breaker.changed")) < 70


def test_the_end_of_an_outage_is_told(log: Log) -> None:
    """Of one that lasted; a hiccup has no end worth a line."""
    log.at(0, FAILED)
    log.at(3, PAGE)
    log.at(100, FAILED)
    log.at(400, FAILED)
    log.at(402.5, PAGE)
    assert log.of("feed.recovered") == [{"after": 302.5}]


def test_a_feed_that_invents_kinds_for_ever(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind is told once, as long as there are not too many to remember."""
    monkeypatch.setattr(logs, "_MAX_ODDITIES", 3)
    for number in range(1000):
        log.at(number / 100, OddEvents({f"T{number}/": 1}), OddEvents({"T0/": 1}))
    assert len(log.of("event.unfamiliar")) == 4


def test_gaps_and_letters_of_many_commits(log: Log) -> None:
    """A catch-up over many holes says their number, not each of them."""
    for number in range(100):
        log.at(number / 10, Committed(1, 2, 0, 0, 0, 0, 2, 0, 3, 0.1, superseded=1))
    log.at(11, STOPPED)
    assert [fields["ids"] for fields in log.of("gaps.given_up")] == [3, 297]
    assert [fields["closed"] for fields in log.of("dead_letters.superseded")] == [1, 99]
