"""What became of the cursor's event: every kind of feed, inclusive and exclusive, capped or not."""

from collections.abc import Sequence

import pytest

from scand.core.continuity import Finding, Verdict, inquire, tell


def ask(ids: Sequence[int], cursor: int, before: int, *, exclusive: bool, cap: int) -> Verdict:
    """Answer an inquiry as a server with these ids would."""
    inquiry = inquire(cursor, before, 0 if exclusive else 1)
    question = next(inquiry)
    for _ in range(10):
        first = question.from_id + exclusive
        shown = [each for each in sorted(ids) if each >= first][: min(question.limit, cap)]
        try:
            question = inquiry.send(shown)
        except StopIteration as done:
            verdict: Verdict = done.value
            return verdict
    raise AssertionError("asks for ever")


FEEDS = [
    ([1, 2, 5, 7], Finding.SAME),
    ([5], Finding.SAME),
    ([1, 2, 4, 5, 6], Finding.SAME),
    ([1, 2, 4, 7], Finding.WITHDRAWN),
    ([1, 2, 4], Finding.WITHDRAWN),  # the newest event was taken back
    ([6, 7], Finding.WITHDRAWN),  # all before aged out, and nothing is missing behind
    ([7, 8], Finding.RETENTION_GAP),
    ([900], Finding.RETENTION_GAP),
    ([1, 2], Finding.RESET),
    ([1], Finding.RESET),
    ([3], Finding.RESET),
    ([], Finding.EMPTY),
]


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("cap", [1, 2, 100])
@pytest.mark.parametrize(("ids", "finding"), FEEDS)
def test_finds_out(ids: list[int], finding: Finding, exclusive: bool, cap: int) -> None:  # noqa: FBT001
    """With the cursor at 5 and 4 known before it, each feed is told from the others."""
    assert ask(ids, 5, 4, exclusive=exclusive, cap=cap).finding is finding


def test_says_where_the_feed_begins() -> None:
    """What is lost can be told from where the feed begins."""
    verdict = ask([900, 901], 5, 4, exclusive=False, cap=100)
    assert verdict == Verdict(Finding.RETENTION_GAP, 900)
    assert "5" in tell(verdict, 5)
    assert "900" in tell(verdict, 5)


@pytest.mark.parametrize("finding", Finding)
def test_every_finding_can_be_told(finding: Finding) -> None:
    """An operator reads a sentence, not a code."""
    assert "5" in tell(Verdict(finding, 3), 5)


def test_the_first_event_of_a_feed() -> None:
    """Where the cursor is 1, nothing is asked from 0: some servers refuse that."""
    assert ask([1, 2], 1, 0, exclusive=False, cap=9).finding is Finding.SAME
    assert ask([1, 2], 1, 0, exclusive=True, cap=9).finding is Finding.WITHDRAWN
