"""Where plants are entered."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.simulation.faults import Invariant

Plant = Callable[[], AbstractContextManager[None]]

PLANTS: dict[str, tuple[Plant, frozenset[Invariant]]] = {}
"""By name: the plant, and the invariants by which it may be found."""


def plant(*found_by: str) -> Callable[[Plant], Plant]:
    """Enter a plant into the list."""

    def enter(made: Plant) -> Plant:
        PLANTS[made.__name__] = made, frozenset(Invariant[name] for name in found_by)
        return made

    return enter
