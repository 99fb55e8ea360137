"""A feed with one malformed event of every kind in fifty, and the same feed when it is repaired."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from scand.store.moving import move_cursor
from scand.store.opening import connect
from scand.store.transaction import run
from tests.hostile.carrier import RawCarrier, good
from tests.hostile.conftest import Follow
from tests.hostile.test_events import DEAD
from tests.support.parts import NOON

EVERY = 50
"""Events from one malformed one to the next: 2 %."""

PLACES = {EVERY // 2 + EVERY * number: kind for number, kind in enumerate(DEAD.values())}
LAST = EVERY * len(DEAD)


def bad(place: int) -> bytes:
    """The kind of malformed event that belongs to a place, with the id of that place."""
    return re.sub(rb'("EventId": "?)4', rb"\g<1>%d" % place, PLACES[place][0])


def letters(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT raw, reason, state, event_id FROM dead_letters")
        return rows.fetchall()


def test_every_kind_and_its_repair(follow: Follow, tmp_path: Path) -> None:
    """Each is a dead letter with its bytes and reason; served whole, each is applied."""
    carrier = RawCarrier({place: good(place) for place in range(1, LAST + 1)})
    carrier.elements |= {place: bad(place) for place in PLACES}
    result = follow(carrier)
    assert result.events.keys() == carrier.elements.keys() - PLACES.keys()
    assert sorted((raw, reason) for reason, raw, _ in result.dead) == sorted(
        (bad(place), reason) for place, (_, reason, _) in PLACES.items()
    )

    carrier.elements |= {place: good(place) for place in PLACES}
    with closing(connect(tmp_path / "scand.db")) as connection:
        run(connection, move_cursor(0, NOON))
    result = follow(carrier)
    assert sorted(result.events) == list(range(1, LAST + 1))
    assert result.parcels.keys() == {1000 + place for place in carrier.elements}
    kept = letters(tmp_path / "scand.db")
    assert len(kept) == len(PLACES)
    for _, _, state, event_id in kept:
        assert state == ("open" if event_id is None else "superseded")
