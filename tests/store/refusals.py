"""How a store is refused: with a reason and a remedy, and nothing left open."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scand.core.errors import StoreError


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - as cheap as can be


@contextmanager
def refused(*words: str) -> Iterator[None]:
    """A refusal that says `words` and how to go on, and leaves no file open."""
    before = open_descriptors()
    with pytest.raises(StoreError) as caught:
        yield
    assert open_descriptors() == before
    for word in words:
        assert word in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_status == 2
