"""Coverages at a place, and answers to what they ask."""

import pytest

from scand.core.coverage import Coverage, Position, Progress, Seen
from scand.core.instant import instant_at
from scand.core.ledger import Gap
from tests.core.carrier import T0, Scan

WINDOW = 20.0
LONG_AGO = T0 - 1e6
JUMP = 10_000_000

servers = pytest.mark.parametrize("inclusive", [True, False], ids=["inclusive", "exclusive"])


def dense(count: int, first: int = 1, at: float = LONG_AGO) -> list[Scan]:
    return [Scan(each, at, at) for each in range(first, first + count)]


def seen(*ids: int, at: float = T0, unreadable: int = 0) -> Seen:
    return Seen([(each, instant_at(at)) for each in ids], unreadable)


def at_cursor(cursor: int, *gaps: Gap, **settings: object) -> Coverage:
    return Coverage(Position(cursor, anchored=True), gaps, **settings)  # type: ignore[arg-type]


def answer(coverage: Coverage, *ids: int, unreadable: int = 0, now: float = T0) -> Progress:
    """Ask what moves the cursor, and take the answer."""
    return coverage.absorb(coverage.advance(), seen(*ids, at=now, unreadable=unreadable), now, now)
