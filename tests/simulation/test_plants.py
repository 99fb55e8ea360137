"""The simulation finds bugs: each of those that are planted into production code."""

import pytest

from tests.simulation.plants import PLANTS
from tests.simulation.run import run

SEEDS = 200


@pytest.mark.parametrize("name", PLANTS)
def test_every_planted_bug_is_found(name: str) -> None:
    """Within 200 seeds, and by an invariant that it breaks."""
    plant, found_by = PLANTS[name]
    for seed in range(SEEDS):
        with plant():
            outcome = run(seed)
        if outcome.violation:
            assert outcome.invariant in found_by, outcome.violation
            return
    pytest.fail(f"{name} was not found in {SEEDS} seeds")


def test_a_plant_leaves_nothing_behind() -> None:
    """What was exchanged is put back: the seeds after it are clean again."""
    before = run(0).digest
    for plant, _ in PLANTS.values():
        with plant():
            pass
    assert run(0).digest == before
