"""What `scand demo` shows: the carrier's misdeeds on one side, the daemon's calm on the other."""

from collections import deque
from collections.abc import Mapping

import trio
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from scand.records import BreakerChanged, ChildFailed, FetchFailed, Record
from scand.simulator import ScanApi, World
from scand.telemetry.status import StatusBoard

FRAME = 0.125
"""Seconds between two pictures on a terminal."""

LINE = 2.0
"""Seconds between two lines where there is no terminal."""


class Scene:
    """Everything there is to be shown; also the observer that hears it."""

    def __init__(self, board: StatusBoard, world: World, api: ScanApi) -> None:
        self.board, self.world, self.api = board, world, api
        self._notable: deque[str] = deque(maxlen=6)
        self._samples: deque[tuple[float, int]] = deque(maxlen=16)

    def __call__(self, record: Record) -> None:
        """Take one record."""
        self.board(record)
        match record:
            case FetchFailed(_, reason, wait):
                self._notable.append(f"{reason}; again in {wait:.2f} s")
            case BreakerChanged(old, new, _):
                self._notable.append(f"breaker {old} -> {new}")
            case ChildFailed(child, causes, _):
                self._notable.append(f"{child} restarted: {causes[0]}")
            case _:
                pass

    def announce(self, text: str) -> None:
        """Say something that is no record."""
        self._notable.append(text)

    def rate(self) -> float:
        """Events applied per second, over the last pictures."""
        self._samples.append((trio.current_time(), self.board.totals["applied"]))
        (begin, first), (end, last) = self._samples[0], self._samples[-1]
        return (last - first) / (end - begin) if end > begin else 0.0

    def picture(self) -> Panel:
        """The whole view."""
        columns = Table.grid(padding=(0, 4))
        columns.add_row(self._daemon(), self._carrier())
        notable = [f"[dim]{escape(line)}" for line in self._notable] or ["[dim]-"]
        return Panel(Group(columns, "", *notable), title="scand demo", subtitle="Ctrl-C ends it")

    def line(self) -> str:
        """The view in one line."""
        board = self.board
        faults = sum(self.api.stats.faults.values()) + sum(self.world.data_faults.values())
        return (
            f"cursor {board.cursor}  head {self.world.head}  applied {board.totals['applied']}"
            f"  breaker {board.breaker}  gaps {board.gaps}  faults {faults}"
        )

    def _daemon(self) -> Table:
        board = self.board
        colour = {"closed": "green", "open": "red"}.get(board.breaker, "yellow")
        lag = "none" if board.at_head else f"{max(int(self.world.head) - int(board.cursor), 0)} ids"
        return _facts(
            "daemon",
            {
                "applied": str(board.totals["applied"]),
                "rate": f"{self.rate():.0f} events/s",
                "cursor": str(board.cursor),
                "lag": lag,
                "breaker": f"[{colour}]{board.breaker}[/],"
                f" opened {board.totals['breaker_opened']} times",
                "gaps": f"{board.gaps} open, {board.totals['gaps_filled']} filled,"
                f" {board.totals['gaps_given_up']} given up",
                "duplicates": str(board.totals["duplicates"]),
                "dead letters": str(board.totals["dead_letters"]),
            },
        )

    def _carrier(self) -> Table:
        stats = self.api.stats
        faults = {**stats.faults, **self.world.data_faults}
        return _facts(
            "carrier",
            {
                "head": str(self.world.head),
                "requests": str(stats.requests),
                **{name: str(count) for name, count in sorted(faults.items())},
            },
        )


async def show(scene: Scene, console: Console) -> None:
    """Show the scene until cancelled."""
    if not console.is_terminal:
        while True:
            console.print(scene.line(), highlight=False)
            await trio.sleep(LINE)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            live.update(scene.picture(), refresh=True)
            await trio.sleep(FRAME)


def summary(world: World, api: ScanApi, board: StatusBoard, dead: Mapping[str, int]) -> Table:
    """What was done to the daemon, and what it made of it."""
    table = Table("faults injected", "", "absorbed as", " ", box=None, padding=(0, 2))
    injected = sorted({**api.stats.faults, **world.data_faults}.items())
    absorbed = [
        *((f"retried: {name}", count) for name, count in sorted(board.failures.items())),
        ("breaker opened", board.totals["breaker_opened"]),
        ("duplicates dropped", board.totals["duplicates"]),
        ("late ids found", board.totals["gaps_filled"]),
        ("missing ids given up", board.totals["gaps_given_up"]),
        ("unfamiliar, applied", board.totals["odd"]),
        *((f"dead letter: {name}", count) for name, count in sorted(dead.items())),
    ]
    for row in range(max(len(injected), len(absorbed))):
        table.add_row(*_cells(injected, row), *_cells(absorbed, row))
    return table


def _cells(facts: list[tuple[str, int]], row: int) -> tuple[str, str]:
    return (facts[row][0], str(int(facts[row][1]))) if row < len(facts) else ("", "")


def _facts(title: str, facts: Mapping[str, str]) -> Table:
    table = Table(title, "", box=None, padding=(0, 2, 0, 0))
    for name, value in facts.items():
        table.add_row(f"[dim]{name}", value)
    return table
