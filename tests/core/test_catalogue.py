import pytest

from scand.core.catalogue import SHIPPED, Catalogue
from scand.core.event import ScanEvent
from scand.core.instant import EARLIEST


def scan(kind: str, status_code: str = "", run_id: str | None = "100") -> ScanEvent:
    return ScanEvent(1, 1, kind, EARLIEST, status_code, run_id)


@pytest.mark.parametrize("entry", SHIPPED)
def test_knows_what_ships(entry: str) -> None:
    """Every pair of the list that ships is known, as are those of the carrier's sample."""
    kind, _, status_code = entry.partition("/")
    assert Catalogue.of().oddity(scan(kind, status_code)) is None


@pytest.mark.parametrize(
    ("event", "oddity"),
    [
        (scan("RETURN"), "RETURN/ is not in the catalogue"),
        (scan("STATUS", "LOST"), "STATUS/LOST is not in the catalogue"),
        (scan("STATUS", "in_transit"), "STATUS/in_transit is not in the catalogue"),
        (scan("PICKUP", run_id=None), "User.RunId is absent"),
        (scan("RETURN", run_id=None), "RETURN/ is not in the catalogue"),
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_says_what_is_odd(event: ScanEvent, oddity: str, strict: bool) -> None:  # noqa: FBT001 - a parameter
    """An unknown pair comes first, then an absent RunId, in either mode."""
    assert Catalogue.of(strict=strict).oddity(event) == oddity


@pytest.mark.parametrize("entry", ["RETURN/LOST", " return /LOST", "Return/LOST"])
def test_entries_are_written_as_type_and_status_code(entry: str) -> None:
    """The type of an entry is folded as an event's is; its status code is kept."""
    catalogue = Catalogue.of([entry])
    assert catalogue.oddity(scan("RETURN", "LOST")) is None
    assert catalogue.oddity(scan("RETURN")) is not None
    assert catalogue.oddity(scan("PICKUP")) is not None


def test_a_status_code_may_hold_a_slash() -> None:
    """An entry is split at its first slash."""
    assert Catalogue.of(["STATUS/A/B"]).oddity(scan("STATUS", "A/B")) is None


def test_a_type_alone_has_no_status_code() -> None:
    """`TYPE` and `TYPE/` are the same entry."""
    assert Catalogue.of(["RETURN"]) == Catalogue.of(["RETURN/"])
