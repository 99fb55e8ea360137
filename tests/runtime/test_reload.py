# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""The reload matrix: what changes while the daemon runs, in simulated time, and what does not."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from scand.config import AtStart, Config, Feed, marks
from scand.core.instant import instant_at
from scand.feed.http import open_client
from scand.live import Live
from scand.ports import PageResult, Receipt
from scand.records import (
    BreakerChanged,
    Committed,
    EventsRejected,
    FeedBetrayed,
    FetchFailed,
    Lifecycle,
    PageFetched,
    Pruned,
)
from scand.runtime.components import live_feed
from scand.runtime.daemon import run_tree
from scand.runtime.parts import Parts, build_chores
from scand.store.opening import Identity, prepare
from tests.hostile.carrier import RawCarrier, answer
from tests.store.pages import rows
from tests.support.parts import NOON, URL, Recorder, SimulatedClock, settings
from tests.support.scans import scan
from tests.support.sync_store import SyncStore, open_sync_store


def event(number: int, at: float = NOON, **fields: Any) -> bytes:
    return json.dumps(scan(number, CreatedDateTimeUtc=instant_at(at), **fields)).encode()


class Carrier(RawCarrier):
    """Remembers when it was asked, and with what credential."""

    def __init__(self, *events: bytes) -> None:
        super().__init__(dict(enumerate(events, 1)))
        self.when: list[float] = []
        self.tokens: list[str | None] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.when.append(trio.current_time())
        self.tokens.append(request.headers.get("authorization"))
        return await super().handle_async_request(request)


class Daemon:
    """A tree under way, whose configuration can be changed as a reload does."""

    def __init__(self, parts: Parts, store: SyncStore, recorder: Recorder) -> None:
        self.parts, self.store, self.recorder = parts, store, recorder

    def change(self, **sections: dict[str, Any]) -> None:
        """Put a configuration in force that differs in these settings."""
        now = self.parts.settings.now
        update: dict[str, Any] = {}
        for name, given in sections.items():
            section = getattr(now, name)
            said = section.model_dump(mode="json", by_alias=True, exclude_none=True)
            update[name] = type(section).model_validate(_merged(said, given))
        self.parts.settings.exchange(now.model_copy(update=update))

    def count(self, kind: type[Any]) -> int:
        return len(self.recorder.of(kind))

    @property
    def waits(self) -> list[float]:
        """How long was waited after each failed request."""
        return [failed.wait for failed in self.recorder.of(FetchFailed)]


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    deeper = {
        name: _merged(old[name], given) for name, given in new.items() if isinstance(given, dict)
    }
    return old | new | deeper


@asynccontextmanager
async def running(
    path: Path,
    carrier: httpx.AsyncBaseTransport,
    wrap: Callable[[SyncStore], Any] = lambda store: store,
    **sections: dict[str, Any],
) -> AsyncIterator[Daemon]:
    """The whole tree over a carrier, for as long as the block runs."""
    config, clock, recorder = settings(path, **sections), SimulatedClock(), Recorder()
    feed: Feed = config.feed
    prepare(path, Identity(feed.name, feed.id_kind, feed.order, URL))
    live: Live[Config] = Live(config)
    with open_sync_store(path, feed.order, clock) as store:
        async with open_client(transport=carrier) as client, trio.open_nursery() as nursery:
            with live_feed(client, live, recorder) as http, live.view(_chores(store)) as chores:
                parts = Parts(live, http, wrap(store), clock, recorder, chores=chores)
                nursery.start_soon(run_tree, parts)
                yield Daemon(parts, store, recorder)
                nursery.cancel_scope.cancel()


def _chores(store: SyncStore) -> Any:
    return partial(build_chores, store)


# --- each key, and what it changes ---------------------------------------------------


async def poll_interval(path: Path) -> None:
    """A wait that is under way becomes as short as is now wanted."""
    carrier = Carrier(event(1))
    async with running(path, carrier, feed={"poll_interval": "1h"}) as daemon:
        await trio.sleep(100.0)
        before = len(carrier.asked)
        daemon.change(feed={"poll_interval": "2s"})
        await trio.sleep(19.0)
        often = len(carrier.asked)
        assert often - before >= 10
        daemon.change(feed={"poll_interval": "1h"})
        await trio.sleep(100.0)
        assert len(carrier.asked) - often <= 2


