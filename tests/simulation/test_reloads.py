"""What operators write into the file: all that a reload applies, and what it refuses."""

from pathlib import Path

import pytest

from scand.config import AtStart, interpret, marks
from scand.core.errors import ConfigurationError
from tests.simulation.configuration import FIXED, LIVE, MISTAKES, built, toml
from tests.simulation.plan import draw

MARKS = dict(marks())

LEFT_ALONE = {
    "feed.catch_up_concurrency",  # one question at a time is what manners know
    "feed.max_body",  # whether a body is too large is for its carrier to know
    "feed.on_poison",  # nobody answers that halt: the feed would stand still for ever
    "feed.token_file",  # this carrier asks for none
    "logs.format",
    "logs.level",
    "traces.flush_timeout",
    "traces.headers_file",
    "traces.view_url",
}
"""What a reload applies, and the simulation does not look at."""


def test_every_setting_that_a_reload_applies_is_exchanged() -> None:
    """A new one has its values, or a reason not to."""
    applied = {key for key, mark in MARKS.items() if not isinstance(mark, AtStart)}
    assert applied == LIVE.keys() | LEFT_ALONE
    assert all(isinstance(MARKS[key], AtStart) for key in FIXED)


@pytest.mark.parametrize("key", [*LIVE, *FIXED])
def test_every_value_is_one_that_a_file_may_have(key: str) -> None:
    """It means the same to scand as it does to those who judge by it."""
    said = draw(0).said
    for value in {**LIVE, **FIXED}[key]:
        file = {**said, key: value}
        read, expected = interpret(Path("scand.toml"), toml(file)).config, built(file)
        assert (read.feed, read.catalogue) == (expected.feed, expected.catalogue)
        assert (read.store, read.supervisor) == (expected.store, expected.supervisor)


@pytest.mark.parametrize(("key", "value"), MISTAKES)
def test_every_mistake_is_one(key: str, value: object) -> None:
    """No file with it can be used."""
    with pytest.raises(ConfigurationError, match=key):
        interpret(Path("scand.toml"), toml({**draw(0).said, key: value}))
