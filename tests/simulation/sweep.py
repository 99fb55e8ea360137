"""Many seeds, in several processes, and what came of them together."""

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context

from tests.simulation.faults import NEVER_MEET, Cell, Fault, Invariant
from tests.simulation.rates import ACTIVE
from tests.simulation.run import Outcome, run

CHUNK = 10
"""Seeds that a process takes at a time."""


@dataclass
class Summary:
    """What some seeds have shown."""

    seeds: int = 0
    seconds: float = 0.0
    processes: int = 0
    requests: int = 0
    struck: Counter[Fault] = field(default_factory=Counter)
    cells: Counter[Cell] = field(default_factory=Counter)
    violations: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one more seed."""
        self.seeds += 1
        self.seconds += outcome.seconds
        self.processes += outcome.lives
        self.requests += outcome.requests
        self.struck += outcome.struck
        self.cells.update(outcome.cells)
        if outcome.violation:
            self.violations.append(outcome)

    def empty_cells(self, faults: frozenset[Fault] = ACTIVE) -> list[Cell]:
        """Faults and invariants that never met."""
        pairs = ((fault, invariant) for fault in Fault for invariant in Invariant)
        possible = (pair for pair in pairs if pair[0] in faults and pair not in NEVER_MEET)
        return [pair for pair in possible if not self.cells[pair]]


def sweep(
    seeds: Sequence[int], jobs: int = 1, faults: frozenset[Fault] = ACTIVE
) -> Iterator[Outcome]:
    """Run seeds; the outcomes come in order."""
    if jobs == 1:
        yield from _run_all(seeds, faults)
        return
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=gc.freeze) as pool:
        for outcomes in pool.map(partial(_run_all, faults=faults), chunks):
            yield from outcomes


def _run_all(seeds: Iterable[int], faults: frozenset[Fault]) -> list[Outcome]:
    return [run(seed, faults) for seed in seeds]


def summarise(seeds: Sequence[int], jobs: int = 1) -> Summary:
    """Run seeds and add them up."""
    summary = Summary()
    for outcome in sweep(seeds, jobs):
        summary.add(outcome)
    return summary
