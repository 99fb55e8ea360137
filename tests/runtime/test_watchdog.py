# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""The watchdog of the whole tree, in simulated time: fed through every legitimate wait, or not."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from scand.core.errors import StoreBlockedError
from scand.ports import Answered, Checkpoint, Outcome, PageResult, Receipt, Request, Store
from scand.records import FeedBetrayed, Lifecycle, ReloadBegun, Reloaded, Stalled
from scand.runtime.daemon import run_tree
from scand.runtime.notify import Notifier
from scand.runtime.systemd import AFTER_DRAIN, Ending, extending, stand_by, tell_reload
from scand.runtime.watchdog import Vitals
from scand.simulator import TransportFaults
from tests.support.notified import Notified, notified
from tests.support.simulation import Simulation, Wrapped

WATCHDOG = 120.0
HOUR = 3600.0


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Notified]:
    with notified(str(tmp_path / "notify")) as taker:
        yield taker


class Heard:
    """What systemd was told at which time."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.fed: list[float] = []
        self.said: list[dict[str, str]] = []

    @property
    def hungry(self) -> float:
        """The longest time without food."""
        return max(after - before for before, after in zip(self.fed, self.fed[1:], strict=False))

    @property
    def stalled(self) -> list[list[str]]:
        return [list(record.stages) for record in self.simulation.recorder.of(Stalled)]


async def follow(
    simulation: Simulation, systemd: Notified, *, watchdog: float = WATCHDOG, **wraps: Any
) -> Heard:
    """Run the tree for an hour, as under systemd."""
    heard, vitals, began = Heard(simulation), Vitals(), trio.current_time()
    notifier = Notifier(systemd.address, watchdog)

    async def listen() -> None:
        while True:
            for told in systemd.messages():
                heard.said.append(told)
                heard.fed += [trio.current_time() - began] * ("WATCHDOG" in told)
            await trio.sleep(1.0)

    async with simulation.parts(vitals=vitals, **wraps) as parts:
        ending, observer = Ending(parts.stopping, lambda: 20.0), parts.observer
        with trio.move_on_after(HOUR):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(listen)
                nursery.start_soon(stand_by, notifier, lambda: "fine", vitals, ending, observer)
                await run_tree(parts)
    heard.fed.append(HOUR)
    return heard


def simulated(tmp_path: Path, **options: Any) -> Simulation:
    return Simulation(tmp_path / "s.db", events=400, backlog=200, rate=1.0, **options)


class Hanging:
    """A store whose `nth` commit never returns, or fails as long as the disk is full."""

    def __init__(self, real: Store, nth: int, *, blocked: bool = False) -> None:
        self._real, self._left, self._blocked = real, nth, blocked

    async def begin(self) -> Checkpoint:
        return await self._real.begin()

    async def commit(self, pages: list[PageResult]) -> Receipt:
        self._left -= 1
        if self._left > 0:
            return await self._real.commit(pages)
        if self._blocked:
            raise StoreBlockedError("no space is left", "free some")
        return await trio.sleep_forever()


# --- fed -------------------------------------------------------------------------


async def test_fed_while_events_come_and_when_none_do(
    autojump_clock: MockClock, tmp_path: Path, systemd: Notified
) -> None:
    """Progress, and an idle feed that is seldom asked, keep it fed several times in its time."""
    sections = {"feed": {"poll_interval": "20m", "late_window": "0s"}}
    heard = await follow(simulated(tmp_path, sections=sections), systemd)
    assert heard.hungry < WATCHDOG / 4
    assert not heard.stalled


@pytest.mark.parametrize(
    "trouble",
    [
        {"error": 1.0},  # back-off, an open breaker
        {"throttle": 1.0, "retry_after": 600.0},
        {"reset": 0.9},
    ],
)
async def test_fed_while_the_carrier_is_to_blame(
    autojump_clock: MockClock, tmp_path: Path, systemd: Notified, trouble: dict[str, float]
) -> None:
    """Back-off, an open breaker and a Retry-After longer than its time are excuses."""
    transport, sections = TransportFaults(**trouble), {"feed": {"breaker": {"reset_after": "10m"}}}
    simulation = simulated(tmp_path, transport=transport, sections=sections)
    heard = await follow(simulation, systemd)
    assert heard.hungry < WATCHDOG / 4
    assert not heard.stalled


async def test_fed_while_the_answer_is_late(
    autojump_clock: MockClock, tmp_path: Path, systemd: Notified
) -> None:
    """A request may take as long as `feed.timeout` says, also if that is longer than its time."""
    sections = {"feed": {"timeout": "10m"}}

    async def late(_: Request) -> None:
        await trio.sleep(500.0)

    def slow(real: Any) -> Wrapped:
        return Wrapped(real, late)

    heard = await follow(simulated(tmp_path, sections=sections), systemd, feed=slow)
    assert heard.hungry < WATCHDOG / 4


async def test_fed_while_the_disk_is_full(
    autojump_clock: MockClock, tmp_path: Path, systemd: Notified
) -> None:
    """A store that waits for room holds all stages up, and that is in order."""
    full = {"store": lambda real: Hanging(real, nth=2, blocked=True)}
    heard = await follow(simulated(tmp_path), systemd, watchdog=8.0, **full)
    assert heard.hungry < 8.0
    assert not heard.stalled


async def test_fed_while_the_feed_halts(
    autojump_clock: MockClock, tmp_path: Path, systemd: Notified
) -> None:
    """A feed that was reset waits for an operator, for as long as it takes."""
    sections = {"feed": {"retry": {"refused_pause": "5m"}}}

    def reset(real: Any) -> Wrapped:
        async def answer(request: Request) -> Outcome | None:
            after = trio.current_time() > HOUR / 4 and int(request.from_id) > 50
            return Answered(b'{"ScanEvents": []}') if after else None

        return Wrapped(real, answer)

    simulation = simulated(tmp_path, sections=sections)
    heard = await follow(simulation, systemd, feed=reset)
    assert simulation.recorder.of(FeedBetrayed)[-1].policy == "halt"
    assert heard.hungry < WATCHDOG / 4


# --- starved ---------------------------------------------------------------------


async def test_starved_by_a_commit_that_hangs(
    autojump_clock: MockClock, tmp_path: Path, systemd: Notified
) -> None:
    """Nothing is fed once a commit lasts longer than half of its time, and one record says why."""
    hangs = {"store": lambda real: Hanging(real, nth=2)}
    heard = await follow(simulated(tmp_path), systemd, **hangs)
    assert heard.hungry > HOUR - WATCHDOG
    assert heard.stalled == [["writer (at work)"]]


async def test_starved_by_a_request_without_end(
    autojump_clock: MockClock, tmp_path: Path, systemd: Notified
) -> None:
    """A feed that forgets its own deadline is not waited for."""

    def hangs(real: Any) -> Wrapped:
        async def never(_: Request) -> Outcome:
            return await trio.sleep_forever()

        return Wrapped(real, never)

    heard = await follow(simulated(tmp_path), systemd, feed=hangs)
    assert heard.hungry > HOUR - WATCHDOG
    assert heard.stalled == [["fetcher (waiting for the carrier)"]]


async def asleep(*_: object) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize(
    ("patched", "stalled"),
    [
        ("actors.fetcher._Fetcher.step", ["fetcher (at work)"]),
        ("runtime.daemon.route", ["router (at rest)"]),
        ("runtime.daemon.process", [f"processor {number} (at rest)" for number in range(4)]),
        ("runtime.daemon.write", ["writer (at rest)"]),
    ],
)
async def test_starved_by_a_stage_that_falls_asleep(
    autojump_clock: MockClock,
    tmp_path: Path,
    systemd: Notified,
    monkeypatch: pytest.MonkeyPatch,
    patched: str,
    stalled: list[str],
) -> None:
    """A stage that does not take what waits for it is found, and named."""
    monkeypatch.setattr(f"scand.{patched}", asleep)
    heard = await follow(simulated(tmp_path), systemd)
    assert heard.hungry > HOUR - WATCHDOG
    assert heard.stalled == [stalled]


# --- from start to end -------------------------------------------------------------


async def test_ready_comes_first_and_once(
    autojump_clock: MockClock, tmp_path: Path, systemd: Notified
) -> None:
    """READY does not wait for the carrier; the status is told again only when it changes."""
    transport = TransportFaults(error=1.0)
    heard = await follow(simulated(tmp_path, transport=transport), systemd)
    news = [told for told in heard.said if "WATCHDOG" not in told]
    assert news[0] == {"READY": "1", "STATUS": "fine"}
    assert news[1:] == [{"STATUS": "fine"}]


async def test_a_stop_says_how_long_it_may_take(
    autojump_clock: MockClock, systemd: Notified
) -> None:
    """STOPPING asks for the drain's time and a little more, whatever the unit says."""
    stopping = trio.Event()
    notifier, ending = Notifier(systemd.address), Ending(stopping, lambda: 300.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stand_by, notifier, str, Vitals(), ending, print)
        await trio.sleep(1.0)
        stopping.set()
    told = systemd.messages()[-1]
    assert told["STOPPING"] == "1"
    assert told["EXTEND_TIMEOUT_USEC"] == f"{300 + AFTER_DRAIN:.0f}000000"