async def limit(path: Path) -> None:
    """The next question asks for as many as is now wanted, more or fewer."""
    carrier = Carrier(event(1))
    async with running(path, carrier, feed={"limit": 100}) as daemon:
        for wanted in (100, 500, 7):
            daemon.change(feed={"limit": wanted})
            await trio.sleep(5.0)
            assert carrier.asked[-1][1] == wanted


async def timeout(path: Path) -> None:
    """The next request is given up sooner; the one under way has the time it was begun with."""

    class Hanging(Carrier):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await super().handle_async_request(request)
            await trio.sleep_forever()
            raise AssertionError

    async with running(path, Hanging(), feed={"timeout": "30s"}) as daemon:
        await trio.sleep(20.0)
        daemon.change(feed={"timeout": "3s"})
        await trio.sleep(100.0)
        said = [failed.reason for failed in daemon.recorder.of(FetchFailed)]
    assert said[:2] == ["no complete answer within 30 s", "no complete answer within 3 s"]


async def max_body(path: Path) -> None:
    """A page that was too large for the settings before is read."""
    carrier = Carrier(event(1, StatusCode="x" * 5000))
    async with running(path, carrier, feed={"max_body": "2KiB", "limit": 1}) as daemon:
        await trio.sleep(10.0)
        assert not daemon.count(PageFetched)
        daemon.change(feed={"max_body": "1MiB"})
        await trio.sleep(200.0)
        assert daemon.recorder.of(PageFetched)[0].events == 1


async def token_file(path: Path) -> None:
    """The next request carries the token of the other file."""
    files = [path.with_name(name) for name in ("one", "two")]
    for file in files:
        file.write_text(f"secret-{file.name}")
    carrier = Carrier(event(1))
    async with running(path, carrier, feed={"token_file": str(files[0])}) as daemon:
        await trio.sleep(3.0)
        daemon.change(feed={"token_file": str(files[1])})
        await trio.sleep(3.0)
    tokens = list(dict.fromkeys(carrier.tokens))
    assert tokens == ["Bearer secret-one", "Bearer secret-two"]


async def late_window(path: Path) -> None:
    """A gap is given up when the window has passed that is now wanted."""
    carrier = Carrier(event(1), event(3, NOON + 1.0))
    async with running(path, carrier, feed={"late_window": "2h"}) as daemon:
        await trio.sleep(3600.0)
        assert sum(each.gaps_given_up for each in daemon.recorder.of(Committed)) == 0
        daemon.change(feed={"late_window": "1m"})
        await trio.sleep(3600.0)
        assert sum(each.gaps_given_up for each in daemon.recorder.of(Committed)) == 1


async def max_id_jump(path: Path) -> None:
    """An id is followed that was too far away."""
    carrier = Carrier(event(1))
    carrier.elements[1000] = event(1000)
    async with running(path, carrier, feed={"max_id_jump": 100}) as daemon:
        await trio.sleep(20.0)
        assert daemon.recorder.of(PageFetched)[-1].cursor == 1
        daemon.change(feed={"max_id_jump": 10_000})
        await trio.sleep(20.0)
        assert daemon.recorder.of(PageFetched)[-1].cursor == 1000


async def max_future(path: Path) -> None:
    """An event is applied whose date was too far in the future."""
    carrier = Carrier(event(1, NOON + 2 * 86400))
    feed = {"order": "created_at", "max_future": "1d"}
    async with running(path, carrier, feed=feed) as daemon:
        await trio.sleep(5.0)
        assert daemon.recorder.of(EventsRejected)[0].reasons == {"far_future": 1}
        daemon.change(feed={"max_future": "3d"})
        carrier.elements[2] = event(2, NOON + 2 * 86400)
        await trio.sleep(5.0)
        assert daemon.recorder.of(Committed)[-1].applied == 1


