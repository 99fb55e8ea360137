"""Reading a configuration, and saying everything that is wrong with it at once."""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import SettingsError

from scand.config.marking import Section
from scand.config.sections import PREFIX, Config
from scand.core.errors import ConfigurationError

DEFAULT_PATH = Path("/etc/scand/scand.toml")
_NOT_SETTINGS = {"SCAND_CONFIG"}
_MAX_SHOWN = 60
_HIDDEN = {("feed",), ("feed", "url"), ("traces",), ("traces", "endpoint"), ("traces", "view_url")}


def locate(path: Path | None) -> Path:
    """The file to read: the one named, else `$SCAND_CONFIG`, else the system's."""
    return path or Path(os.environ.get("SCAND_CONFIG") or DEFAULT_PATH)


@dataclass(frozen=True)
class Loaded:
    """A configuration, where it was read, and what the file says, by key."""

    path: Path
    config: Config
    said: Mapping[str, object]


def load(path: Path) -> Config:
    """Read and validate. Raises ConfigurationError that names every mistake at once."""
    return load_file(path).config


def load_file(path: Path) -> Loaded:
    """The same, with what the environment may hide."""
    return interpret(path, read(path))


def interpret(path: Path, text: str) -> Loaded:
    """Validate a configuration that was read from `path`."""
    said = _parse(path, text)
    return Loaded(path, _validate(path, said), dict(flat(said)))


def flat(section: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below its full key; lists are values."""
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{path}{name}.")
        else:
            yield path + name, value


def _validate(path: Path, said: Mapping[str, Any]) -> Config:
    unknown = _unknown_variables(os.environ)
    problems = list(unknown.values())
    try:
        config = Config(**said)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        problems += [_explain(dict(item)) for item in errors if item["loc"] not in unknown]
    except SettingsError as error:
        problems.append(f"environment: {error}; lists and whole sections are given as JSON")
    if problems:
        summary = "\n".join(f"  {problem}" for problem in problems)
        raise ConfigurationError(
            f"{path} cannot be used:\n{summary}",
            "config/scand.toml shows every setting",
            problems,
        )
    return config


def read(path: Path) -> str:
    """The text of a file. Raises ConfigurationError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: no such file", "name one with --config FILE or $SCAND_CONFIG"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", "name a readable file") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not UTF-8 text", "a configuration is TOML") from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{path}: not TOML: {error}", "text needs quotes, and a section is given once"
        ) from None


def _sections(fields: Mapping[str, FieldInfo]) -> dict[str, Any]:
    """The names a model knows, with the model below each, or None for a plain setting."""
    return {
        field.alias or name: field.annotation
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        else None
        for name, field in fields.items()
    }


def _known_below(path: tuple[str, ...]) -> dict[str, Any]:
    fields: Mapping[str, FieldInfo] = Config.model_fields
    for name in path:
        section = _sections(fields).get(name)
        if section is None:
            return {}
        fields = section.model_fields
    return _sections(fields)


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    if not known:
        return "there is nothing below that setting"
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(sorted(known))}"


def _explain(error: dict[str, Any]) -> str:
    location = tuple(str(part) for part in error["loc"])
    key = ".".join(location)
    match error["type"]:
        case "extra_forbidden":
            return f"{key}: unknown; {_nearest(location[-1], _known_below(location[:-1]))}"
        case "missing":
            return f"{key}: required, and not set"
        case "value_error" if not location:
            return str(error["ctx"]["error"])
        case "value_error":
            return f"{key}: {error['ctx']['error']}{_shown(location, error['input'])}"
        case "model_type":
            return f"{key}: a section [{key}] is needed"
        case _:
            return f"{key}: {error['msg']}{_shown(location, error['input'])}"


def _shown(location: tuple[str, ...], value: object) -> str:
    """What was given, cut; but not where an address may be, which may hold a password."""
    if location in _HIDDEN or location[:2] in _HIDDEN:
        return ""
    text = repr(value)
    return f" (it is {text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + '...'})"


def _unknown_variables(environ: Mapping[str, str]) -> dict[tuple[str | int, ...], str]:
    """What is wrong with each variable that sets nothing, by the place it would have."""
    problems: dict[tuple[str | int, ...], str] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in _NOT_SETTINGS:
            continue
        path = tuple(variable[len(PREFIX) :].lower().split("__"))
        for depth, name in enumerate(path):
            if name not in (known := _known_below(path[:depth])):
                problems[path] = f"${variable}: unknown variable; {_nearest(name, known)}"
                break
    return problems
