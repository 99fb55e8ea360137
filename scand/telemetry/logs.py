"""Logs: one line per thing that matters, for people on a console, as JSON for journald.

They go to standard error, so that standard output carries a command's results alone. What fails or
is rejected again and again is folded into lines with a count: see `folding`.
"""

import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import structlog

from scand import records
from scand.ports import Observer
from scand.telemetry.folding import Folding
from scand.telemetry.lines import Lines, clean, listen_to_libraries, reaches_journal

Level = Literal["debug", "info", "warning", "error"]
_LEVELS: dict[Level, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logs(level: Level, style: Literal["auto", "console", "json"]) -> None:
    """Set up structlog for the process. `auto` is JSON for journald, else for people."""
    if style == "auto":
        style = "json" if reaches_journal(sys.stderr) else "console"
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            clean,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_: Lines(sys.stderr),
        cache_logger_on_first_use=True,
    )
    listen_to_libraries()


_Taker = Callable[[Any], None]


class LogObserver:
    """Writes records as log lines; says an unfamiliar kind of event only once."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
        self._now, self._folding = now, Folding(now)
        self._known_oddities: set[str] = set()
        self._was_at_head = False
        self._failing_since: float | None = None
        self._takers: dict[type[records.Record], _Taker] = {
            records.RequestEnded: self._counted,
            records.BodyRead: self._counted,
            records.PageFetched: self._page,
            records.FetchFailed: self._fetch_failed,
            records.FeedBetrayed: self._betrayed,
            records.BreakerChanged: self._breaker,
            records.EventsRejected: self._rejected,
            records.LettersReviewed: self._reviewed,
            records.Pruned: self._pruned,
            records.OddEvents: self._oddities,
            records.Committed: self._commit,
            records.FoundLate: self._found_late,
            records.StoreBlocked: self._blocked,
            records.StoreFreed: self._freed,
            records.CollectorChanged: self._collector,
            records.ChildFailed: self._crashed,
            records.Stalled: self._stalled,
            records.ReloadBegun: lambda _: None,
            records.Reloaded: self._reloaded,
            records.Lifecycle: self._lifecycle,
        }

    def renew(self) -> None:
        """Go by what `configure_logs` was told last."""
        self._log = structlog.get_logger()

    def __call__(self, record: records.Record) -> None:
        """Log one record."""
        self._takers[type(record)](record)

    def _fold(
        self,
        level: Level,
        event: str,
        counts: Mapping[str, int],
        details: Mapping[str, object],
        topic: str = "",
    ) -> None:
        """Say it now or later: `topic` tells apart what has the same name."""
        say = partial(self._say, level, event)
        self._folding.add((event, topic), say, counts, details)

    def _say(self, level: Level, event: str, **fields: object) -> None:
        getattr(self._log, level)(event, **fields)

    def _counted(self, record: records.RequestEnded | records.BodyRead) -> None:
        """What came of it is told: a page, or a failure. Metrics have the rest."""

    def _page(self, record: records.PageFetched) -> None:
        self._folding.settle()
        self._recovered()
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

    def _recovered(self) -> None:
        since, self._failing_since = self._failing_since, None
        if since is not None and (after := self._now() - since) >= OUTAGE:
            self._log.info("feed.recovered", after=round(after, 1))

    def _fetch_failed(self, record: records.FetchFailed) -> None:
        if self._failing_since is None:
            self._failing_since = self._now()
        details = {"reason": record.reason, "retry_in": round(record.wait, 2)}
        self._fold("warning", f"feed.{record.answer.value}", {"times": 1}, details)

    def _betrayed(self, record: records.FeedBetrayed) -> None:
        level: Level = "error" if record.policy == "halt" else "warning"
        details = {"policy": record.policy, "what": record.said}
        if record.policy == "halt":
            details["remedy"] = "see `scand cursor`"
        self._fold(level, f"feed.{record.finding}", {"times": 1}, details, record.policy)

    def _breaker(self, record: records.BreakerChanged) -> None:
        level: Level = "warning" if record.new == "open" else "info"
        probe_in = round(record.reopens_in, 2)
        details = {"old": record.old, "new": record.new, "probe_in": probe_in}
        self._fold(level, "breaker.changed", {"times": 1}, details, record.new)

    def _rejected(self, record: records.EventsRejected) -> None:
        self._fold("warning", "events.rejected", record.reasons, {})

    def _reviewed(self, record: records.LettersReviewed) -> None:
        self._log.info(f"dead_letters.{record.action}", **record.outcomes, **_by(record.uid))

    def _pruned(self, record: records.Pruned) -> None:
        self._log.info(f"{record.what}.pruned", rows=record.rows)

    def _commit(self, record: records.Committed) -> None:
        self._log.debug(
            "commit",
            pages=record.pages,
            applied=record.applied,
            duplicates=record.duplicates,
            cursor=record.cursor,
            seconds=round(record.seconds, 4),
        )
        if record.superseded:
            self._fold("info", "dead_letters.superseded", {"closed": record.superseded}, {})
        if record.gaps_given_up:
            self._fold("warning", "gaps.given_up", {"ids": record.gaps_given_up}, {})

    def _oddities(self, record: records.OddEvents) -> None:
        for oddity in record.oddities.keys() - self._known_oddities:
            if len(self._known_oddities) < _MAX_ODDITIES:
                self._known_oddities.add(oddity)
                self._log.warning("event.unfamiliar", what=oddity)
            else:
                self._fold("warning", "event.unfamiliar", {"times": 1}, {"what": oddity})

    def _found_late(self, record: records.FoundLate) -> None:
        seconds = round(record.seconds, 1)
        hint = "an id was found near the end of feed.late_window: make it longer"
        self._log.warning("gaps.near_edge", late=seconds, late_window=record.window, hint=hint)

    def _blocked(self, record: records.StoreBlocked) -> None:
        if record.attempt.bit_count() == 1:  # the 1st, 2nd, 4th, 8th time: it may last
            wait = round(record.wait, 2)
            self._log.error(
                "store.blocked", reason=record.reason, retry_in=wait, times=record.attempt
            )

    def _freed(self, record: records.StoreFreed) -> None:
        self._log.info("store.freed", after=round(record.seconds, 1))

    def _collector(self, record: records.CollectorChanged) -> None:
        if record.trouble:
            told = {"endpoint": record.endpoint, "reason": record.trouble}
            self._log.warning("traces.not_exported", **told)
        else:
            self._log.info("traces.exported_again", endpoint=record.endpoint)

    def _crashed(self, record: records.ChildFailed) -> None:
        causes, wait = list(record.causes), round(record.wait, 2)
        self._log.error(f"{record.child}.crashed", causes=causes, restart_in=wait)

    def _stalled(self, record: records.Stalled) -> None:
        self._log.error("ingest.stalled", stages=list(record.stages))

    def _reloaded(self, record: records.Reloaded) -> None:
        say = self._log.error if record.errors else self._log.info
        told = {"keys": record.keys, "shadowed": record.shadowed, "errors": record.errors}
        said = {name: list(each) for name, each in told.items() if each}
        say(f"reload.{record.outcome}", **said, **_by(record.uid))

    def _lifecycle(self, record: records.Lifecycle) -> None:
        self._was_at_head = False
        self._folding.settle(ending=record.event == "stopped")
        self._log.info(f"scand.{record.event}", **record.details)


_TRICKLE = 1000
"""Pages up to this size do not make the next arrival at the head news."""

OUTAGE = 60.0
"""Seconds of failures after which it is news that the feed answers again."""

_MAX_ODDITIES = 10_000
"""Kinds remembered: a feed that invents kinds for ever must not fill the memory."""


def fan_out(*observers: Observer) -> Observer:
    """One observer that tells several."""

    def tell(record: records.Record) -> None:
        for observer in observers:
            observer(record)

    return tell


def _by(uid: int | None) -> dict[str, int]:
    """Which operator it was, if it is known."""
    return {} if uid is None else {"uid": uid}