async def on_reset(path: Path) -> None:
    """A feed that halts goes on at once."""
    carrier = Carrier(*(event(number) for number in range(1, 21)))
    feed = {"on_reset": "halt", "retry": {"refused_pause": "1h"}}
    async with running(path, carrier, feed=feed) as daemon:
        await trio.sleep(10.0)
        carrier.elements = {number: event(number, PickedUp=1) for number in range(1, 6)}
        await trio.sleep(4 * 3600.0)
        assert daemon.recorder.of(FeedBetrayed)[-1].policy == "halt"
        daemon.change(feed={"on_reset": "continue", "retry": {"refused_pause": "1s"}})
        await trio.sleep(60.0)
        assert daemon.recorder.of(FeedBetrayed)[-1].policy == "continue"
        assert daemon.recorder.of(PageFetched)[-1].cursor == 5


async def on_retention_gap(path: Path) -> None:
    """The same where events are gone."""
    carrier = Carrier(*(event(number) for number in range(1, 21)))
    feed = {"on_retention_gap": "halt", "retry": {"refused_pause": "1s"}}
    async with running(path, carrier, feed=feed) as daemon:
        await trio.sleep(10.0)
        carrier.elements = {number: event(number) for number in range(500, 520)}
        await trio.sleep(60.0)
        assert daemon.recorder.of(FeedBetrayed)[-1].policy == "halt"
        daemon.change(feed={"on_retention_gap": "continue"})
        await trio.sleep(60.0)
        assert daemon.recorder.of(PageFetched)[-1].cursor == 519


async def on_poison(path: Path) -> None:
    """An event that breaks its pages is set aside, where the feed has halted."""
    carrier = Carrier(event(1), b'{"EventId":2,"Type":"', event(3))
    async with running(path, carrier, feed={"on_poison": "halt"}) as daemon:
        await trio.sleep(300.0)
        assert daemon.recorder.of(FeedBetrayed)[-1].policy == "halt"
        daemon.change(feed={"on_poison": "isolate"})
        await trio.sleep(300.0)
        assert daemon.recorder.of(EventsRejected)[-1].reasons == {"unreadable": 1}
        assert daemon.recorder.of(PageFetched)[-1].cursor == 3


async def catch_up_concurrency(path: Path) -> None:
    """As many windows are allowed; the feed is followed on."""
    carrier = Carrier(event(1))
    async with running(path, carrier) as daemon:
        await trio.sleep(5.0)
        daemon.change(feed={"catch_up_concurrency": 4})
        carrier.elements[2] = event(2)
        await trio.sleep(5.0)
        assert daemon.recorder.of(PageFetched)[-1].cursor == 2


def failing() -> Carrier:
    carrier = Carrier()
    carrier.always = lambda *_: answer(b"{}", 500)
    return carrier


async def failures(path: Path) -> None:
    """Fewer failures open the circuit."""
    async with running(path, failing(), feed={"breaker": {"failures": 1000}}) as daemon:
        await trio.sleep(60.0)
        assert not daemon.count(BreakerChanged)
        daemon.change(feed={"breaker": {"failures": 2}})
        await trio.sleep(200.0)
        assert daemon.recorder.of(BreakerChanged)[0].new == "open"


async def reset_after(path: Path) -> None:
    """A circuit that is open is probed sooner."""
    breaker = {"failures": 1, "reset_after": "1d"}
    async with running(path, carrier := failing(), feed={"breaker": breaker}) as daemon:
        await trio.sleep(600.0)
        assert len(carrier.asked) == 1
        daemon.change(feed={"breaker": {"reset_after": "5s"}})
        await trio.sleep(100.0)
        assert len(carrier.asked) > 1


async def base(path: Path) -> None:
    """The next wait is drawn from a shorter range."""
    await _shorter_waits(path, base="1ms")


async def cap(path: Path) -> None:
    """The same, of the longest range."""
    await _shorter_waits(path, cap="1ms")


async def _shorter_waits(path: Path, **retry: str) -> None:
    feed = {"breaker": {"failures": 1000}, "retry": {"base": "5m", "cap": "5m"}}
    async with running(path, failing(), feed=feed) as daemon:
        await trio.sleep(1.0)
        before = len(daemon.waits)
        daemon.change(feed={"retry": retry})
        await trio.sleep(300.0)
        assert daemon.waits[before:]
        assert max(daemon.waits[before : before + 3]) <= 0.001 * 2**5