async def test_a_reload_is_told(systemd: Notified) -> None:
    """RELOADING when it begins, READY and what came of it when it ends; other records are not."""
    tell = partial(tell_reload, Notifier(systemd.address), lambda: "cursor 7")
    tell(ReloadBegun())
    tell(Lifecycle("following", {}))
    tell(Reloaded("refused", ["processors.shards"]))
    begun, ended = systemd.messages()
    assert begun["RELOADING"] == "1"
    assert int(begun["MONOTONIC_USEC"]) > 0
    assert ended == {"READY": "1", "STATUS": "reload refused; cursor 7"}


async def test_fed_while_the_breaker_is_open_for_longer_than_it_was_to_be(
    autojump_clock: MockClock, tmp_path: Path, systemd: Notified
) -> None:
    """A reload that makes a wait longer makes its excuse as long."""
    feed = {"breaker": {"failures": 1, "reset_after": "10m"}}
    simulation = simulated(tmp_path, transport=TransportFaults(error=1.0), sections={"feed": feed})

    async def reload() -> None:
        await trio.sleep(300.0)
        now = simulation.settings.now
        breaker = now.feed.breaker.model_copy(update={"reset_after": 86_400.0})
        update = {"feed": now.feed.model_copy(update={"breaker": breaker})}
        simulation.settings.exchange(now.model_copy(update=update))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reload)
        heard = await follow(simulation, systemd)
    assert heard.hungry < WATCHDOG
    assert heard.stalled == []


async def test_a_long_start_asks_for_more_time(
    autojump_clock: MockClock, systemd: Notified
) -> None:
    """A migration of ten minutes asks again long before each extension ends."""

    async def migrate() -> str:
        await trio.sleep(600.0)
        return "done"

    assert await extending(Notifier(systemd.address), lambda: "migrating", migrate) == "done"
    told = systemd.messages()
    assert len(told) >= 60
    assert all(message["EXTEND_TIMEOUT_USEC"] == "30000000" for message in told)
