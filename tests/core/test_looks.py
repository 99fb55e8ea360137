"""Gaps near the head, which a poll takes along."""

from functools import reduce
from typing import Any

import pytest

from scand.core.coverage import Ask, Coverage, Seen
from scand.core.ledger import Gap
from tests.core.carrier import T0
from tests.core.covering import answer, at_cursor, seen, servers


def at_head(*gaps: Gap, inclusive: bool = True) -> Coverage:
    """Return a coverage that knows the server, which grants pages of 20."""
    coverage = at_cursor(50, *gaps, inclusive=inclusive)
    coverage._server.largest = 20
    return coverage


@servers
def test_a_poll_takes_near_gaps_along(inclusive: bool) -> None:  # noqa: FBT001 - a parameter
    """From the lowest that is due: there is room for all up to the cursor, and as much again."""
    before = not inclusive
    gaps = [Gap(30, 30, T0), Gap(43, 43, T0), Gap(47, 47, T0)]
    coverage = at_head(*gaps, inclusive=inclusive)
    assert coverage.advance(T0 + 0.5) == Ask(50 - before, 100)
    ask = coverage.advance(T0 + 1)
    assert ask == Ask(43 - before, 100, near=True)
    progress = coverage.absorb(ask, seen(44, 45, 46, 48, 49, 50, 51), T0 + 1, T0 + 1)
    assert (progress.position.cursor, progress.ask_again) == (51, False)
    assert coverage.advance(T0 + 1.5) == Ask(51 - before, 100)
    late = T0 + 2
    found = seen(43, 44, 45, 46, 48, 49, 50, 51)
    progress = coverage.absorb(coverage.advance(late), found, late, late)
    assert progress.at_head
    assert [gap[:3] for gap in progress.change.settled] == [("filled", 43, 43)]


def test_the_budget_for_gaps_is_not_touched() -> None:
    """A late id near the head is found by the next poll, however many gaps wait for their turn."""
    coverage = at_head(*(Gap(each, each, T0 - 9) for each in range(2, 30, 2)), Gap(49, 49, T0))
    assert coverage.reread(T0 + 2) is None
    assert coverage.advance(T0 + 2).from_id == 49


def test_what_is_missing_takes_no_room() -> None:
    """Where ids are sparse, a page reaches further down."""
    coverage = at_head(Gap(12, 28, T0), Gap(31, 43, T0))
    assert coverage.advance(T0 + 1).from_id == 12


@pytest.mark.parametrize(
    ("change", "from_id"),
    [
        ({}, 45),
        ({"_behind": True}, 51),
        ({"_covered.anchored": False}, 51),
        ({"_server.inclusive": None}, 50),
        ({"_server.largest": 11}, 50),
        ({"_server.limit": 11}, 50),
    ],
    ids=["at the head", "behind", "unanchored", "unknown server", "small pages", "small limit"],
)
def test_only_at_the_head_of_a_known_server(change: dict[str, Any], from_id: int) -> None:
    """Else the poll has another question, or no room."""
    coverage = at_head(Gap(45, 45, T0))
    for name, value in change.items():
        *owner, field = name.split(".")
        setattr(reduce(getattr, owner, coverage), field, value)
    assert coverage.advance(T0 + 1).from_id == from_id


def test_a_gap_ahead_of_the_cursor_is_not_near() -> None:
    """After a rewind, gaps lie above the cursor as well: asked from there, it would be skipped."""
    coverage = at_head(Gap(53, 53, T0))
    assert coverage.advance(T0 + 1) == Ask(50, 100)


@pytest.mark.parametrize(
    "page",
    [
        seen(43, 44, 45, 46),
        seen(unreadable=4),
        seen(unreadable=20),
        seen(*range(43, 50), unreadable=13),
        seen(*range(43, 51), unreadable=12),
    ],
    ids=["cut off", "unreadable", "a full page of that", "without the cursor", "full"],
)
def test_a_page_without_room_for_news_is_no_head(page: Seen) -> None:
    """Pages may have become smaller, or hold what cannot be read: the next question is for sure."""
    coverage = at_head(Gap(42, 42, T0))
    ask = coverage.advance(T0 + 1)
    assert not coverage.misses_cursor(ask, page)
    progress = coverage.absorb(ask, page, T0 + 1, T0 + 1)
    assert (progress.position.cursor, progress.at_head, progress.ask_again) == (50, False, False)
    assert coverage.advance(T0 + 9) == Ask(50, 100)
    assert answer(coverage, 50, 52, now=T0 + 9).position.cursor == 52
    assert coverage.advance(T0 + 99) == Ask(51, 100, near=True)


def test_a_page_with_near_gaps_that_is_too_large_is_done_without() -> None:
    """Or that cannot be read: the limit stays, and only what is missing from then on is near."""
    coverage = at_head(Gap(42, 42, T0))
    assert coverage.advance(T0 + 1).near
    assert coverage.shrink()
    assert coverage.advance(T0 + 1) == Ask(50, 100)


def test_a_poll_from_a_near_gap_proves_the_feed() -> None:
    """The cursor's event is repeated, or it is missed as always."""
    coverage = at_head(Gap(42, 42, T0))
    ask = coverage.advance(T0 + 1)
    assert coverage.proves(ask)
    assert not coverage.misses_cursor(ask, seen(*range(43, 51)))
    assert coverage.misses_cursor(ask, seen())
    assert coverage.misses_cursor(ask, seen(43, 44, 51))
