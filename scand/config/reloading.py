"""What a reload would do: how two configurations differ, and whether that can be applied.

| outcome | meaning |
| --- | --- |
| applied | all that differs is applied at once |
| unchanged | nothing differs |
| refused | something differs that takes a restart, so nothing is applied |
| invalid | the file cannot be used, so nothing is applied |

A setting is shadowed that the file changes and the environment overrides: it stays as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_settings import EnvSettingsSource

from scand.config.loading import Loaded, flat
from scand.config.marking import AtStart, Mark, Section
from scand.config.sections import Config
from scand.core.errors import ConfigurationError

_READ_ONCE = AtStart("it is read when scand starts")
"""For settings that nobody has said anything of: it is safer not to promise too much."""


@dataclass(frozen=True)
class Difference:
    """A setting, as it is shown before and after; `at_start` is why it takes a restart, or ""."""

    key: str
    old: object
    new: object
    at_start: str = ""

    def __str__(self) -> str:
        return f"{self.key}: {self.old!r} -> {self.new!r}"


@dataclass(frozen=True)
class Comparison:
    """What differs, what is shadowed, and what prevents a reload."""

    changes: Sequence[Difference] = ()
    shadowed: Sequence[Difference] = ()
    errors: Sequence[str] = ()

    @property
    def outcome(self) -> str:
        """What comes of a reload, or would."""
        if any(change.at_start for change in self.changes):
            return "refused"
        if self.errors:
            return "invalid"
        return "applied" if self.changes else "unchanged"

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {"outcome": self.outcome, **asdict(self)}


def compare(old: Loaded, new: Loaded, troubles: Sequence[str] = ()) -> Comparison:
    """What putting `new` in the place of `old` would mean; `troubles` make it invalid."""
    changes = list(_changes(old.config, new.config))
    refused = [f"{each} takes a restart: {each.at_start}" for each in changes if each.at_start]
    return Comparison(changes, list(_shadowed(old.said, new.said)), [*refused, *troubles])


def unusable(error: ConfigurationError) -> Comparison:
    """What comes of a file that is none."""
    return Comparison(errors=error.problems or [error.message])


def marks(
    model: type[BaseModel] = Config, inherited: Mark = _READ_ONCE, path: str = ""
) -> Iterator[tuple[str, Mark]]:
    """Every setting, and whether a reload applies it; a section speaks for what is in it."""
    for name, field in model.model_fields.items():
        own = next((each for each in field.metadata if isinstance(each, Mark)), inherited)
        key = path + (field.alias or name)
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from marks(kind, own, f"{key}.")
        else:
            yield key, own


def _changes(old: Config, new: Config) -> Iterator[Difference]:
    was, now = dict(flat(old.document())), dict(flat(new.document()))
    before, after = dict(_values(old)), dict(_values(new))
    for key, mark in marks():
        if before[key] != after[key]:
            reason = mark.reason if isinstance(mark, AtStart) else ""
            yield Difference(key, was.get(key), now.get(key), reason)


def _values(section: BaseModel, path: str = "") -> Iterator[tuple[str, object]]:
    for name, field in type(section).model_fields.items():
        value, key = getattr(section, name), path + (field.alias or name)
        if isinstance(value, Section):
            yield from _values(value, f"{key}.")
        else:
            yield key, value


def _shadowed(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[Difference]:
    for key, _ in flat(EnvSettingsSource(Config)()):
        if old.get(key) != new.get(key):
            yield Difference(key, old.get(key), new.get(key))
