import sqlite3

import msgspec
import pytest

from scand.core.event import MAX_ID, Reason, Rejected, ScanEvent
from scand.core.instant import EARLIEST


def test_the_greatest_id_fits_the_store() -> None:
    """An id in range is a 64-bit integer to SQLite, the next one is not."""
    connection = sqlite3.connect(":memory:")
    assert connection.execute("SELECT ?", [MAX_ID]).fetchone() == (MAX_ID,)
    with pytest.raises(OverflowError):
        connection.execute("SELECT ?", [MAX_ID + 1])
    connection.close()


def test_events_are_values() -> None:
    """Two events of the same content are equal, and count once in a set."""
    one, other = (ScanEvent(1, 2, "PICKUP", EARLIEST, run_id="7") for _ in range(2))
    assert one == other
    assert len({one, other, msgspec.structs.replace(one, run_id=None)}) == 2
    with pytest.raises(AttributeError):
        one.type = "DELIVERY"  # type: ignore[misc]


def test_a_dead_letter_is_known_by_its_id() -> None:
    """Whatever the bytes, one EventId makes one dead letter; without it the bytes do."""
    by_id = {Rejected(Reason.INVALID_FIELD, "", raw, 7).identity for raw in (b"1", b"2")}
    assert by_id == {"id:7"}
    by_content = {Rejected(Reason.NOT_JSON, "", raw).identity for raw in (b"1", b"2", b"1")}
    assert len(by_content) == 2
