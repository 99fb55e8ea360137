"""Many worlds, all faults: every invariant holds, and has met every fault."""

import os

import pytest

from tests.simulation.plan import draw
from tests.simulation.rates import ACTIVE
from tests.simulation.run import run
from tests.simulation.sweep import Summary, summarise

SEEDS = 500
JOBS = min(os.cpu_count() or 1, 4)


@pytest.fixture(scope="module")
def summary() -> Summary:
    """What the seeds have shown; they are run once."""
    return summarise(range(SEEDS), JOBS)


def test_no_seed_violates_an_invariant(summary: Summary) -> None:
    """A seed that does is printed with the command that replays it."""
    found = [
        f"python -m tests.simulation --trace {outcome.seed}: {outcome.violation}"
        for outcome in summary.violations
    ]
    assert not found, "\n".join(found)


def test_every_fault_meets_every_invariant(summary: Summary) -> None:
    """A fault that never struck, or a check that never had anything to check, proves nothing."""
    empty = [f"{fault.value} / {invariant.value}" for fault, invariant in summary.empty_cells()]
    assert not empty, "\n".join(empty)


def test_time_passes(summary: Summary) -> None:
    """Seeds are long compared to what is waited for, and see processes come and go."""
    assert summary.seconds > SEEDS * 120
    assert summary.processes > SEEDS * 2


def test_a_world_without_faults_is_quiet() -> None:
    """Nothing strikes that was not drawn, and one process sees it through."""
    for seed in range(5):
        outcome = run(seed, frozenset())
        assert not outcome.violation
        assert not outcome.struck
        assert outcome.lives == 1


def test_a_seed_has_only_the_faults_it_is_given() -> None:
    """So that a failing seed can be reduced to the faults that matter."""
    for seed in range(20):
        assert draw(seed, ACTIVE).rates.keys() <= ACTIVE
        assert not draw(seed, frozenset()).rates
