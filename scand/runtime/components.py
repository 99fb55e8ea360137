"""The parts of ingest, as the configuration wants them."""

from functools import partial
from random import Random

from scand.actors.continuity import Policies, Policy
from scand.config import Config
from scand.core.continuity import Finding
from scand.core.coverage import Coverage, Position
from scand.core.judge import Judge
from scand.core.review import Review, review
from scand.feed.breaker import Breaker
from scand.feed.pacing import Backoff
from scand.feed.reader import PageReader
from scand.ports import Checkpoint, Feed, Observer
from scand.records import BreakerChanged, Lifecycle


def build_reader(config: Config, feed: Feed, observer: Observer, rng: Random) -> PageReader:
    """The feed behind its breaker and back-off."""
    settings, retry = config.feed.breaker, config.feed.retry

    def announce(old: str, new: str) -> None:
        observer(BreakerChanged(old, new, breaker.reopens_in()))

    breaker = Breaker(settings.failures, settings.reset_after, announce)
    return PageReader(
        feed,
        breaker,
        Backoff(retry.base, retry.cap, rng),
        observer,
        retry_after_cap=retry.retry_after_cap,
        refused_pause=retry.refused_pause,
    )


def build_judge(config: Config) -> Judge:
    """The rules that the configuration sets for events."""
    future_is_fatal = config.feed.order == "created_at"
    return Judge(config.catalogue.build(), config.feed.max_future, future_is_fatal)


def build_review(config: Config) -> Review:
    """The same rules for events that are looked at again."""
    return partial(review, build_judge(config))


def build_policies(config: Config) -> Policies:
    """What to do about a feed that is not what it was."""
    feed = config.feed
    by_finding: dict[Finding, Policy] = {
        Finding.RESET: feed.on_reset,
        Finding.RETENTION_GAP: feed.on_retention_gap,
    }
    return Policies(by_finding, feed.poll_interval, feed.retry.refused_pause, feed.on_poison)


def build_coverage(config: Config, checkpoint: Checkpoint, began: float, now: float) -> Coverage:
    """Where to go on from `now`, in a process that `began` then (seconds since 1970)."""
    feed = config.feed
    first = feed.start_from if isinstance(feed.start_from, int) else 1
    position = checkpoint.position or Position(first - 1, anchored=False)
    limit = position.cursor - position.anchored
    below = [event.event_id for event in checkpoint.newest if event.event_id <= limit]
    known = {"auto": None, "inclusive": True, "exclusive": False}
    return Coverage(
        position,
        checkpoint.gaps,
        limit=feed.limit,
        late_window=feed.late_window,
        max_id_jump=feed.max_id_jump,
        inclusive=known[feed.from_id],
        answered=checkpoint.position is not None,
        before=max(below, default=0),
        began=began,
        now=now,
    )


def following(coverage: Coverage, checkpoint: Checkpoint) -> Lifecycle:
    """What is to be told of a generation that begins."""
    details = {"cursor": coverage.cursor, "gaps": len(coverage.ledger)}
    if checkpoint.attempts > 1:
        details["attempt_here"] = checkpoint.attempts
    return Lifecycle("following", details)
