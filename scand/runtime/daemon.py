"""The daemon, wired: who runs, in which nursery, and which channel joins whom.

    signals: SIGTERM, SIGINT -> stopping; SIGHUP -> reload
    root
    ├── drain deadline                stopping -> the end, at the latest
    ├── admin server, housekeeper, heartbeat, reload, what systemd is told
    │     (supervised, one_for_one: they never touch ingest)
    └── ingest (supervised, one_for_all)
        ├── fetcher ──pages──> router ──slices──> processor[shard] ──results──> writer
        └── stopping -> the fetcher ends; each stage ends when the one before it has

A generation of ingest starts from the durable position, with fresh channels. Settings are `Live`:
a reload exchanges them between two steps of whoever goes by them, and restarts nobody.
"""

import gc
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from random import Random

import trio

from scand.actors.committer import CAREFUL_EVERY, Committer
from scand.actors.fetcher import fetch
from scand.actors.housekeeper import keep_house
from scand.actors.messages import Folded, Page, Slice
from scand.actors.patience import PatientStore
from scand.actors.processor import process, route
from scand.actors.writer import write
from scand.config import Config, Loaded
from scand.core.errors import FeedHaltedError
from scand.core.parcel import ORDERS
from scand.core.restarts import RestartIntensity
from scand.feed.pacing import Backoff
from scand.feed.reader import PageReader
from scand.live import Live
from scand.ports import Clock, Observer
from scand.records import Lifecycle
from scand.runtime.clock import SteadyClock
from scand.runtime.components import build_coverage, build_reader, following, retune, rules
from scand.runtime.doors import Service
from scand.runtime.groups import ungrouped
from scand.runtime.notify import Notifier
from scand.runtime.parts import Parts, open_parts
from scand.runtime.reloading import Reloader
from scand.runtime.signals import watch_signals
from scand.runtime.starting import PatientStart
from scand.runtime.stopping import limit_drain, until_set
from scand.runtime.supervisor import Child, supervise

# What can wait between the actors, at `limit` events a page. A page is in one place at a time: the
# fetcher's hands (1), the channel to the router (PAGES), the router's hands (1), a shard's channel
# (SLICES) or its hands (1), the channel to the writer (RESULTS), the writer's frontier. Every shard
# gets a slice of every page, so none is further than SLICES + 1 pages ahead of another, which is
# what the frontier holds at most, beside a batch that is being committed (RESULTS + 1) while the
# same again fills behind it. In all 1 + PAGES + 1 + 2 x (SLICES + 2) + 2 x (RESULTS + 1) = 78
# pages, each of at most `max_body` as served, and usually of 25 KB per 100 events. Most of them may
# wait for the writer: the more a commit takes, the fewer times a parcel is written.
PAGES = 2
SLICES = 2
RESULTS_PER_SHARD = 32

# Pages make many objects and no cycles: looking for cycles as often as Python's default (700, 10,
# 10) costs a tenth of the throughput of a catch-up.
GC_THRESHOLD = (50_000, 20, 50)

SERVICE_BACKOFF = (5.0, 600.0)
"""Base and cap in seconds: an address in use seldom becomes free by itself."""

STORE_BACKOFF = (0.5, 10.0)
"""The same for a store that is blocked: a disk is cheap to ask, and may be free at any time."""


async def run_daemon(
    loaded: Loaded,
    clock: Clock,
    observer: Observer,
    *,
    until_caught_up: bool = False,
    retune_logs: Callable[[Config], None] = lambda _: None,
) -> None:
    """Follow the feed until a signal says to stop. Raises OperatorError, IngestFailedError."""
    gc.freeze()  # what was imported stays
    gc.set_threshold(*GC_THRESHOLD)
    stopping, settings = trio.Event(), Live(loaded.config)
    reloader = Reloader(loaded, settings)
    with ungrouped(), settings.telling(retune_logs):
        async with trio.open_nursery() as nursery:
            await nursery.start(watch_signals, stopping, nursery.cancel_scope, reloader.ask)
            systemd = Notifier.of(os.environ)
            backoff = Backoff(*STORE_BACKOFF, Random())  # noqa: S311 - jitter
            start = PatientStart(
                systemd,
                backoff,
                observer,
                stopping,
                nursery.cancel_scope,
                f"opening {settings.now.store.path}",
            )
            told = systemd, reloader, start
            async with open_parts(settings, clock, observer, stopping, *told) as parts:
                await run_tree(replace(parts, until_caught_up=until_caught_up))
            nursery.cancel_scope.cancel()


