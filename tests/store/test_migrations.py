"""Stores that an older scand has written, brought up to date."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scand.core.errors import StoreBlockedError, StoreError
from scand.store import opening
from scand.store.backup import back_up
from scand.store.opening import connect, migrations, prepare
from scand.store.reading import open_reader
from scand.store.verify import verify
from tests.store.pages import FEED, rows

BEFORE_OPAQUE_IDS = next(
    number for number, script in enumerate(migrations()) if "new_journal" in script
)

FILL = """
INSERT INTO journal (event_id, parcel_id, type, created_at, status_code, device_id, milestone,
    recorded_at) VALUES
    (9223372036854775807, 1, 'PICKUP', '2021-05-11T21:11:34.1506147Z', '', 103, 'picked_up', 5),
    (2, 1, 'STATUS', '2021-05-11T21:11:35.1506147Z', 'x', 'D', NULL, 6),
    (3, 9, 'STATUS', '2021-05-11T21:11:35.1506147Z', 'x', NULL, NULL, 7);
DELETE FROM journal WHERE event_id = 3;
INSERT INTO parcels VALUES (1, 9223372036854775807, 'PICKUP', '2021-05-11T21:11:34.1506147Z', '',
    NULL, 9223372036854775807, '2021-05-11T21:11:34.1506147Z', NULL, NULL);
INSERT INTO dead_letters (identity, event_id, reason, detail, raw, asked_from, digest, first_seen,
    last_seen) VALUES ('id:8', 8, 'invalid_field', 'Type: blank', x'7b7d', 1, 'd', 1, 2),
    ('sha256:e', NULL, 'not_json', 'NaN', x'00ff', 1, 'e', 1, 2);
INSERT INTO dead_letter_history (letter, at, act, digest, asked_from)
    SELECT id, 1, 'seen', digest, 1 FROM dead_letters;
INSERT INTO audit (at, action, was, now, detail) VALUES (1, 'cursor_set', NULL, 7, 'x');
INSERT INTO gaps VALUES (4, 6, 1620000000.25);
UPDATE feed SET cursor = 9223372036854775807, anchored = 1, inclusive = 1, high = 7, attempts = 2;
"""


def content(path: Path) -> dict[str, Any]:
    """The rows of every table, and where the numbers of new ones go on."""
    names = [name for (name,) in rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {name: sorted(map(repr, rows(path, f"SELECT * FROM {name}"))) for name in names}


def names_in(path: Path) -> set[tuple[str, str]]:
    return set(rows(path, "SELECT type, name FROM sqlite_schema"))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store of the schema before ids could be text."""
    path = tmp_path / "scand.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        for script in migrations()[:BEFORE_OPAQUE_IDS]:
            connection.executescript(script)
        connection.execute(f"PRAGMA user_version = {BEFORE_OPAQUE_IDS}")
        connection.execute(f"PRAGMA application_id = {opening.APPLICATION_ID}")
        connection.execute(
            'INSERT INTO feed (one, name, id_kind, "order", url) VALUES (1, ?, ?, ?, ?)',
            (FEED.name, FEED.id_kind, FEED.order, FEED.url),
        )
        connection.executescript(FILL)
        connection.commit()
    return path


def test_nothing_is_lost_on_the_way_to_ids_of_any_kind(old: Path) -> None:
    """Every row stays as it is, numbers stay numbers, and every index is there again."""
    before, names = content(old), names_in(old)
    with closing(sqlite3.connect(old)) as connection:
        connection.executescript(migrations()[BEFORE_OPAQUE_IDS])
        connection.execute(f"PRAGMA user_version = {BEFORE_OPAQUE_IDS + 1}")
    after = content(old)
    assert names_in(old) == names
    assert {name: after[name] for name in before if name != "feed"} == {
        name: before[name] for name in before if name != "feed"
    }
    assert after["feed"] == [row[:-1] + ", '{}')" for row in before["feed"]]
    assert rows(old, "PRAGMA integrity_check") == [("ok",)]
    assert rows(old, "PRAGMA foreign_key_check") == []
    prepare(old, FEED)
    with open_reader(old) as reader:
        assert verify(reader).ok


def test_numbers_are_never_reused(old: Path) -> None:
    """A row that was removed has used its number up, before the migration and after it."""
    prepare(old, FEED)
    with closing(connect(old)) as connection:
        connection.execute(
            "INSERT INTO journal (event_id, parcel_id, type, created_at, status_code, recorded_at)"
            " VALUES ('text', 1, 'X', '2021', '', 1)"
        )
    assert rows(old, "SELECT seq FROM journal WHERE event_id = 'text'") == [(4,)]


