"""Stores that an older scand has written, brought up to date."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scand.store import opening
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
