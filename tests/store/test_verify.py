"""Whatever is not the fold of the journal is found, and named."""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from scand.core.parcel import ORDERS, Order
from scand.store import reading
from scand.store import verify as verifying
from scand.store.commit import commit
from scand.store.opening import Identity, connect, prepare
from scand.store.reading import open_reader
from scand.store.transaction import run
from scand.store.verify import MAX_NAMED, Verification, verify
from tests.store.pages import FEED, at, many, page, rows
from tests.support.scans import scan

PARCELS = 12


@pytest.fixture
def filled(path: Path) -> Path:
    """Return a store with three events for each of twelve parcels, numbered from 1."""
    with closing(connect(path)) as connection:
        pages = [page(*many(1, 3 * PARCELS, parcels=PARCELS))]
        run(connection, commit(pages, ORDERS["event_id"], 1.0))
    return path


@pytest.fixture(params=[1, 5, 6, 12, 2_000])
def step(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many parcels are rebuilt at a time; chunks end elsewhere."""
    monkeypatch.setattr(verifying, "STEP", request.param)
    monkeypatch.setattr(reading, "CHUNK", 5)
    return int(request.param)


def tamper(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(script)


def verified(path: Path) -> Verification:
    with open_reader(path) as reader:
        return verify(reader)


def digest_of(path: Path) -> str:
    """The sum over all parcels, as a line of JSON each."""
    lines = (json.dumps(row, separators=(",", ":")) for row in rows(path, "SELECT * FROM parcels"))
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def test_new_store(path: Path) -> None:
    """A store without events is sound."""
    result = verified(path)
    assert (result.ok, result.parcels, result.events, result.different) == (True, 0, 0, 0)


@pytest.mark.usefixtures("step")
def test_sound(filled: Path) -> None:
    """A sound store is found sound, whole, and with the same digest whatever the step."""
    result = verified(filled)
    assert result.ok
    assert (result.parcels, result.events, result.different) == (PARCELS, 3 * PARCELS, 0)
    assert result.digest == result.rebuilt == digest_of(filled)


@pytest.mark.usefixtures("step")
@pytest.mark.parametrize("parcel", [1, 5, 6, 12])
@pytest.mark.parametrize(
    "script",
    [
        "UPDATE parcels SET status_code = 'X' WHERE parcel_id = {}",
        "UPDATE parcels SET run_id = NULL WHERE parcel_id = {}",
        "UPDATE parcels SET event_id = event_id + 100 WHERE parcel_id = {}",
        "UPDATE parcels SET picked_up_at = 'never', picked_up_event_id = 7 WHERE parcel_id = {}",
        "UPDATE parcels SET delivered_at = 'never', delivered_event_id = 7 WHERE parcel_id = {}",
        "DELETE FROM parcels WHERE parcel_id = {}",
        "DELETE FROM journal WHERE parcel_id = {}",
        "DELETE FROM journal WHERE event_id = (SELECT event_id FROM parcels WHERE parcel_id = {})",
        "UPDATE journal SET created_at = '2000' WHERE parcel_id = {}",
        "UPDATE journal SET type = 'PICKUP', created_at = '1' WHERE parcel_id = {}",
        "UPDATE journal SET status_code = 'X' WHERE parcel_id = {}",
    ],
)
def test_tampered(filled: Path, script: str, parcel: int) -> None:
    """A changed or missing parcel or journal row is found, at any place, and it alone."""
    tamper(filled, script.format(parcel))
    result = verified(filled)
    assert not result.ok
    assert (result.different, result.named) == (1, [parcel])


@pytest.mark.usefixtures("step")
@pytest.mark.parametrize("parcel", [0, -(2**63), 13, 2**63 - 1])
def test_surplus_parcel(filled: Path, parcel: int) -> None:
    """A parcel without events is found, wherever it stands."""
    tamper(
        filled,
        f"INSERT INTO parcels SELECT {parcel}, event_id, type, created_at, status_code, run_id,"
        " NULL, NULL, NULL, NULL FROM parcels WHERE parcel_id = 1",
    )
    result = verified(filled)
    assert (result.ok, result.named) == (False, [parcel])


@pytest.mark.usefixtures("step")
@pytest.mark.parametrize("parcel", [0, -(2**63), 13, 2**63 - 1])
def test_surplus_events(filled: Path, parcel: int) -> None:
    """An event of a parcel that the table does not know is found, wherever it stands."""
    tamper(
        filled,
        "INSERT INTO journal (event_id, parcel_id, type, created_at, status_code, recorded_at)"
        f" VALUES (999, {parcel}, 'STATUS', '2021', '', 1)",
    )
    result = verified(filled)
    assert (result.ok, result.named, result.events) == (False, [parcel], 3 * PARCELS + 1)


def test_events_that_changed_places(filled: Path) -> None:
    """An event that was moved to another parcel makes both differ."""
    tamper(filled, "UPDATE journal SET parcel_id = 3 WHERE event_id = 36")
    assert verified(filled).named == [1, 3]


def test_many_differences(path: Path) -> None:
    """Of many differences some are named, and all are counted."""
    with closing(connect(path)) as connection:
        pages = [page(*many(1, 100, parcels=100))]
        run(connection, commit(pages, ORDERS["event_id"], 1.0))
    tamper(path, "UPDATE parcels SET status_code = 'X'")
    result = verified(path)
    assert (result.different, result.parcels) == (100, 100)
    assert result.named == list(range(1, MAX_NAMED + 1))


@pytest.mark.parametrize("order", ORDERS)
def test_order(tmp_path: Path, order: Order) -> None:
    """A store is verified in the order in which it was folded."""
    path = tmp_path / "ordered.db"
    prepare(path, Identity(FEED.name, FEED.id_kind, order, FEED.url))
    scans = [
        scan(1, 5, "PICKUP", CreatedDateTimeUtc=at(30)),
        scan(2, 5, "PICKUP", CreatedDateTimeUtc=at(10)),
    ]
    with closing(connect(path)) as connection:
        run(connection, commit([page(*scans, order=order)], ORDERS[order], 1.0))
    assert verified(path).ok
    other = next(one for one in ORDERS if one != order)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute('UPDATE feed SET "order" = ?', (other,))
    assert not verified(path).ok