def test_letters_still_take_their_history_with_them(old: Path) -> None:
    """The history belongs to the letters as it did before."""
    prepare(old, FEED)
    with closing(connect(old)) as connection:
        connection.execute("DELETE FROM dead_letters WHERE identity = 'id:8'")
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            connection.execute(
                "INSERT INTO dead_letter_history (letter, at, act) VALUES (7, 1, 'x')"
            )
    assert rows(old, "SELECT letter FROM dead_letter_history") == [(2,)]


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one transaction."""
    before = content(old)
    good = migrations()
    broken = [*good[:BEFORE_OPAQUE_IDS], good[BEFORE_OPAQUE_IDS] + "; SELECT nonsense"]
    monkeypatch.setattr(opening, "migrations", lambda: broken)
    with pytest.raises(opening.StoreError, match="nonsense"):
        prepare(old, FEED)
    assert content(old) == before


def kept(path: Path, schema: int = BEFORE_OPAQUE_IDS) -> Path:
    """Where a store of this schema is kept when it is migrated."""
    return path.with_name(f"{path.name}.before-schema-{schema + 1}")


def test_what_was_there_is_kept(old: Path) -> None:
    """Before anything is changed, the store is copied, for its owner only; it is told where."""
    before = content(old)
    migrated = prepare(old, FEED).migrated
    assert migrated == (BEFORE_OPAQUE_IDS, len(migrations()), kept(old))
    assert content(kept(old)) == before
    assert rows(kept(old), "PRAGMA user_version") == [(BEFORE_OPAQUE_IDS,)]
    assert stat.S_IMODE(kept(old).stat().st_mode) == 0o600
    assert prepare(old, FEED).migrated is None
    assert content(kept(old)) == before


def test_a_migration_is_undone(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The older scand says what to put in the place of the store, and goes on with that."""
    before = content(old)
    prepare(old, FEED)
    with monkeypatch.context() as older:
        known = migrations()[:BEFORE_OPAQUE_IDS]
        older.setattr(opening, "migrations", lambda: known)
        with pytest.raises(StoreError, match="knows schemas up to") as caught:
            connect(old)
        assert f"{kept(old)} is the store from before its migration" in caught.value.hint
        kept(old).replace(old)
        connect(old).close()
    assert content(old) == before


def test_each_step_keeps_its_own(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that fails half way and goes on later leaves the first copy as it is."""
    before, good = content(old), migrations()
    broken = [*good[: BEFORE_OPAQUE_IDS + 1], "SELECT nonsense"]
    with monkeypatch.context() as patch:
        patch.setattr(opening, "migrations", lambda: broken)
        with pytest.raises(StoreError, match="nonsense"):
            prepare(old, FEED)
    prepare(old, FEED)
    assert content(kept(old)) == before
    assert rows(kept(old, BEFORE_OPAQUE_IDS + 1), "PRAGMA user_version") == [
        (BEFORE_OPAQUE_IDS + 1,)
    ]


def test_nothing_is_kept_of_an_empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that has seen nothing has nothing to be kept."""
    path = tmp_path / "scand.db"
    with monkeypatch.context() as older:
        known = migrations()[:-1]
        older.setattr(opening, "migrations", lambda: known)
        assert prepare(path, FEED) == (None, None)
    assert prepare(path, FEED).migrated == (len(migrations()) - 1, len(migrations()), None)
    assert not list(tmp_path.glob("*before-schema*"))


def test_no_migration_without_a_copy(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for it, or the store is damaged, the store stays as it is."""
    before = content(old)
    full = os.statvfs_result((4096, 4096, 9, 1, 1, 9, 9, 9, 0, 255))
    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", lambda _: full)
        with pytest.raises(StoreBlockedError, match=f"{old.parent}: a copy takes"):
            prepare(old, FEED)
    assert (content(old), not kept(old).exists()) == (before, True)
    ((number,),) = rows(old, "SELECT rootpage FROM sqlite_schema WHERE name = 'parcels'")
    with old.open("r+b") as file:
        file.seek((number - 1) * 4096)
        file.write(b"\xff" * 64)
    with pytest.raises(StoreError, match="is damaged"):
        prepare(old, FEED)
    assert rows(old, "PRAGMA user_version") == [(BEFORE_OPAQUE_IDS,)]
    assert not kept(old).exists()


def test_a_backup_before_a_migration(old: Path, tmp_path: Path) -> None:
    """A store that is not migrated yet is copied as it is, and checked as far as it can be."""
    before, target = content(old), tmp_path / "copy"
    done = back_up(old, target)
    assert done == (*counts(old), BEFORE_OPAQUE_IDS, None)
    assert content(target) == content(old) == before
    assert rows(old, "PRAGMA user_version") == [(BEFORE_OPAQUE_IDS,)]
    ((number,),) = rows(old, "SELECT rootpage FROM sqlite_schema WHERE name = 'parcels'")
    with old.open("r+b") as file:
        file.seek((number - 1) * 4096)
        file.write(b"\xff" * 64)
    with pytest.raises(StoreError, match="is damaged"):
        back_up(old, target, force=True)
    assert content(target) == before


def counts(path: Path) -> tuple[int, int]:
    """Parcels and events."""
    ((parcels,),) = rows(path, "SELECT count(*) FROM parcels")
    ((events,),) = rows(path, "SELECT count(*) FROM journal")
    return parcels, events
