"""A damaged store: refused with what to do, or recovered from, and never made anew."""

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from scand.simulator import DataFaults, TransportFaults, WorldPlan
from tests.chaos.evidence import left_behind
from tests.chaos.lives import Lives, lives

PLAN = WorldPlan(events=4_000, faults=DataFaults(missing=0.01, malformed=0.005))
SLOWLY = TransportFaults(latency=0.01)  # so that every page has a commit of its own
PAGE = 4096
GARBAGE = Random("garbage").randbytes(1 << 22)

Harm = Callable[[Path], None]
Place = Callable[[Path], tuple[int, int]]


class Left(NamedTuple):
    """Folders with the files of a daemon that was stopped, and of its successor, killed."""

    at_rest: Path
    after_kill: Path


@pytest.fixture(scope="module")
def alive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    with lives(tmp_path_factory.mktemp("alive"), PLAN, transport=SLOWLY) as alive:
        yield alive


@pytest.fixture(scope="module")
def left(alive: Lives, tmp_path_factory: pytest.TempPathFactory) -> Left:
    folders = Left(*(tmp_path_factory.mktemp(name) for name in Left._fields))
    for number, folder in zip((signal.SIGTERM, signal.SIGKILL), folders, strict=True):
        with alive.begin() as daemon:
            for _ in range(10):
                daemon.line("commit ")
            daemon.end(number)
        _copy(alive.file.parent, folder)
    return folders


def _copy(source: Path, target: Path) -> None:
    """Leave nothing in the target but the files of the store."""
    for path in target.glob("s.db*"):
        path.unlink()
    for suffix in ("", "-wal", "-shm"):
        if (path := source / f"s.db{suffix}").exists():
            shutil.copyfile(path, target / path.name)


@pytest.fixture
def at_rest(alive: Lives, left: Left) -> Lives:
    _copy(left.at_rest, alive.file.parent)
    return alive


@pytest.fixture
def after_kill(alive: Lives, left: Left) -> Lives:
    _copy(left.after_kill, alive.file.parent)
    return alive


def wal(store: Path) -> Path:
    return Path(f"{store}-wal")


def overwrite(path: Path, at: int, size: int) -> None:
    with path.open("rb+") as file:
        file.seek(at)
        file.write(GARBAGE[:size])


def shorten(path: Path, by: int) -> None:
    os.truncate(path, path.stat().st_size - by)


def root_of(name: str) -> Place:
    """Where the first page of a table or an index is."""

    def place(store: Path) -> tuple[int, int]:
        with closing(sqlite3.connect(f"file:{store}?immutable=1", uri=True)) as connection:
            sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
            ((page,),) = connection.execute(sql, [name])
        return (page - 1) * PAGE, PAGE

    return place


def second_half(store: Path) -> tuple[int, int]:
    half = store.stat().st_size // 2 // PAGE * PAGE
    return half, half


def assert_refused(alive: Lives, said: str) -> None:
    """One clear message with what to do, and exit status 2, from the daemon."""
    refused = alive.setup.scand("run")
    assert said in refused.stderr
    assert refused.stderr.count("  hint: ") == 1
    assert "Traceback" not in refused.stderr
    assert "crashed" not in refused.stderr
    assert refused.returncode == 2


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda store: overwrite(store, 0, 100), "is not an SQLite database"),
        (lambda store: overwrite(store, 16, 84), "is not an SQLite database"),
        (lambda store: overwrite(store, 0, store.stat().st_size), "is not an SQLite database"),
        (lambda store: overwrite(store, *root_of("feed")(store)), "is damaged"),
        (lambda store: os.truncate(store, 50), "is damaged"),
        (lambda store: os.truncate(store, PAGE), "is damaged"),
        (lambda store: shorten(store, PAGE + 1), "is damaged"),
        (lambda store: os.truncate(store, second_half(store)[0]), "is damaged"),
    ],
    ids=["header", "half-header", "garbage", "feed", "50-bytes", "one-page", "end", "half"],
)
def test_refused_at_the_start(at_rest: Lives, harm: Harm, said: str) -> None:
    """Damage that can be seen at once ends the daemon and the readers; not a byte is touched."""
    harm(at_rest.file)
    before = at_rest.file.read_bytes()
    assert_refused(at_rest, said)
    reader = at_rest.setup.scand("status")
    assert reader.returncode == 2
    assert said in reader.stderr
    assert at_rest.file.read_bytes() == before
    assert not wal(at_rest.file).exists() or not wal(at_rest.file).stat().st_size


@pytest.mark.parametrize(
    "place",
    [
        *map(root_of, ("journal", "sqlite_autoindex_journal_1", "journal_by_parcel", "parcels")),
        second_half,
    ],
    ids=["journal", "ids", "by-parcel", "parcels", "second-half"],
)
def test_met_on_the_way(at_rest: Lives, place: Place) -> None:
    """Damage that is met only when the daemon commits ends it; it does not try again and again."""
    at, size = place(at_rest.file)
    overwrite(at_rest.file, at, size)
    assert_refused(at_rest, "is damaged")
    assert_refused(at_rest, "is damaged")
    assert at_rest.file.read_bytes()[at : at + size] == GARBAGE[:size]


def test_not_met_at_all(at_rest: Lives) -> None:
    """Damage where the daemon does not come hinders it not; `verify` finds it, wherever it is."""
    overwrite(at_rest.file, *root_of("settled_gaps")(at_rest.file))
    with at_rest.begin("--until-caught-up") as daemon:
        assert daemon.end() == 0, daemon.output
    verified = at_rest.setup.scand("verify")
    assert verified.returncode == 2
    assert "is damaged" in verified.stderr


@pytest.mark.parametrize(
    ("harm", "loses"),
    [
        (lambda store: overwrite(wal(store), wal(store).stat().st_size, 50_000), False),
        (lambda store: overwrite(Path(f"{store}-shm"), 0, 32_768), False),
        (lambda store: Path(f"{store}-shm").unlink(), False),
        (lambda store: shorten(wal(store), 5000), True),
        (lambda store: overwrite(wal(store), wal(store).stat().st_size // 2, 5000), True),
        (lambda store: overwrite(wal(store), 0, 32), True),
        (lambda store: wal(store).unlink(), True),
    ],
    ids=["wal-end", "shm", "no-shm", "wal-cut", "wal-middle", "wal-header", "no-wal"],
)
def test_recovered_from(after_kill: Lives, left: Left, harm: Harm, loses: bool) -> None:  # noqa: FBT001
    """A log is read as far as it is whole: what was behind is asked for again, to the same end."""
    checkpointed = left_behind(left.at_rest / "s.db").cursor
    committed = left_behind(after_kill.file).cursor
    harm(after_kill.file)
    cursor = after_kill.assert_left_in_order()
    assert checkpointed <= cursor <= committed
    assert (cursor < committed) == loses
    after_kill.assert_right()
    after_kill.assert_goes_on_from(cursor)
