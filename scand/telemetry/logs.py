"""Logs: one line per thing that matters, for people on a console, as JSON for journald.

They go to standard error, so that standard output carries a command's results alone.
"""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal, TextIO

import structlog

from scand.ports import Observer
from scand.records import (
    BreakerChanged,
    ChildFailed,
    Committed,
    EventsRejected,
    FetchFailed,
    Lifecycle,
    OddEvents,
    PageFetched,
    Record,
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


class LogObserver:
    """Writes records as log lines; says an unfamiliar kind of event only once."""

    def __init__(self) -> None:
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
        self._known_oddities: set[str] = set()
        self._was_at_head = False

    def __call__(self, record: Record) -> None:
        """Log one record."""
        match record:
            case PageFetched():
                self._page(record)
            case FetchFailed(kind, reason, wait):
                self._log.warning("feed." + _SNAKE[kind], reason=reason, retry_in=round(wait, 2))
            case BreakerChanged(old, new, reopens_in):
                say = self._log.warning if new == "open" else self._log.info
                say("breaker.changed", old=old, new=new, probe_in=round(reopens_in, 2))
            case EventsRejected(reasons):
                self._log.warning("events.rejected", **reasons)
            case OddEvents(oddities):
                self._oddities(oddities)
            case Committed():
                self._commit(record)
            case ChildFailed(child, causes, wait):
                self._log.error(f"{child}.crashed", causes=list(causes), restart_in=round(wait, 2))
            case Lifecycle(event, details):
                self._log.info(f"scand.{event}", **details)

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

    def _commit(self, record: Committed) -> None:
        self._log.debug(
            "commit",
            pages=record.pages,
            applied=record.applied,
            duplicates=record.duplicates,
            cursor=record.cursor,
            seconds=round(record.seconds, 4),
        )
        if record.gaps_given_up:
            self._log.warning("gaps.given_up", ids=record.gaps_given_up)

    def _oddities(self, oddities: Mapping[str, int]) -> None:
        for oddity in oddities.keys() - self._known_oddities:
            self._log.warning("event.unfamiliar", what=oddity)
            if len(self._known_oddities) < _MAX_ODDITIES:
                self._known_oddities.add(oddity)


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