async def retry_after_cap(path: Path) -> None:
    """The carrier may ask for a longer wait."""
    carrier = Carrier()
    carrier.always = lambda *_: answer(b"{}", 429, retry_after="500")
    async with running(path, carrier, feed={"retry": {"retry_after_cap": "10s"}}) as daemon:
        await trio.sleep(15.0)
        daemon.change(feed={"retry": {"retry_after_cap": "20s"}})
        await trio.sleep(100.0)
    assert daemon.waits[:3] == [10.0, 10.0, 20.0]
    assert carrier.when[2] == pytest.approx(20.0, abs=1.0)  # as it was told, then


async def refused_pause(path: Path) -> None:
    """A refusal is asked again at once: its cause may be mended; then as often as is wanted."""
    carrier = Carrier()
    carrier.always = lambda *_: answer(b"{}", 401)
    async with running(path, carrier, feed={"retry": {"refused_pause": "1h"}}) as daemon:
        await trio.sleep(100.0)
        daemon.change(feed={"retry": {"refused_pause": "5s"}})
        await trio.sleep(12.0)
    assert daemon.waits == [3600.0, 5.0, 5.0, 5.0]


ENDPOINT = {"endpoint": "http://127.0.0.1:9/v1/traces"}


async def events_per_second(path: Path) -> None:
    """More events have a trace from now on."""

    def traced() -> int:
        ((count,),) = rows(path, "SELECT count(*) FROM journal WHERE trace_id IS NOT NULL")
        return int(count)

    carrier = Carrier(*(event(number) for number in range(1, 101)))
    traces = ENDPOINT | {"events_per_second": 1}
    async with running(path, carrier, traces=traces) as daemon:
        await trio.sleep(1.0)
        few = traced()
        assert few < 10
        daemon.change(traces={"events_per_second": "all"})
        carrier.elements |= {number: event(number) for number in range(101, 201)}
        await trio.sleep(10.0)
        assert traced() == few + 100


async def view_url(path: Path) -> None:
    """Nobody but the commands looks at it, each time anew."""
    async with running(path, Carrier(event(1))) as daemon:
        daemon.change(traces={"view_url": "http://127.0.0.1:16686/trace/{trace_id}"})
        await trio.sleep(1.0)
        assert daemon.parts.settings.now.traces.view("7") == "http://127.0.0.1:16686/trace/7"


async def flush_timeout(path: Path) -> None:
    """What is left of a stop for the traces is as long as is wanted by then."""
    traces, supervisor = ENDPOINT | {"flush_timeout": "1s"}, {"drain_timeout": "30s"}
    async with running(
        path, Carrier(event(1)), Stuck, traces=traces, supervisor=supervisor
    ) as daemon:
        await trio.sleep(10.0)
        daemon.change(traces={"flush_timeout": "20s"})
        assert await seconds_to_stop(daemon) == pytest.approx(10.0, abs=1.0)


async def mode(path: Path) -> None:
    """What was turned away is applied from now on."""
    await _catalogue(path, mode="open")


async def known(path: Path) -> None:
    """The same by the list."""
    await _catalogue(path, known=["WEIGHED"])


async def _catalogue(path: Path, **change: object) -> None:
    carrier = Carrier(event(1, Type="WEIGHED"))
    async with running(path, carrier, catalogue={"mode": "strict"}) as daemon:
        await trio.sleep(5.0)
        assert daemon.recorder.of(EventsRejected)[0].reasons == {"not_in_catalogue": 1}
        daemon.change(catalogue=change)
        carrier.elements[2] = event(2, Type="WEIGHED")
        await trio.sleep(5.0)
        assert daemon.recorder.of(Committed)[-1].applied == 1
        assert daemon.count(EventsRejected) == 1


async def keep_events(path: Path) -> None:
    """What is older than is now wanted is removed at once."""
    carrier = Carrier(*(event(number) for number in range(1, 51)))
    async with running(path, carrier) as daemon:
        await trio.sleep(2 * 3600.0)
        assert not daemon.count(Pruned)
        daemon.change(store={"keep_events": "1h"})
        await trio.sleep(60.0)
        assert [pruned.what for pruned in daemon.recorder.of(Pruned)] == ["events"]