async def run_tree(parts: Parts) -> None:
    """The supervision tree; ends when `parts.stopping` is set and all is drained.

    Raises IngestFailedError when ingest crashes too often.
    """
    config = parts.settings.now
    supervisor, retry = config.supervisor, config.feed.retry
    allowed = RestartIntensity(supervisor.intensity, supervisor.period)
    rng = Random()  # noqa: S311 - jitter
    fetcher, writer = map(parts.vitals.of, ("fetcher", "writer"))
    patient = PatientStore(parts.store, Backoff(*STORE_BACKOFF, rng), parts.observer, writer)
    parts = replace(parts, store=patient)
    reader = build_reader(config, parts.feed, parts.observer, rng, fetcher)
    generation = partial(run_ingest, parts, reader, SteadyClock(parts.clock))
    ingest = Child("ingest", partial(parts.generations.run, generation), allowed)
    patience = Backoff(retry.base, retry.cap, rng)
    drained = False
    with ungrouped(), parts.settings.telling(partial(retune, reader, patience)):
        async with trio.open_nursery() as root:
            root.start_soon(limit_drain, parts.stopping, parts.drain_timeout, root.cancel_scope)
            for name, serve in services(parts).items():
                beside = Child(name, serve, allowed=None)
                slowly = Backoff(*SERVICE_BACKOFF, rng)
                root.start_soon(supervise, beside, slowly, parts.stopping, parts.observer)
            drained = await supervise(ingest, patience, parts.stopping, parts.observer)
            root.cancel_scope.cancel()
    parts.observer(Lifecycle("stopped", {"drained": drained}))


def services(parts: Parts) -> Mapping[str, Service]:
    """What runs beside ingest, by name."""
    if parts.chores is None:
        return parts.admin
    house = partial(keep_house, parts.chores, parts.clock, parts.observer)
    return {**parts.admin, "housekeeper": house}


async def run_ingest(parts: Parts, reader: PageReader, steady: SteadyClock) -> None:
    """One generation of ingest, from the durable position on."""
    checkpoint = await parts.store.begin()
    config, clock, observer = parts.settings.now, parts.clock, parts.observer
    shards, key = config.processors.shards, ORDERS[config.feed.order]
    coverage = build_coverage(config, checkpoint, steady.began, steady.now())
    committer = Committer(parts.store, key, careful=checkpoint.attempts % CAREFUL_EVERY == 0)
    observer(following(coverage, checkpoint))

    to_router, pages = trio.open_memory_channel[Page](PAGES)
    to_writer, results = trio.open_memory_channel[Folded](RESULTS_PER_SHARD * shards)
    slices = [trio.open_memory_channel[Slice](SLICES) for _ in range(shards)]
    parts.channels.know(pages=[pages], slices=[mine for _, mine in slices], results=[results])
    halted = ""

    async def follow() -> None:
        nonlocal halted
        halted = await fetch(
            to_router,
            reader,
            coverage,
            policies,
            clock,
            steady.at,
            observer,
            newest=checkpoint.newest,
            from_head=checkpoint.position is None and config.feed.start_from == "head",
            until_caught_up=parts.until_caught_up,
        )

    dealt = {f"processor {number}": mine for number, (_, mine) in enumerate(slices)}
    with (
        parts.vitals.fed({"router": pages, **dealt, "writer": results}),
        rules(parts.settings, coverage, checkpoint.salt) as (policies, judge, sampler),
    ):
        async with trio.open_nursery() as ingest:
            ingest.start_soon(write, results, committer, shards, observer, sampler)
            for stage, mine in dealt.items():
                told = judge, key, clock, observer, parts.vitals.of(stage)
                ingest.start_soon(process, mine, to_writer.clone(), *told)
            to_writer.close()
            outlets = [shard for shard, _ in slices]
            ingest.start_soon(route, pages, outlets, parts.vitals.of("router"))
            ingest.start_soon(until_set, parts.stopping, follow)
    if halted:
        raise FeedHaltedError(
            halted, "another feed needs another store.path; else see `scand cursor`"
        )
