"""Whether what is pruned stays known: the base, and the ids of what has gone into it."""

from collections import Counter

import trio

from tests.simulation.books import Books, Entry
from tests.simulation.faults import Fault, Invariant, Tally, require
from tests.simulation.plan import Plan
from tests.simulation.rates import CLOCK_JUMPS
from tests.simulation.terms import Terms
from tests.simulation.truth import fold
from tests.support.parts import NOON

I1, I4, I5 = Invariant.I1, Invariant.I4, Invariant.I5


class Pruning:
    """Follows what leaves the journal of one store."""

    def __init__(self, plan: Plan, terms: Terms, tally: Tally) -> None:
        self._order, self._terms = plan.config.feed.order, terms
        self._true_clock = not plan.rates.keys() & CLOCK_JUMPS
        self._tally = tally
        self._gone: set[int] = set()

    def check(self, books: Books) -> None:
        """The base is the fold of what is gone, and nothing is gone that is not known for it."""
        gone = [entry for entry in books.journal if entry.seq not in books.kept]
        for entry in gone:
            require(books.is_pruned(entry.row["event_id"]), I5, "a row is gone:", entry)
            self._check_age(entry)
        for entry in books.journal:
            if entry.seq in books.kept:
                known = books.is_pruned(entry.row["event_id"])
                require(not known, I4, "pruned, and still there:", entry)
        require(len(gone) == books.pruned_events, I5, "pruned rows are miscounted:", len(gone))
        self._check_base(books, gone)
        self._gone = {entry.seq for entry in gone}

    def _check_base(self, books: Books, gone: list[Entry]) -> None:
        counts = Counter(entry.row["parcel_id"] for entry in gone)
        folded = fold((entry.row for entry in gone), self._order)
        expected = {
            number: parcel | {"events": counts[number]} for number, parcel in folded.items()
        }
        require(books.base == expected, I1, "the base is another:", books.base, expected)
        if gone:
            self._tally.strike(Fault.PRUNED)

    def _check_age(self, entry: Entry) -> None:
        if self._true_clock and entry.seq not in self._gone:
            age = NOON + trio.current_time() - entry.recorded_at / 1000
            in_force = self._terms.since(self._terms.begun)  # a round goes on as it was begun
            least = min(config.store.keep_events for config in in_force)
            require(age >= least, I4, "pruned too early:", age, entry)
