"""Fails when a setting or a command is not documented."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from scand.cli.commands import COMMANDS
from scand.config import AtStart, Config, Section, marks
from scand.core.dead_letters import State
from scand.core.event import Reason
from scand.core.review import Outcome

ROOT = Path(__file__).parents[2]
NO_DEFAULT = {"feed.url", "feed.token_file", "admin.socket", "traces.headers_file"}


def settings_of(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting with its default as a configuration says it."""
    for name, field in model.model_fields.items():
        key = path + (field.alias or name)
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from settings_of(kind, f"{key}.")
        elif key in NO_DEFAULT:
            yield key, None
        else:
            dumped = model.model_construct().model_dump(mode="json", by_alias=True)
            yield key, dumped[field.alias or name]


def documented() -> Iterator[tuple[str, Any]]:
    """Every setting that config/scand.toml shows, commented or not."""
    section = ""
    for line in (ROOT / "config" / "scand.toml").read_text().splitlines():
        if match := re.fullmatch(r"\[([\w.]+)\]", line):
            section = match[1]
        elif match := re.fullmatch(r"(?:# )?(\w+) = (.+)", line):
            yield f"{section}.{match[1]}", tomllib.loads(f"value = {match[2]}")["value"]


SETTINGS = dict(settings_of(Config))


@pytest.mark.parametrize("key", SETTINGS)
def test_a_setting_is_shown_with_its_default(key: str) -> None:
    """config/scand.toml holds every setting below its section, with the default in force."""
    shown = dict(documented())
    assert key in shown
    if key not in NO_DEFAULT:
        assert shown[key] == SETTINGS[key]


def test_nothing_else_is_shown() -> None:
    """What config/scand.toml shows exists, and is shown once."""
    shown = [key for key, _ in documented()]
    assert sorted(shown) == sorted(SETTINGS)


def restarts_shown() -> set[str]:
    """The settings of which config/scand.toml says that they take a restart."""
    section, shown = "", set()
    for paragraph in (ROOT / "config" / "scand.toml").read_text().split("\n\n"):
        if head := re.search(r"^\[([\w.]+)\]$", paragraph, re.MULTILINE):
            section = head[1]
        if "Takes a restart." in paragraph.replace("\n# ", " "):
            keys = re.findall(r"^(?:# )?(\w+) = ", paragraph, re.MULTILINE)
            shown |= {f"{section}.{key}" for key in keys}
    return shown


def test_what_takes_a_restart_is_told() -> None:
    """config/scand.toml says so of each setting that a reload refuses, and of no other."""
    assert restarts_shown() == {key for key, mark in marks() if isinstance(mark, AtStart)}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_described(command: str) -> None:
    """README.md has a line for every command."""
    assert f"| `scand {command}" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("word", [*Reason, *State, *Outcome])
def test_what_is_said_of_dead_letters_is_explained(word: str) -> None:
    """README.md explains every reason, every state, and every outcome of a replay."""
    assert f"`{word}`" in (ROOT / "README.md").read_text()
