"""Finding the head of a feed without reading it: doubling, then bisection."""

from collections.abc import Generator

from scand.core.event import MAX_ID

Probe = Generator[int, int | None, int]
"""Yields an id to ask from; is sent the least id at or after it, or None where there is none."""


def find_head(start: int = 1) -> Probe:
    """The greatest visible id, or `start` - 1 in an empty feed; in at most about 126 questions."""
    known, step = start - 1, 1
    beyond = MAX_ID + 1
    while known + step < beyond:
        found = yield known + step
        if found is None or found < known + step:  # a stray id from below says nothing
            beyond = known + step
        else:
            known = found
        step = max(1, min(step * 2, (beyond - known) // 2))
    return known
