from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from scand.simulator import Clock, DataFaults, World, WorldPlan

STARTS_AT = datetime(2021, 5, 11, 21, 11, 34, 150614, tzinfo=UTC)


@pytest.fixture
def make_world() -> Callable[..., World]:
    """A world whose time stands still, unless a clock is given."""

    def make(*, clock: Clock | None = None, faults: DataFaults | None = None, **plan: Any) -> World:
        full = WorldPlan(faults=faults or DataFaults(), **{"starts_at": STARTS_AT, **plan})
        return World(full, clock or Clock(seconds=lambda: 0.0))

    return make
