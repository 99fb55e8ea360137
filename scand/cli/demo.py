"""`scand demo`: a carrier with faults, the daemon that follows it, and the verdict.

Everything is real but the carrier: HTTP on loopback, a store on disk, the daemon's own tree. The
verdict compares what the store says with what the simulator knows to be true.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import trio
import typer
from rich.console import Console

from scand.cli.demo_view import Scene, show, summary
from scand.cli.simulate import read_faults
from scand.config import Admin, Config, Feed, Store, parse_duration
from scand.core.errors import ConfigurationError
from scand.live import Live
from scand.runtime.clock import WallClock
from scand.runtime.daemon import run_tree
from scand.runtime.groups import ungrouped
from scand.runtime.parts import open_parts
from scand.runtime.signals import watch_signals
from scand.simulator import Faults, ScanApi, World, WorldPlan, create_app, serve
from scand.store.reading import open_reader, parcel_document
from scand.store.verify import verify
from scand.telemetry.logs import configure_logs
from scand.telemetry.status import StatusBoard

PATIENCE = 60.0
"""Seconds that the daemon has to catch up once the carrier has nothing new."""

OUTAGE = 2.0
"""Seconds in the middle during which the carrier answers nothing but 500s."""

BLACKOUT: dict[str, Any] = {"error": 1.0, "throttle": 0, "reset": 0, "truncated": 0, "html": 0}


def demo(
    events: Annotated[int, typer.Option(min=1, help="End after so many events.")] = 10_000,
    duration: Annotated[str, typer.Option("--for", help="End after so long, e.g. 20s.")] = "20s",
    rate: Annotated[float, typer.Option(min=1, help="New events per second.")] = 250.0,
    faults: Annotated[str, typer.Option(help="As for `scand simulate`.")] = "all",
    seed: Annotated[int, typer.Option(help="The same seed makes the same events.")] = 1,
) -> None:
    """Watch scand follow a carrier that misbehaves, and see that nothing is lost."""
    try:
        seconds = parse_duration(duration)
    except ValueError as error:
        raise ConfigurationError(f"--for: {error}") from None
    configure_logs("error", "console")
    stage = Stage(events, seconds, rate, read_faults(faults), seed)
    with tempfile.TemporaryDirectory(prefix="scand-demo-") as folder:
        equal = trio.run(stage.play, Path(folder) / "scand.db")
    raise typer.Exit(0 if equal else 1)


@dataclass(frozen=True)
class Stage:
    """How long the carrier sends, how fast, and what it does wrong."""

    events: int
    seconds: float
    rate: float
    faults: Faults
    seed: int

    async def play(self, path: Path) -> bool:
        """Run carrier and daemon to the end; whether the state equals the oracle."""
        backlog = self.events // 4
        plan = WorldPlan(
            events=self.events,
            backlog=backlog,
            rate=self.rate,
            seed=self.seed,
            faults=self.faults.data,
            late_horizon=0.0,  # history is complete: what is late there is not looked for
        )
        world = World(plan)
        api = create_app(world, self.faults.transport)
        console, ending = Console(), trio.Event()
        board = StatusBoard(WallClock())
        scene, stopping = Scene(board, world, api), trio.Event()
        finished = False
        with ungrouped():
            async with trio.open_nursery() as nursery:
                await nursery.start(watch_signals, ending, nursery.cancel_scope)
                port = await nursery.start(serve, api)
                config = configure(path, f"http://127.0.0.1:{port}/v1/scans/scanevents")
                async with open_parts(Live(config), WallClock(), scene, stopping) as parts:
                    nursery.start_soon(show, scene, console)
                    nursery.start_soon(self._end, scene, ending, stopping)
                    await run_tree(parts)
                finished = True
                nursery.cancel_scope.cancel()
        if not finished:
            raise KeyboardInterrupt  # a second Ctrl-C: there is nothing to conclude from
        return conclude(console, path, world, api, board)

    async def _end(self, scene: Scene, ending: trio.Event, stopping: trio.Event) -> None:
        """Let the carrier send for its time, then let the daemon catch up, then stop it."""
        world, board = scene.world, scene.board

        def all_sent() -> bool:
            return ending.is_set() or world.events >= self.events

        await until(all_sent, self.seconds / 2)
        if self.faults.transport.error:
            scene.api.faults = replace(self.faults.transport, **BLACKOUT)
            await until(ending.is_set, OUTAGE)
            scene.api.faults = self.faults.transport
        await until(all_sent, self.seconds / 2 - OUTAGE)
        world.freeze()
        scene.announce("the carrier has ended; catching up (Ctrl-C leaves at once)")
        await until(
            lambda: board.at_head and int(board.cursor) >= int(world.head) and not board.gaps,
            PATIENCE,
        )
        stopping.set()


async def until(done: Callable[[], bool], patience: float) -> None:
    """Wait until `done`, but not longer than `patience` seconds."""
    with trio.move_on_after(max(patience, 0)):
        while not done():  # noqa: ASYNC110 - a simulated world rings no bell
            await trio.sleep(0.05)


def configure(path: Path, url: str) -> Config:
    """Impatient settings, so that a short demo shows every recovery."""
    feed: dict[str, Any] = {
        "url": url,
        "name": "demo",
        "limit": 500,
        "poll_interval": "150ms",
        "timeout": "2s",
        "late_window": "5s",
        "breaker": {"failures": 3, "reset_after": "500ms"},
        "retry": {"base": "50ms", "cap": "1s"},
    }
    return Config.model_construct(  # past the environment: it is meant for a real daemon
        feed=Feed.model_validate(feed), store=Store(path=path), admin=Admin(listen="")
    )


def conclude(console: Console, path: Path, world: World, api: ScanApi, board: StatusBoard) -> bool:
    """Compare the store with the truth, and say so."""
    truth = world.oracle()
    with open_reader(path) as reader:
        stored = {number: parcel_document(number, state) for number, state in reader.parcels()}
        consistent = verify(reader).ok
        dead = reader.summary()["dead_letters"]["by_reason"]
    wrong = sorted(
        number for number in truth.keys() | stored.keys() if truth.get(number) != stored.get(number)
    )
    console.print(summary(world, api, board, dead))
    for number in wrong[:5]:
        console.print(f"  parcel {number}: true   {truth.get(number)}", markup=False)
        console.print(f"  parcel {number}: stored {stored.get(number)}", markup=False)
    if wrong or not consistent:
        console.print(f"[bold red]verdict: state DIFFERS from the oracle in {len(wrong)} parcels")
        return False
    console.print(
        f"[bold green]verdict: state equals the oracle[/], all {len(truth)} parcels,"
        " field by field; the journal verifies",
        soft_wrap=True,
    )
    return True
