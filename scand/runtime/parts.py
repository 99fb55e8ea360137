"""What the daemon's tree is built from, and the real ones: feed, store, admin server."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from math import inf

import trio

from scand.actors.housekeeper import Chore
from scand.config import Config
from scand.feed.http import open_client
from scand.live import Live
from scand.ports import Clock, Feed, Observer, Store
from scand.runtime.changes import build_changes, build_reloads
from scand.runtime.channels import Channels
from scand.runtime.components import build_identity, build_review, live_feed, told_of
from scand.runtime.doors import Service, build_admin, build_views
from scand.runtime.generations import Generations
from scand.runtime.heartbeat import Heartbeat
from scand.runtime.notify import Notifier
from scand.runtime.reloading import Reloader
from scand.runtime.starting import Start, at_once
from scand.runtime.systemd import Ending, stand_by, tell_reload
from scand.runtime.watchdog import Vitals
from scand.store.figures import Figures, read_figures
from scand.store.lock import instance_lock
from scand.store.opening import prepare
from scand.store.sqlite import SqliteStore, open_store
from scand.telemetry.exposition import Exposition
from scand.telemetry.logs import fan_out
from scand.telemetry.metrics import MetricsObserver
from scand.telemetry.status import StatusBoard
from scand.telemetry.tracing import open_traces


@dataclass(frozen=True)
class Parts:
    """What the tree is built from; a simulation brings its own feed, store and clock."""

    settings: Live[Config]
    feed: Feed
    store: Store
    clock: Clock
    observer: Observer
    admin: Mapping[str, Service] = field(default_factory=dict)
    chores: Live[Sequence[Chore]] | None = None
    until_caught_up: bool = False
    stopping: trio.Event = field(default_factory=trio.Event)
    generations: Generations = field(default_factory=Generations)
    channels: Channels = field(default_factory=Channels)
    vitals: Vitals = field(default_factory=Vitals)

    def drain_timeout(self) -> float:
        """Seconds that a stop may take to commit, as configured by then."""
        return self.settings.now.drain_timeout


@asynccontextmanager
async def open_parts(
    settings: Live[Config],
    clock: Clock,
    observer: Observer,
    stopping: trio.Event,
    systemd: Notifier | None = None,
    reloader: Reloader | None = None,
    start: Start = at_once,
) -> AsyncIterator[Parts]:
    """The real feed, store and admin server, as configured; `systemd` is told how it goes."""
    config, systemd = settings.now, systemd or Notifier()
    path, board, metrics = config.store.path, StatusBoard(clock), MetricsObserver(clock)
    generations, channels, heartbeat = Generations(), Channels(), Heartbeat()
    vitals, reloads = Vitals(), partial(tell_reload, systemd, board.line)
    ending = Ending(stopping, lambda: settings.now.supervisor.drain_timeout)

    def figures() -> Figures:
        return read_figures(path, settings.now.feed.late_window)

    with instance_lock(path):
        make_ready = partial(prepare, path, build_identity(config))
        for record in told_of(await start(make_ready), config):
            observer(record)
        async with (
            open_traces(settings, clock, fan_out(board, metrics, observer, reloads)) as tracing,
            open_store(path, config.feed.order) as store,
            open_client() as client,
        ):
            told = tracing.observer
            sources = (board, channels.levels, figures, tracing.counts)
            exposition = Exposition(metrics.registry, *sources)
            views = build_views(settings, board, heartbeat, exposition)
            with (
                live_feed(client, settings, told) as feed,
                settings.view(partial(build_chores, store)) as chores,
                settings.view(build_review) as review,
            ):
                changes = build_changes(config, store, generations, review, told)
                services: dict[str, Service] = {
                    "heartbeat": heartbeat.beat,
                    "traces": partial(tracing.follow, settings),
                    "systemd": partial(stand_by, systemd, board.line, vitals, ending, told),
                }
                if reloader is not None:
                    changes |= build_reloads(reloader, told)
                    services["reload"] = partial(reloader.serve, told)
                yield Parts(
                    settings,
                    feed,
                    store,
                    clock,
                    told,
                    {**build_admin(config, views, changes), **services},
                    chores,
                    stopping=stopping,
                    generations=generations,
                    channels=channels,
                    vitals=vitals,
                )


def build_chores(store: SqliteStore, config: Config) -> Sequence[Chore]:
    """What is removed when it is old."""
    chores = [
        Chore("dead_letters", config.store.keep_dead_letters, store.prune_dead_letters),
        Chore("events", config.store.keep_events, store.prune_events),
    ]
    return [chore for chore in chores if chore.keep < inf]
