"""The parts of ingest, as the configuration wants them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import Any, NamedTuple, cast

import httpx

from scand.actors.continuity import Policies, Policy
from scand.config import Config, Feed
from scand.core.continuity import Finding
from scand.core.course import Course, Position
from scand.core.coverage import Coverage
from scand.core.decode import Decoder
from scand.core.judge import Judge
from scand.core.opaque import BEGINNING, OpaqueCourse
from scand.core.pulse import Pulse
from scand.core.review import Review, review
from scand.core.traces import Sampler
from scand.feed.breaker import Breaker
from scand.feed.http import HttpFeed
from scand.feed.pacing import Backoff
from scand.feed.reader import PageReader
from scand.live import Live
from scand.ports import Checkpoint, Observer
from scand.ports import Feed as Carrier
from scand.records import BreakerChanged, Lifecycle
from scand.store.opening import Identity, Prepared


def build_reader(
    config: Config, feed: Carrier, observer: Observer, rng: Random, pulse: Pulse
) -> PageReader:
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
        build_decoder(config),
        retry_after_cap=retry.retry_after_cap,
        refused_pause=retry.refused_pause,
        timeout=config.feed.timeout,
        pulse=pulse,
    )


@contextmanager
def live_feed(
    client: httpx.AsyncClient, settings: Live[Config], observer: Observer
) -> Iterator[HttpFeed]:
    """The carrier's API, asked as is configured at the time, while the block runs."""

    def terms(config: Config) -> dict[str, Any]:
        feed = config.feed
        return {name: getattr(feed, name) for name in ("timeout", "max_body", "token_file")}

    url = settings.now.feed.url
    feed = HttpFeed(client=client, url=url, observer=observer, **terms(settings.now))
    with settings.telling(lambda config: feed.reconfigure(**terms(config))):
        yield feed


def retune(reader: PageReader, patience: Backoff, config: Config) -> None:
    """Have the way in go by other settings."""
    breaker, retry = config.feed.breaker, config.feed.retry
    patience.reconfigure(retry.base, retry.cap)
    reader.backoff.reconfigure(retry.base, retry.cap)
    reader.breaker.reconfigure(breaker.failures, breaker.reset_after)
    reader.reconfigure(
        retry_after_cap=retry.retry_after_cap,
        refused_pause=retry.refused_pause,
        timeout=config.feed.timeout,
    )


def build_identity(config: Config) -> Identity:
    """Whose feed a store holds that is written with this configuration."""
    feed = config.feed
    return Identity(feed.name, feed.id_kind, feed.order, feed.url, feed.fields.build().changes())


def build_decoder(config: Config) -> Decoder:
    """What reads the carrier's pages."""
    return Decoder(config.feed.fields.build(), config.feed.id_kind)


def build_judge(config: Config) -> Judge:
    """The rules that the configuration sets for events."""
    feed, fields = config.feed, config.feed.fields
    catalogue, future_is_fatal = config.catalogue.build(fields.run_id), feed.order == "created_at"
    return Judge(catalogue, feed.max_future, future_is_fatal, fields.created_at)


def build_review(config: Config) -> Review:
    """The same rules for events that are looked at again."""
    return partial(review, build_decoder(config), build_judge(config))


class Sampling(NamedTuple):
    """How many events are traced: `rate` a second, None for all, in bursts of so many seconds."""

    rate: float | None
    burst: float


def build_sampling(config: Config) -> Sampling | None:
    """Who is traced; None where traces are off. What two polls bring may come at once."""
    if not config.traces.endpoint:
        return None
    rate = config.traces.events_per_second
    return Sampling(None if rate == "all" else rate, max(1.0, 2 * config.feed.poll_interval))


def build_policies(config: Config) -> Policies:
    """What to do about a feed that is not what it was."""
    feed = config.feed
    by_finding: dict[Finding, Policy] = {
        Finding.RESET: feed.on_reset,
        Finding.RETENTION_GAP: feed.on_retention_gap,
    }
    return Policies(by_finding, feed.poll_interval, feed.retry.refused_pause, feed.on_poison)


def build_coverage(config: Config, checkpoint: Checkpoint, began: float, now: float) -> Course[Any]:
    """Where to go on from `now`, in a process that `began` then (seconds since 1970)."""
    if config.feed.id_kind == "opaque":
        return _opaque_course(config.feed, checkpoint)
    return _coverage(config.feed, checkpoint, began, now)


@contextmanager
def rules(
    settings: Live[Config], coverage: Course[Any], salt: bytes
) -> Iterator[tuple[Live[Policies], Live[Judge], Live[Sampler | None]]]:
    """What a generation goes by; the coverage is adjusted as well, while the block runs."""

    def adjust(config: Config) -> None:
        feed = config.feed
        coverage.adjust(feed.limit, feed.late_window, feed.max_id_jump)

    with (
        settings.telling(adjust),
        settings.view(build_policies) as policies,
        settings.view(build_judge) as judge,
        settings.view(build_sampling) as sampling,
        sampling.view(lambda wanted: wanted and Sampler(salt, *wanted)) as sampler,
    ):
        yield policies, judge, sampler


def _opaque_course(feed: Feed, checkpoint: Checkpoint) -> OpaqueCourse:
    first = BEGINNING if feed.start_from == 1 else str(feed.start_from)
    known = cast("Position[str] | None", checkpoint.position)  # the store's identity sees to it
    start = Position(first, anchored=bool(first))
    return OpaqueCourse(known or start, limit=feed.limit, answered=known is not None)


def _coverage(feed: Feed, checkpoint: Checkpoint, began: float, now: float) -> Coverage:
    first = feed.start_from if isinstance(feed.start_from, int) else 1
    known_position = cast("Position[int] | None", checkpoint.position)  # as above
    position = known_position or Position(first - 1, anchored=False)
    newest = [cast("int", event.event_id) for event in checkpoint.newest]
    limit = position.cursor - position.anchored
    known = {"auto": None, "inclusive": True, "exclusive": False}
    return Coverage(
        position,
        checkpoint.gaps,
        limit=feed.limit,
        late_window=feed.late_window,
        max_id_jump=feed.max_id_jump,
        inclusive=known[feed.from_id],
        answered=checkpoint.position is not None,
        before=max((each for each in newest if each <= limit), default=0),
        began=began,
        now=now,
    )


def told_of(prepared: Prepared, config: Config) -> Iterator[Lifecycle]:
    """What is to be told of a store that was made ready."""
    if (migrated := prepared.migrated) is not None:
        backup = {} if migrated.backup is None else {"backup": str(migrated.backup)}
        yield Lifecycle("store_migrated", {"was": migrated.was, "now": migrated.now, **backup})
    if prepared.former_url is not None:
        yield Lifecycle("feed_moved", {"was": prepared.former_url, "now": config.feed.url})


def following(coverage: Course[Any], checkpoint: Checkpoint) -> Lifecycle:
    """What is to be told of a generation that begins."""
    details = {"cursor": coverage.cursor, "gaps": len(coverage.ledger)}
    if checkpoint.attempts > 1:
        details["attempt_here"] = checkpoint.attempts
    return Lifecycle("following", details)
