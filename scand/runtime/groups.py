"""A nursery hands on what its children raise as a group; people want to be told the error."""

from collections.abc import Iterator
from contextlib import contextmanager

from scand.core.errors import ScandError


@contextmanager
def ungrouped() -> Iterator[None]:
    """Raise what a user is told as itself; a group with a bug in it stays whole."""
    try:
        yield
    except BaseExceptionGroup as group:
        told, bugs = group.split((ScandError, KeyboardInterrupt, BrokenPipeError, SystemExit))
        if told is None or bugs is not None:
            raise
        first = next(leaves(told))
        raise first from first.__cause__


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors in a group of groups, or the error itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error