async def keep_dead_letters(path: Path) -> None:
    """The same with letters."""
    async with running(path, Carrier(event(1, Type=""))) as daemon:
        await trio.sleep(10.0)
        await daemon.store.discard_letters([1])
        await trio.sleep(2 * 3600.0)
        daemon.change(store={"keep_dead_letters": "1h"})
        await trio.sleep(60.0)
        assert daemon.recorder.of(Pruned) == [Pruned("dead_letters", 1)]


class Stuck:
    """A store that never commits."""

    def __init__(self, store: SyncStore) -> None:
        self.begin = store.begin

    async def commit(self, _: list[PageResult]) -> Receipt:
        await trio.sleep_forever()
        raise AssertionError


async def drain_timeout(path: Path) -> None:
    """A stop takes as long as is wanted by then."""
    supervisor = {"drain_timeout": "1h"}
    async with running(path, Carrier(event(1)), Stuck, supervisor=supervisor) as daemon:
        await trio.sleep(10.0)
        daemon.change(supervisor={"drain_timeout": "7s"})
        assert await seconds_to_stop(daemon) == pytest.approx(7.0, abs=1.0)


async def seconds_to_stop(daemon: Daemon) -> float:
    """How long it takes."""
    daemon.parts.stopping.set()
    began = trio.current_time()
    while not any(each.event == "stopped" for each in daemon.recorder.of(Lifecycle)):  # noqa: ASYNC110
        await trio.sleep(0.5)
    return trio.current_time() - began


CASES: dict[str, Callable[[Path], Awaitable[None]]] = {
    **{
        f"feed.{case.__name__}": case
        for case in (
            *(poll_interval, limit, timeout, max_body, token_file, late_window, max_id_jump),
            *(max_future, on_reset, on_retention_gap, on_poison, catch_up_concurrency),
        )
    },
    **{f"feed.breaker.{case.__name__}": case for case in (failures, reset_after)},
    **{f"feed.retry.{c.__name__}": c for c in (base, cap, retry_after_cap, refused_pause)},
    **{f"catalogue.{case.__name__}": case for case in (mode, known)},
    **{f"store.{case.__name__}": case for case in (keep_events, keep_dead_letters)},
    "supervisor.drain_timeout": drain_timeout,
    **{f"traces.{c.__name__}": c for c in (events_per_second, view_url, flush_timeout)},
}

OF_THE_PROCESS = {"logs.level", "logs.format", "traces.endpoint", "traces.headers_file"}
"""Shown with real processes, in `tests/e2e/test_reload.py`."""


@pytest.mark.parametrize("key", CASES)
async def test_a_live_key(autojump_clock: MockClock, tmp_path: Path, key: str) -> None:
    """What the key is for changes while the tree runs, and ingest is not restarted for it."""
    with trio.fail_after(100_000.0):
        await CASES[key](tmp_path / "s.db")


def test_every_live_key_is_shown() -> None:
    """Who declares a setting live shows it."""
    live = {key for key, mark in marks() if not isinstance(mark, AtStart)}
    assert live == CASES.keys() | OF_THE_PROCESS


async def test_a_change_restarts_nothing(autojump_clock: MockClock, tmp_path: Path) -> None:
    """A hundred changes during a catch-up: one generation, and every id is asked for once."""
    carrier = Carrier(*(event(number) for number in range(1, 2001)))
    feed = {"limit": 10, "poll_interval": "1h"}
    async with running(tmp_path / "s.db", carrier, feed=feed) as daemon:
        for turn in range(100):
            await trio.lowlevel.checkpoint()
            daemon.change(feed={"timeout": f"{turn + 10}s", "late_window": f"{turn + 5}m"})
        await trio.sleep(60.0)
        following = [each for each in daemon.recorder.of(Lifecycle) if each.event == "following"]
        assert len(following) == 1
        assert sum(each.applied for each in daemon.recorder.of(Committed)) == 2000
    first = [from_id for from_id, _ in carrier.asked]
    assert len(set(first)) == len(first)
