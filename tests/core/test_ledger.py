"""The gap ledger, against a model that holds every missing id by itself."""

from itertools import pairwise
from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scand.core.ledger import FIRST_LOOK, Gap, GapLedger, LedgerChange, Outcome, Settled

WINDOW = 10.0


def replay(store: dict[int, Gap], change: LedgerChange) -> None:
    """What the store does with a change."""
    for low in change.removed:
        store.pop(low, None)
    store.update({gap.low: gap for gap in change.put})


class LedgerAgainstModel(RuleBasedStateMachine):
    """Ids are opened above all others, seen, looked for, and the process dies now and then."""

    @initialize(late_window=st.sampled_from([0.0, 0.5, WINDOW]))
    def begin(self, late_window: float) -> None:
        self.late_window = late_window
        self.ledger = GapLedger((), late_window)
        self.now, self.top = 1000.0, 0
        self.missing: dict[int, float] = {}
        self.settled: list[tuple[Outcome, int, float]] = []
        self.store: dict[int, Gap] = {}

    def runs(self) -> list[Gap]:
        """The missing ids as the longest ranges of neighbours."""
        gaps: list[Gap] = []
        for each, since in sorted(self.missing.items()):
            if gaps and gaps[-1].high == each - 1:
                assert gaps[-1].since == since
                gaps[-1] = gaps[-1]._replace(high=each)
            else:
                gaps.append(Gap(each, each, since))
        return gaps

    def settle(self, outcome: Outcome, gone: list[int]) -> None:
        self.settled += [(outcome, each, self.missing.pop(each)) for each in gone]

    @rule(seen=st.integers(0, 3), size=st.integers(1, 6))
    def open(self, seen: int, size: int) -> None:
        low, high = self.top + seen + 1, self.top + seen + size
        self.top = high
        self.ledger.open(low, high, self.now)
        while low - 1 in self.missing:
            low -= 1
        self.missing.update(dict.fromkeys(range(low, high + 1), self.now))

    @rule(data=st.data())
    def fill(self, data: st.DataObject) -> None:
        ids = sorted(data.draw(st.sets(st.integers(1, self.top + 3), max_size=8)))
        self.ledger.fill(ids, self.now)
        self.settle(Outcome.FILLED, [each for each in ids if each in self.missing])

    @rule(data=st.data(), ago=st.sampled_from([0.0, 0.0, 1.0, WINDOW]))
    def look(self, data: st.DataObject, ago: float) -> None:
        low = data.draw(st.integers(0, self.top + 1))
        high = data.draw(st.integers(low - 1, self.top + 2))
        self.look_at(low, high, self.now - ago)

    @precondition(lambda self: self.ledger.due(self.now, 3) is not None)
    @rule(reach=st.integers(0, 8), shown=st.integers(-1, 8))
    def look_at_what_is_due(self, reach: int, shown: int) -> None:
        span = self.ledger.due(self.now, reach)
        assert span is not None
        self.look_at(span[0], min(span[0] + shown, span[1]), self.now)

    def look_at(self, low: int, high: int, begun: float) -> None:
        old = [gap for gap in self.runs() if begun >= gap.since + self.late_window]
        self.ledger.looked(low, high, begun)
        for gap in old:
            if low <= gap.low <= high:
                self.settle(Outcome.GIVEN_UP, list(range(gap.low, min(gap.high, high) + 1)))

    @rule(seconds=st.sampled_from([0.3, 1.0, 4.0, WINDOW, 1000.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def restart(self) -> None:
        self.commit()
        self.ledger = GapLedger(self.store.values(), self.late_window)

    @invariant()
    def commit(self) -> None:
        """The change since the last one is what makes the store's gaps the model's."""
        change = self.ledger.take_change()
        replay(self.store, change)
        assert sorted(self.store.values()) == self.runs()
        settled = [
            (each.outcome, missing, each.since)
            for each in change.settled
            for missing in range(each.low, each.high + 1)
        ]
        assert sorted(settled) == sorted(self.settled)
        self.settled = []
        assert self.ledger.take_change() == LedgerChange([], [], [])

    @invariant()
    def what_is_missing_is_looked_for(self) -> None:
        gaps = self.runs()
        assert len(self.ledger) == len(gaps)
        assert (self.ledger.next_look() == inf) == (not gaps)
        span = self.ledger.due(self.now, 5)
        assert (span is not None) == (self.ledger.next_look() <= self.now)
        if span is not None:
            low, high = span
            first = next(gap for gap in gaps if gap.low == low)
            within = [gap.high for gap in gaps if first.low <= gap.low <= first.low + 5]
            assert high == min(within[-1], max(first.high, first.low + 5))
        for gap in gaps:
            due = self.ledger._due[gap.low]
            assert due <= max(self.now, gap.since + self.late_window) + FIRST_LOOK


class TestLedger(LedgerAgainstModel.TestCase):  # type: ignore[name-defined,misc]
    """The ledger holds what the model holds, whatever happens to it."""

    settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def looks(ledger: GapLedger, now: float) -> list[float]:
    """When the only gap is looked at until it is given up, each look seeing nothing."""
    times = []
    while (when := ledger.next_look()) < inf:
        now = max(now, when)
        span = ledger.due(now, 0)
        assert span is not None
        ledger.looked(*span, now)
        times.append(now)
    return times


def test_looks_when_the_age_of_a_gap_has_doubled() -> None:
    """So a late id is found within twice its lateness, for about ten looks in all."""
    ledger = GapLedger((), 600.0)
    ledger.open(5, 9, 0.0)
    assert looks(ledger, 0.0) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600]


def test_the_clock_alone_gives_nothing_up() -> None:
    """However old a gap is, and however often asked for, it stays until it was looked at."""
    ledger = GapLedger([Gap(5, 9, 0.0)], WINDOW)
    for now in (WINDOW, 1e6, 1e12):
        assert ledger.due(now, 100) == (5, 9)
    assert ledger.take_change() == LedgerChange([], [], [])
    ledger.looked(5, 9, WINDOW - 0.1)
    assert len(ledger) == 1
    ledger.looked(5, 9, WINDOW)
    assert ledger.take_change() == LedgerChange(
        [5], [], [Settled(Outcome.GIVEN_UP, 5, 9, 0.0, WINDOW)]
    )


def test_a_gap_that_was_shown_in_part_is_given_up_in_part() -> None:
    """What the look did not reach stays, and is due at once."""
    ledger = GapLedger([Gap(5, 9, 0.0)], WINDOW)
    ledger.looked(5, 6, WINDOW)
    assert ledger.take_change() == LedgerChange(
        [5], [Gap(7, 9, 0.0)], [Settled(Outcome.GIVEN_UP, 5, 6, 0.0, WINDOW)]
    )
    assert ledger.due(WINDOW, 0) == (7, 9)


def test_gaps_take_turns() -> None:
    """A gap of which a look showed nothing lets the others go first."""
    ledger = GapLedger([Gap(5, 5, 0.0), Gap(7, 7, 0.0)], WINDOW)
    assert ledger.due(WINDOW, 0) == (5, 5)
    ledger.looked(5, 4, WINDOW)
    assert ledger.due(WINDOW, 0) == (7, 7)
    ledger.looked(7, 7, WINDOW)
    assert ledger.due(WINDOW, 0) is None
    assert ledger.due(WINDOW + FIRST_LOOK, 0) == (5, 5)


def test_what_is_known_to_be_missing_is_not_opened_again() -> None:
    """A passage over ids with gaps among them opens what lies around those, and leaves them be."""
    known = [Gap(3, 4, 1.0), Gap(7, 7, 2.0), Gap(9, 12, 3.0)]
    ledger = GapLedger(known, WINDOW)
    ledger.open(1, 8, 5.0)
    ledger.open(10, 15, 6.0)
    assert list(ledger.unknown(1, 15)) == []
    assert list(ledger.unknown(14, 18)) == [(16, 18)]
    fresh = [Gap(1, 2, 5.0), Gap(5, 6, 5.0), Gap(8, 8, 5.0), Gap(9, 15, 6.0)]
    assert ledger.take_change() == LedgerChange([], fresh, [])
    ledger.looked(1, 15, 100.0)
    assert len(ledger) == 0


def test_a_clock_set_back_stops_no_look() -> None:
    """A gap that would be due further off than the window allows is due now."""
    ledger = GapLedger([Gap(5, 9, 1e9)], WINDOW)
    assert ledger.due(1e9 - 86_400, 0) == (5, 9)
    ledger.looked(5, 9, 1e9 - 86_400)
    assert ledger.due(1e9 - 86_400, 0) is None
    assert ledger.due(1e9 - 86_400 + FIRST_LOOK, 0) == (5, 9)
    assert len(ledger) == 1


@pytest.mark.parametrize("width", [10**9, 10**18])
def test_a_wide_gap_is_a_range(width: int) -> None:
    """A gap costs the same however many ids are missing."""
    ledger = GapLedger((), WINDOW)
    ledger.open(2, width, 0.0)
    ledger.fill([width // 2, width // 2 + 1], 0.0)
    assert ledger.take_change().put == [
        Gap(2, width // 2 - 1, 0.0),
        Gap(width // 2 + 2, width, 0.0),
    ]
    assert ledger.due(FIRST_LOOK, 100) == (2, width // 2 - 1)
    ledger.looked(2, width, WINDOW)
    assert len(ledger) == 0


def test_many_gaps_cost_no_more_each() -> None:
    """Fifty thousand gaps are opened, looked at, filled and given up in no time."""
    ledger = GapLedger((), WINDOW)
    lows = range(2, 100_002, 2)
    for low in lows:
        ledger.open(low, low, 0.0)
    for begun in (FIRST_LOOK, 5.0, WINDOW):
        looks = 0
        while (span := ledger.due(begun, 100)) is not None:
            if begun == FIRST_LOOK:
                ledger.fill([span[0]], begun)
            ledger.looked(*span, begun)
            ledger.take_change()
            looks += 1
        assert looks <= 1000  # of 50 gaps each
    assert len(ledger) == 0
    store = {low: Gap(low, low, 0.0) for low in lows}
    again = GapLedger(store.values(), WINDOW)
    again.fill(lows, 0.0)
    replay(store, again.take_change())
    assert store == {}


def test_the_gaps_are_apart() -> None:
    """Gaps that touch are one."""
    ledger = GapLedger((), WINDOW)
    for low, high, now in ((2, 3, 0.0), (4, 6, 1.0), (8, 8, 2.0)):
        ledger.open(low, high, now)
    gaps = ledger.take_change().put
    assert gaps == [Gap(2, 6, 1.0), Gap(8, 8, 2.0)]
    assert all(one.high + 1 < other.low for one, other in pairwise(gaps))


def test_the_window_of_a_stored_gap_begins_anew() -> None:
    """What an earlier process noted was by a clock that may have been set since then."""
    for since in (0.0, 990.0, 5000.0):  # long ago, just now, and ahead of today
        ledger = GapLedger([Gap(5, 5, since)], late_window=100.0, began=1000.0, now=1000.0)
        ledger.looked(1, 9, 1099.0)
        assert len(ledger) == 1
        ledger.looked(1, 9, 1100.0)
        (settled,) = ledger.take_change().settled
        assert settled.outcome is Outcome.GIVEN_UP
