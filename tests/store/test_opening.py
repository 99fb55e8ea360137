"""Whose file it is, which schema it has, and who may write it."""

import os
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from scand.core.errors import StoreError
from scand.ports import Checkpoint
from scand.store import opening
from scand.store.lock import beside, holder, instance_lock
from scand.store.opening import APPLICATION_ID, CACHED_STATEMENTS, connect, migrations, prepare
from scand.store.place import begin
from scand.store.reading import open_reader
from scand.store.sqlite import open_store
from scand.store.transaction import run
from tests.store.pages import FEED, contents, many, names_in, page, rows
from tests.store.refusals import open_descriptors, refused

AWKWARD = [
    "a?mode=ro",
    "a#b",
    "100%25 %s",
    "with space",
    'it\'s "quoted"',
    ":memory:",
    "file:x.db?mode=memory",
    "ünï🦊",
    "-wal",
]


def test_fresh(tmp_path: Path) -> None:
    """A new store is made, marked as scand's, in the newest schema, durable at every commit."""
    path = tmp_path / "scand.db"
    assert prepare(path, FEED).former_url is None
    assert rows(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert rows(path, "PRAGMA user_version") == [(len(migrations()),)]
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    with closing(connect(path)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_size_limit").fetchone() == (64 * 2**20,)
        checkpoint = run(connection, begin())
        assert checkpoint == Checkpoint(None, [], salt=checkpoint.salt)
        assert len(checkpoint.salt) == 16


def test_reopen(path: Path) -> None:
    """A store that is prepared again is left as it is."""
    with closing(connect(path)) as connection:
        connection.execute("UPDATE feed SET cursor = 7")
    before = contents(path)
    assert prepare(path, FEED).former_url is None
    assert contents(path) == before


@pytest.mark.parametrize("empty", [b"", None])
def test_empty_file(tmp_path: Path, empty: bytes | None) -> None:
    """An empty file, and a database without tables, become stores."""
    path = tmp_path / "scand.db"
    if empty is None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("VACUUM")
    else:
        path.write_bytes(empty)
    assert prepare(path, FEED).former_url is None
    assert rows(path, "SELECT name FROM feed") == [("carrier",)]


def test_interrupted_set_up(tmp_path: Path) -> None:
    """A migration that breaks leaves nothing, and a later start does it from the beginning."""
    path = tmp_path / "scand.db"
    good = migrations()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "migrations", lambda: [good[0] + "; SELECT nonsense"])
        with refused("nonsense"):
            prepare(path, FEED)
    assert rows(path, "SELECT count(*) FROM sqlite_schema") == [(0,)]
    assert prepare(path, FEED).former_url is None


def test_migration(path: Path) -> None:
    """A store of an older schema is brought up to date, one step after the other."""
    steps = ["CREATE TABLE a (x ANY) STRICT", "ALTER TABLE a ADD COLUMN y ANY"]
    newer = [*migrations(), *steps]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "migrations", lambda: newer)
        prepare(path, FEED)
    assert rows(path, "PRAGMA user_version") == [(len(newer),)]
    assert rows(path, "SELECT x, y FROM a") == []


def test_newer_schema(path: Path) -> None:
    """A store written by a newer scand is refused, by the daemon and by readers."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with refused("schema 99", str(path)):
        prepare(path, FEED)
    with refused("schema 99"), open_reader(path):
        pass


@pytest.mark.parametrize("lost", ["parcels", "tracing"])
def test_a_schema_that_is_not_whole(path: Path, lost: str) -> None:
    """A table that was dropped is named at the start, with the way back."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"DROP TABLE {lost}")
    before = path.read_bytes()
    with refused(f"{path} is damaged: no such table: {lost}"):
        prepare(path, FEED)
    assert path.read_bytes() == before


def test_a_table_that_a_reader_misses(path: Path) -> None:
    """Readers name it as well, and what can be done."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE parcels")
    with (
        pytest.raises(StoreError, match="is damaged: no such table: parcels") as caught,
        open_reader(path) as reader,
    ):
        reader.summary()
    assert "put a backup in its place" in caught.value.hint


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE theirs (x)",
        "PRAGMA user_version = 1",
        "PRAGMA application_id = 7",
    ],
)
def test_foreign_database(tmp_path: Path, script: str) -> None:
    """Another program's database is refused, and not a byte of it is changed."""
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(script)
    before = path.read_bytes()
    with refused("not one of scand's"):
        prepare(path, FEED)
    with refused("not one of scand's"), open_reader(path):
        pass
    assert path.read_bytes() == before
    assert names_in(tmp_path) == {"theirs.db"}


def test_not_a_database(tmp_path: Path) -> None:
    """A file that is no database is refused and left alone."""
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary\n" * 1000, encoding="utf-8")
    before = path.read_bytes()
    with refused("not an SQLite database"):
        prepare(path, FEED)
    with refused("not an SQLite database"), open_reader(path):
        pass
    assert path.read_bytes() == before


def test_directory(tmp_path: Path) -> None:
    """A folder in the place of the file is refused."""
    path = tmp_path / "scand.db"
    path.mkdir()
    with refused(str(path)):
        prepare(path, FEED)
    with refused("is not a file"), open_reader(path):
        pass
    with refused("is not a file"), instance_lock(path):
        pass
    assert list(tmp_path.iterdir()) == [path]


def test_no_directory(tmp_path: Path) -> None:
    """A folder that does not exist is named, and not created."""
    path = tmp_path / "missing" / "scand.db"
    with refused("missing", "No such file"), instance_lock(path):
        pass
    with refused("no such folder"):
        prepare(path, FEED)
    with refused("no such file"), open_reader(path):
        pass
    assert holder(path) is None
    assert not path.parent.exists()


