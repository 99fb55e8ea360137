"""What the status says of trouble: why it waits, what crashed, and what the feed did."""

from typing import Any

import pytest

from scand.cli.status import _lines
from scand.records import (
    ChildFailed,
    CollectorChanged,
    Committed,
    FeedBetrayed,
    FetchFailed,
    FoundLate,
    LettersReviewed,
    PageFetched,
    Pruned,
    Record,
    StoreBlocked,
    StoreFreed,
)
from scand.telemetry.logs import LogObserver
from scand.telemetry.status import StatusBoard
from tests.support.parts import NOON


class Stopped:
    """A clock that stands still, until it is moved."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> float:
        return self.time


PAGE = PageFetched(1, 2, 0, 0.1, 2, at_head=True, reread=False, gaps=0, newest=NOON)
FAILED = FetchFailed("Failed", "HTTP 500", 3.0)
BLOCKED = StoreBlocked("s.db cannot grow: the disk is full; make room", 2.0, 1)
CRASH = ChildFailed("ingest", ["ZeroDivisionError: division by zero (write:7)"], 0.5)
COMMITTED = Committed(1, 1, 0, 0, 0, 0, 1, 0, 0, 0.1)
RESET = FeedBetrayed("reset", "halt", "the feed begins at 1 and ends below 9")


def told(*records: Record) -> dict[str, Any]:
    board = StatusBoard(Stopped())
    for record in records:
        board(record)
    return board.document()


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ((), "first contact"),
        ((PAGE, FAILED), "HTTP 500"),
        ((PAGE, BLOCKED), "the disk is full"),
        ((PAGE, BLOCKED, FAILED), "the disk is full"),
        ((PAGE, BLOCKED, FAILED, StoreFreed(9.0)), "HTTP 500"),
        ((PAGE, RESET), "feed.on_reset says to halt"),
    ],
)
def test_says_what_is_waited_for(records: tuple[Record, ...], words: str) -> None:
    """The store before the feed: without it, nothing moves."""
    assert words in told(*records)["waiting"]


@pytest.mark.parametrize("records", [(PAGE,), (FAILED, PAGE), (BLOCKED, StoreFreed(1.0), PAGE)])
def test_says_nothing_when_all_is_well(records: tuple[Record, ...]) -> None:
    """What was waited for is forgotten when it is over."""
    assert told(*records)["waiting"] is None


def test_the_time_to_the_next_try_passes() -> None:
    """What is told of a wait is true when it is told; when it is over, that somebody tries."""
    clock = Stopped()
    board = StatusBoard(clock)
    board(FAILED)
    assert board.line().endswith("waiting: HTTP 500; next try in 3.0 s")
    clock.time += 2
    assert board.line().endswith("waiting: HTTP 500; next try in 1.0 s")
    assert board.readiness()["feed"] == "HTTP 500; next try in 1.0 s"
    clock.time += 2
    assert board.line().endswith("waiting: HTTP 500; trying again")


def test_the_line_shows_what_is_durable() -> None:
    """The cursor is the committed one, as in `scand status`; what was read may be further."""
    board = StatusBoard(Stopped())
    board(PAGE)
    assert board.line().startswith("cursor -,")
    board(COMMITTED)
    assert board.line().startswith("cursor 1,")


def test_every_restart_has_its_cause() -> None:
    """How often each child was restarted, and why the last time."""
    document = told(CRASH, CRASH, ChildFailed("admin", ["OSError: in use"], 5.0))
    assert document["restarts"] == {"ingest": 2, "admin": 1}
    assert document["last_crash"] == {"child": "admin", "causes": ["OSError: in use"], "at": NOON}


def test_the_status_shows_the_last_crash() -> None:
    """In the text for people too; and nothing where nothing crashed."""
    summary = {
        "feed": {"name": "carrier", "url": "http://carrier.test"},
        "cursor": 9,
        "events": 9,
        "pruned_events": 0,
        "parcels": 3,
        "last_event": None,
        "completeness": {
            "complete_up_to": 9,
            "as_of": "2021-05-11T21:11:34.1506147Z",
            **dict.fromkeys(("open_gaps", "open_gap_ids", "given_up_ids", "open_dead_letters"), 0),
            **dict.fromkeys(("lost_ids", "skipped_ids"), 0),
        },
        "lateness": {"found": 0, "late_window": 600.0},
        "gaps": dict.fromkeys(
            ("open_ids", "filled_ids", "given_up_ids", "lost_ids", "skipped_ids", "history_ids"), 0
        ),
        "dead_letters": {"open": 0, "by_reason": {}},
        "lag_seconds": 0.0,
        "breaker": "closed",
    }
    shown = "\n".join(_lines({**summary, "daemon": told(CRASH)}))
    assert "ingest 1; the last 0 s ago: ZeroDivisionError: division by zero (write:7)" in shown
    assert "restarts" not in "\n".join(_lines({**summary, "daemon": told(PAGE)}))


class Lines:
    """A logger that remembers the names of what it was told."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def error(self, name: str, **_: object) -> None:
        self.names.append(name)

    debug = info = warning = error


def test_a_long_trouble_is_not_a_storm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that stays full is logged the first, second, fourth, eighth … time."""
    say, lines = LogObserver(), Lines()
    monkeypatch.setattr(say, "_log", lines)
    for attempt in range(1, 1001):
        say(StoreBlocked("the disk is full", 10.0, attempt))
    say(StoreFreed(9000.0))
    assert lines.names == ["store.blocked"] * 10 + ["store.freed"]


def test_what_became_of_dead_letters_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an operator did, what housekeeping removed, and what good events have closed."""
    records = (
        LettersReviewed("replay", {"applied": 2, "failed_again": 1}),
        LettersReviewed("discard", {"discarded": 1}),
        Pruned("dead_letters", 3),
        Committed(1, 2, 0, 0, 0, 0, 2, 0, 0, 0.1, superseded=4),
    )
    totals, log = told(*records)["totals"], LogObserver()
    assert (totals["replay_applied"], totals["replay_failed_again"]) == (2, 1)
    assert (totals["discard_discarded"], totals["pruned_dead_letters"]) == (1, 3)
    assert totals["superseded"] == 4
    lines = Lines()
    monkeypatch.setattr(log, "_log", lines)
    for record in records:
        log(record)
    assert {
        f"dead_letters.{name}" for name in ("replay", "discard", "pruned", "superseded")
    } <= set(lines.names)


def test_a_collector_in_trouble_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it lasts in the status, and once at each end in the log."""
    lost = CollectorChanged("http://collector.test", "refused")
    found = CollectorChanged("http://collector.test", "")
    assert told(lost)["traces_trouble"] == "refused"
    assert told(lost, found)["traces_trouble"] is None
    say, lines = LogObserver(), Lines()
    monkeypatch.setattr(say, "_log", lines)
    say(lost)
    say(found)
    assert lines.names == ["traces.not_exported", "traces.exported_again"]


def test_every_record_is_understood() -> None:
    """Both observers know every kind of record there is."""
    board, log = StatusBoard(Stopped()), LogObserver()
    commit = Committed(1, 2, 0, 0, 0, 0, 2, 0, 0, 0.1)
    letters = (LettersReviewed("replay", {"applied": 2}), Pruned("dead_letters", 3))
    collector = CollectorChanged("http://collector.test", "refused")
    others = (*letters, FoundLate(500.0, 600.0), collector)
    for record in (PAGE, FAILED, BLOCKED, StoreFreed(1.0), CRASH, RESET, commit, *others):
        board(record)
        log(record)
    kinds = set(Record.__args__)
    assert kinds == board._takers.keys() == log._takers.keys()
