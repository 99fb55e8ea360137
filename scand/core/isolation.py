"""Finding the one event that makes every page with it unreadable.

Pages are made smaller until they hold one event: then either it can be read, or it is the broken
one. The body does not say which id that has, but the carrier does: asked from any id up to it, it
answers with the same bytes, and asked from beyond with others. So its id is found by doubling and
bisection, in about 2 log2(gap) questions.
"""

from collections.abc import Generator

from scand.core.event import MAX_ID

Search = Generator[int, bool, int | None]
"""Yields ids to ask from; is sent whether the answer was the same; returns the last that was."""


def locate(from_id: int, reach: int) -> Search:
    """The greatest id from which the same comes first as from `from_id`.

    None where the same comes from everywhere up to `reach` ids on: then no event is to blame.
    """
    same, step, end = from_id, 1, min(from_id + reach, MAX_ID)
    while same < end and (yield min(same + step, end)):
        same, step = min(same + step, end), step * 2
    if same == end:
        return None if end < MAX_ID else end
    other = min(same + step, end)
    while other - same > 1:
        middle = (same + other) // 2
        if (yield middle):
            same = middle
        else:
            other = middle
    return same