def test_file_as_directory(tmp_path: Path) -> None:
    """A file in the place of the folder is refused."""
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "scand.db"
    with refused("Not a directory"), instance_lock(path):
        pass
    with refused("Not a directory"), open_reader(path):
        pass


@pytest.mark.parametrize("path", [Path("/"), Path()])
def test_no_name(path: Path) -> None:
    """A path without a file name is refused, not a crash."""
    with refused():
        prepare(path, FEED)


async def test_refusal_of_the_store(tmp_path: Path) -> None:
    """A file that cannot be opened leaves neither a thread nor a descriptor behind."""
    before = {thread for thread in threading.enumerate() if "Trio" not in thread.name}
    descriptors = open_descriptors()
    for _ in range(5):
        with pytest.raises(StoreError):
            async with open_store(tmp_path, "event_id"):
                pass
    assert {thread for thread in threading.enumerate() if "Trio" not in thread.name} == before
    assert open_descriptors() <= descriptors


async def test_open_and_close(path: Path) -> None:
    """A store that is closed leaves no thread, no descriptor and no log behind."""
    async with open_store(path, "event_id") as store:
        await store.commit([page(*many(1, 5))])
    before = open_descriptors()
    for _ in range(5):
        async with open_store(path, "event_id") as store:
            await store.begin()
    assert open_descriptors() == before
    assert names_in(path.parent) == {"scand.db"}


# --- identity ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"),
    [("name", "other"), ("id_kind", "opaque"), ("order", "created_at")],
)
def test_other_identity(path: Path, setting: str, value: str) -> None:
    """A store of another feed is refused, and the setting that differs is named."""
    before = contents(path)
    with refused(f"feed.{setting}", repr(value), repr(getattr(FEED, setting))):
        prepare(path, replace(FEED, **{setting: value}, url="https://elsewhere.test/"))
    assert contents(path) == before


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ({}, {"event_id": "id"}, "feed.fields.event_id = 'EventId', not 'id'"),
        ({"run_id": "run"}, {}, "feed.fields.run_id = 'run', not 'User.RunId'"),
        ({"run_id": "run"}, {"run_id": "runs"}, "feed.fields.run_id = 'run', not 'runs'"),
        ({"events": "items"}, {}, "feed.fields.events = 'items', not 'ScanEvents'"),
    ],
)
def test_other_fields(tmp_path: Path, was: dict[str, str], now: dict[str, str], said: str) -> None:
    """Other names may mean other things: the field that differs is named."""
    path = tmp_path / "scand.db"
    prepare(path, replace(FEED, fields=was))
    with refused(said):
        prepare(path, replace(FEED, fields=now))
    same = replace(FEED, fields=dict(reversed(was.items())))
    assert prepare(path, same).former_url is None


def test_changed_url(path: Path) -> None:
    """A carrier may move: the former url is told once, and the new one recorded."""
    moved = replace(FEED, url="https://elsewhere.test/")
    assert prepare(path, moved).former_url == FEED.url
    assert prepare(path, moved).former_url is None
    assert rows(path, "SELECT url FROM feed") == [(moved.url,)]


# --- paths -------------------------------------------------------------------


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("relative", [False, True])
async def test_awkward_names(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    relative: bool,  # noqa: FBT001
) -> None:
    """Whatever a file is called, the daemon and the readers find the same one."""
    monkeypatch.chdir(tmp_path)
    path = Path(name) if relative else tmp_path / name
    with instance_lock(path):
        prepare(path, FEED)
        async with open_store(path, "event_id") as store:
            await store.commit([page(*many(1, 5))])
            with open_reader(path) as reader:
                assert reader.summary()["cursor"] == 5
        assert holder(path) == os.getpid()
    with open_reader(path) as reader:
        assert reader.summary()["events"] == 5
    left = {name, f"{name}.lock", f"{name}-wal", f"{name}-shm"}  # the last two by readers
    assert names_in(tmp_path) <= left


def test_name_that_is_no_text(tmp_path: Path) -> None:
    """A name that is not UTF-8 is as good as any."""
    path = tmp_path / os.fsdecode(b"caf\xe9.db")
    prepare(path, FEED)
    with open_reader(path) as reader:
        assert reader.summary()["cursor"] is None


def test_link(path: Path) -> None:
    """A store reached through a link is the same store: one lock, one log."""
    link = path.with_name("link.db")
    link.symlink_to(path)
    with instance_lock(path):
        assert holder(link) == os.getpid()
        with refused("in use"), instance_lock(link):
            pass
    assert beside(link, "-wal") == path.with_name("scand.db-wal")
    with open_reader(link) as reader:
        assert reader.summary()["cursor"] is None


# --- memory ------------------------------------------------------------------


async def test_prepared_statements_are_bounded(path: Path) -> None:
    """Commits of many different sizes do not pile up prepared statements."""

    def peak() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096

    async with open_store(path, "event_id") as store:
        pages = [page(*many(number * 2_000 + 1, 900 + number)) for number in range(90)]
        for each in pages[:10]:
            await store.commit([each])
        before = peak()
        for each in pages[10:]:
            await store.commit([each])
        assert peak() - before < CACHED_STATEMENTS * 2**21


async def test_cancelled_while_opening(path: Path) -> None:
    """A store that is cancelled while it opens is closed again."""
    before = open_descriptors()
    for delay in range(40):
        with trio.move_on_after(delay / 10_000):
            async with open_store(path, "event_id"):
                await trio.sleep_forever()
    assert open_descriptors() <= before + 4  # trio keeps an idle thread's
    assert not beside(path, "-wal").exists()
