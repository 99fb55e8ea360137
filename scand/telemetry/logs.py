"""Logs: one line per thing that matters, for people on a console, as JSON for journald.

They go to standard error, so that standard output carries a command's results alone.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, TextIO

import structlog

from scand.ports import Observer
from scand.records import (
    BreakerChanged,
    ChildFailed,
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
    StoreBlocked,
    StoreFreed,
)

Level = Literal["debug", "info", "warning", "error"]
_LEVELS: dict[Level, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logs(level: Level, style: Literal["auto", "console", "json"]) -> None:
    """Set up structlog for the process. `auto` is JSON under systemd, else for people."""
    if style == "auto":
        style = "json" if "JOURNAL_STREAM" in os.environ else "console"
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_: _Lines(sys.stderr),
        cache_logger_on_first_use=True,
    )


class _Lines:
    """Writes lines as long as it can: a full disk or a closed pipe must not stop the daemon."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: the stream was closed
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = msg


_Taker = Callable[[Any], None]


class LogObserver:
    """Writes records as log lines; says an unfamiliar kind of event only once."""

    def __init__(self) -> None:
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
        self._known_oddities: set[str] = set()
        self._was_at_head = False
        self._takers: dict[type[Record], _Taker] = {
            PageFetched: self._page,
            FetchFailed: self._fetch_failed,
            FeedBetrayed: self._betrayed,
            BreakerChanged: self._breaker,
            EventsRejected: self._rejected,
            LettersReviewed: self._reviewed,
            Pruned: self._pruned,
            OddEvents: self._oddities,
            Committed: self._commit,
            FoundLate: self._found_late,
            StoreBlocked: self._blocked,
            StoreFreed: self._freed,
            ChildFailed: self._crashed,
            Lifecycle: self._lifecycle,
        }

    def __call__(self, record: Record) -> None:
        """Log one record."""
        self._takers[type(record)](record)

    def _page(self, record: PageFetched) -> None:
        self._log.debug(
            "page.fetched",
            asked_from=record.from_id,
            events=record.events,
            rejected=record.rejected,
            cursor=record.cursor,
            reread=record.reread,
            seconds=round(record.seconds, 4),
        )
        if record.at_head and not self._was_at_head:
            self._log.info("feed.caught_up", cursor=record.cursor, gaps=record.gaps)
        if not record.reread:
            self._was_at_head = record.at_head or (self._was_at_head and record.events <= _TRICKLE)

    def _fetch_failed(self, record: FetchFailed) -> None:
        name, wait = _SNAKE[record.kind], round(record.wait, 2)
        self._log.warning(f"feed.{name}", reason=record.reason, retry_in=wait)

    def _betrayed(self, record: FeedBetrayed) -> None:
        say = self._log.error if record.policy == "halt" else self._log.warning
        say(f"feed.{record.finding}", policy=record.policy, what=record.said)

    def _breaker(self, record: BreakerChanged) -> None:
        say = self._log.warning if record.new == "open" else self._log.info
        probe_in = round(record.reopens_in, 2)
        say("breaker.changed", old=record.old, new=record.new, probe_in=probe_in)

    def _rejected(self, record: EventsRejected) -> None:
        self._log.warning("events.rejected", **record.reasons)

    def _reviewed(self, record: LettersReviewed) -> None:
        self._log.info(f"dead_letters.{record.action}", **record.outcomes)

    def _pruned(self, record: Pruned) -> None:
        self._log.info(f"{record.what}.pruned", rows=record.rows)

    def _commit(self, record: Committed) -> None:
        self._log.debug(
            "commit",
            pages=record.pages,
            applied=record.applied,
            duplicates=record.duplicates,
            cursor=record.cursor,
            seconds=round(record.seconds, 4),
        )
        if record.superseded:
            self._log.info("dead_letters.superseded", closed=record.superseded)
        if record.gaps_given_up:
            self._log.warning("gaps.given_up", ids=record.gaps_given_up)

    def _oddities(self, record: OddEvents) -> None:
        for oddity in record.oddities.keys() - self._known_oddities:
            self._log.warning("event.unfamiliar", what=oddity)
            if len(self._known_oddities) < _MAX_ODDITIES:
                self._known_oddities.add(oddity)

    def _found_late(self, record: FoundLate) -> None:
        seconds = round(record.seconds, 1)
        hint = "an id was found near the end of feed.late_window: make it longer"
        self._log.warning("gaps.near_edge", late=seconds, late_window=record.window, hint=hint)

    def _blocked(self, record: StoreBlocked) -> None:
        if record.attempt.bit_count() == 1:  # the 1st, 2nd, 4th, 8th time: it may last
            self._log.error("store.blocked", reason=record.reason, retry_in=round(record.wait, 2))

    def _freed(self, record: StoreFreed) -> None:
        self._log.info("store.freed", after=round(record.seconds, 1))

    def _crashed(self, record: ChildFailed) -> None:
        causes, wait = list(record.causes), round(record.wait, 2)
        self._log.error(f"{record.child}.crashed", causes=causes, restart_in=wait)

    def _lifecycle(self, record: Lifecycle) -> None:
        self._was_at_head = False
        self._log.info(f"scand.{record.event}", **record.details)


_TRICKLE = 1000
"""Pages up to this size do not make the next arrival at the head news."""

_MAX_ODDITIES = 10_000
"""Kinds remembered: a feed that invents kinds for ever must not fill the memory."""

_SNAKE = {
    "Throttled": "throttled",
    "Refused": "refused",
    "NotFound": "not_found",
    "Failed": "failed",
    "TooLarge": "too_large",
}


def fan_out(*observers: Observer) -> Observer:
    """One observer that tells several."""

    def tell(record: Record) -> None:
        for observer in observers:
            observer(record)

    return tell
