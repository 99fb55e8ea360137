"""The direction of imports, read from the source: see the list of rooms in `ORDER`."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

HOUSE = Path(__file__).parents[1] / "scand"

ORDER = [
    {"core"},
    {"files"},
    {"config", "live", "records"},
    {"ports"},
    {"feed", "store", "sinks"},
    {"actors"},
    {"telemetry"},
    {"simulator"},
    {"web"},
    {"runtime"},
    {"cli"},
]
"""Who may import whom: a room imports from itself and from rooms further up, never sideways."""

LEVELS = {room: level for level, rooms in enumerate(ORDER) for room in rooms}

ONLY_IN = {
    "pybreaker": ["feed/breaker.py"],
    "aiosqlite": ["store"],
    "trio_asyncio": ["store", "sinks"],
    "asyncio": ["store", "sinks"],
    "sqlite3": ["store"],
    "structlog": ["telemetry"],
    "prometheus_client": ["telemetry"],
    "opentelemetry": ["telemetry"],
    "pydantic": ["config"],
    "pydantic_settings": ["config"],
    "typer": ["cli"],
    "rich": ["cli"],
    "starlette": ["simulator", "web"],
    "hypercorn": ["simulator", "web"],
}
"""Libraries that one place speaks to, and nobody else."""

IMPURE = {
    *("asyncio", "httpx", "logging", "os", "pathlib", "random", "socket", "sqlite3"),
    *("subprocess", "threading", "time", "trio"),
}
"""What the core does without: no event loop, no clock, no chance, no input or output."""

WIRED = ("scand.store.sqlite", "scand.feed.http")
"""The two ends that only the wiring brings together."""


class Import(NamedTuple):
    """`file` imports `name`, at `line`."""

    file: str
    line: int
    name: str

    @property
    def room(self) -> str:
        return self.file.partition("/")[0].removesuffix(".py")

    @property
    def library(self) -> str:
        return self.name.partition(".")[0]

    @property
    def other_room(self) -> str | None:
        """The room of scand that is imported, if it is one."""
        parts = self.name.split(".")
        return parts[1] if parts[0] == "scand" and parts[1:] else None

    def __str__(self) -> str:
        return f"scand/{self.file}:{self.line} imports {self.name}"


def names_in(node: ast.AST) -> Iterator[str]:
    """The full names that an import statement brings in, modules and what is taken from them."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(level=0, module=str(module), names=names):
            yield from (f"{module}.{alias.name}" for alias in names)
        case ast.ImportFrom():
            yield "a relative module"


def read_imports() -> list[Import]:
    return [
        Import(path.relative_to(HOUSE).as_posix(), node.lineno, name)
        for path in sorted(HOUSE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in names_in(node)
    ]


IMPORTS = read_imports()


def expect_none(offenders: Iterator[Import], rule: str) -> None:
    found = sorted(set(map(str, offenders)))
    assert not found, f"{rule}:\n" + "\n".join(found)


def test_every_room_has_its_place() -> None:
    """A new room is put into the list before it imports anything."""
    rooms = {
        path.stem
        for path in HOUSE.iterdir()
        if not path.name.startswith("__") and (path.is_dir() or path.suffix == ".py")
    }
    assert rooms <= LEVELS.keys(), f"not in ORDER: {rooms - LEVELS.keys()}"


def test_imports_are_absolute() -> None:
    """A name says where it comes from, so that these tests can read it."""
    expect_none(
        (each for each in IMPORTS if each.name == "a relative module"), "no relative import"
    )


def test_imports_point_up() -> None:
    """A room knows itself and the rooms above it."""
    inside = (each for each in IMPORTS if each.other_room in LEVELS and each.room in LEVELS)
    expect_none(
        (
            each
            for each in inside
            if each.room != each.other_room and LEVELS[each.room] <= LEVELS[str(each.other_room)]
        ),
        "imports point up the list of rooms only",
    )


def test_the_core_knows_nobody() -> None:
    """The core is the standard library, msgspec and itself, without clock, loop or chance."""
    core = [each for each in IMPORTS if each.room == "core"]
    known = sys.stdlib_module_names | {"msgspec"}
    expect_none(
        (
            each
            for each in core
            if each.other_room != "core" and (each.library not in known or each.library in IMPURE)
        ),
        "the core is pure",
    )


def test_the_simulator_knows_only_itself() -> None:
    """What checks scand shares no code with it."""
    foreign = (
        each
        for each in IMPORTS
        if each.room == "simulator" and each.library == "scand" and each.other_room != "simulator"
    )
    expect_none(foreign, "the simulator imports nothing of scand but itself")


def test_ports_and_records_are_light() -> None:
    """What everybody imports brings no library along."""
    light = [each for each in IMPORTS if each.room in {"ports", "records"}]
    expect_none(
        (each for each in light if each.library not in sys.stdlib_module_names | {"scand"}),
        "ports and records import no library",
    )


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_has_its_place(library: str) -> None:
    """A library that is spoken to in one place can be replaced in one place."""
    strangers = (
        each
        for each in IMPORTS
        if each.library == library and not {each.file, each.room} & set(ONLY_IN[library])
    )
    expect_none(strangers, f"{library} is for {' and '.join(ONLY_IN[library])} only")


def test_actors_know_no_backend() -> None:
    """Actors meet store and sinks through ports, and report through the observer."""
    backends = {"store", "sinks", "config"}
    offenders = (each for each in IMPORTS if each.room == "actors" and each.other_room in backends)
    expect_none(offenders, "actors know no backend and no whole configuration")


def test_store_and_feed_meet_once() -> None:
    """Store and feed are brought together in one file, for the daemon to wire."""
    files: dict[str, set[str]] = {}
    for each in IMPORTS:
        files.setdefault(each.file, set()).update(
            wired for wired in WIRED if each.name == wired or each.name.startswith(f"{wired}.")
        )
    both = {file for file, ends in files.items() if len(ends) == len(WIRED)}
    assert both <= {"runtime/parts.py"}, f"they meet in runtime/parts.py, not {sorted(both)}"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import trio.testing as t", ["trio.testing"]),
        ("from scand.core import event, head", ["scand.core.event", "scand.core.head"]),
        ("def f():\n    from scand import cli", ["scand.cli"]),
        ("from . import event", ["a relative module"]),
        ("if TYPE_CHECKING:\n    import sqlite3", ["sqlite3"]),
    ],
)
def test_reads_every_way_to_import(source: str, names: list[str]) -> None:
    """Also inside of functions and conditions."""
    assert [name for node in ast.walk(ast.parse(source)) for name in names_in(node)] == names
