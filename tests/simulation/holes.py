"""What becomes of ids that are not there: each is accounted for, once; history is left alone."""

from collections.abc import Iterable, Sequence

from tests.simulation.books import Books, Settled
from tests.simulation.carrier import Delivery
from tests.simulation.faults import Invariant, require
from tests.simulation.plan import Plan
from tests.simulation.rates import CLOCK_JUMPS
from tests.simulation.scans import Name
from tests.simulation.terms import Terms

I2, I6 = Invariant.I2, Invariant.I6

Range = tuple[int, int]

ANEW = {"reset", "retention_gap", "cursor_set"}
"""Incidents that change what is accounted for."""

FOR_YEARS = "9999"


class Holes:
    """Follows the gap ledger of one store."""

    def __init__(self, plan: Plan, terms: Terms) -> None:
        self._terms, self._opaque = terms, plan.opaque
        self._true_clock = not plan.rates.keys() & CLOCK_JUMPS
        self._had_head = False
        self._given_up: list[Range] = []
        self._known: set[int] = set()

    def at_head(self) -> None:
        """From now on, what is missing may be recent whatever its date is."""
        self._had_head = True

    def settled(self, books: Books, gaps: Iterable[Settled]) -> None:
        """A gap is given up once: a restart or a rewind opens none again."""
        for gap in gaps:
            if gap.outcome == "given_up" and gap.number not in self._known:
                self._known.add(gap.number)
                again = any(low <= gap.high and gap.low <= high for low, high in self._given_up)
                require(not again or _anew(books), I2, "given up twice:", gap)
                self._given_up.append((gap.low, gap.high))

    def passed(self, books: Books, delivery: Delivery | None, low: int, high: int) -> None:
        """The cursor has passed ids `low`..`high` by this page: old pages leave no gaps."""
        if delivery is None or self._had_head or not self._true_clock or not self._is_old(delivery):
            return
        kept_back = (delivery.asked_from, delivery.asked_from)
        fresh = [gap for gap in books.gaps if low <= gap[0] and gap[1] <= high]
        require(not [gap for gap in fresh if gap != kept_back], I6, "history is looked for:", fresh)

    def _is_old(self, delivery: Delivery) -> bool:
        """Whether all of a page can be read, and was written long before it was served."""
        longest = max(config.feed.late_window for config in self._terms.since(delivery.at))
        horizon = delivery.at - 2 * longest - 1.0
        dates = [row["created_at"] for item in delivery.items for row in item.fate.rows]
        return (
            len(dates) >= len(delivery.items) > 0
            and all(item.fate.readable and item.shown_at < horizon for item in delivery.items)
            and not any(date.startswith(FOR_YEARS) for date in dates)
        )

    def balance(self, books: Books, recorded: Iterable[Name]) -> None:
        """Up to the cursor each id is recorded, settled, or in the count of history."""
        if self._opaque or _anew(books):
            return
        known = [(name, name) for name in recorded if isinstance(name, int)]
        known += [(gap.low, gap.high) for gap in books.settled] + books.gaps
        missing = books.cursor - _count(known, books.cursor)
        require(missing <= books.history, I2, "unaccounted for:", missing, books.history)


def _anew(books: Books) -> bool:
    return any(each.action in ANEW for each in books.audit)


def _count(ranges: Sequence[Range], most: int) -> int:
    """How many ids up to `most` are in any of these."""
    total = last = 0
    for low, high in sorted(ranges):
        start, end = max(low, last + 1), min(high, most)
        total += max(end - start + 1, 0)
        last = max(last, end)
    return total
