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
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from scand.config.marking import Section
from scand.config.sections import PREFIX, Config
from scand.core.errors import ConfigurationError
from scand.files import read_small

DEFAULT_PATH = Path("/etc/scand/scand.toml")
_NOT_SETTINGS = {"SCAND_CONFIG"}
_MAX_SHOWN = 60
_MAX_PROBLEMS = 20
_MAX_FILE = 256 << 10
_MAX_DOTS = 32  # in a line: what a dotted key costs grows with the square of them
_BYTE_ORDER_MARK = "\ufeff"
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
    """Read and validate. Raises ConfigurationError that names all mistakes, or the first twenty."""
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
        errors = [each for each in error.errors(include_url=False) if each["loc"] not in unknown]
        problems += map(_explain, errors[:_MAX_PROBLEMS])
        if more := errors[_MAX_PROBLEMS:]:
            problems.append(f"and {len(more)} more")
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
    """The text of a file; the null device says nothing. Raises ConfigurationError."""
    try:
        if path.samefile(os.devnull):
            return ""
        return read_small(path, _MAX_FILE).decode().removeprefix(_BYTE_ORDER_MARK)
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: no such file", "name one with --config FILE or $SCAND_CONFIG"
        ) from None
    except PermissionError as error:
        raise ConfigurationError(
            f"{path}: {error.strerror}, for uid {os.geteuid()}, as which this scand runs",
            f"let it enter the folder and read the file, as with `chmod 644 {path}`:"
            " secrets belong into feed.token_file",
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", "name a readable file") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not UTF-8 text", "a configuration is TOML") from None
    except ValueError as error:
        raise ConfigurationError(f"{path} {error}", "name a file of TOML") from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.count(".") > _MAX_DOTS and not line.lstrip().startswith("#"):
            raise ConfigurationError(
                f"{path}: line {number} has more than {_MAX_DOTS} dots", "no setting needs so many"
            )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{path}: not TOML: {error}", "text needs quotes, and a section is given once"
        ) from None
    except (RecursionError, ValueError):  # tomllib lets out what Python says of such
        raise ConfigurationError(
            f"{path}: a value is too deep or too long", "no setting needs either"
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


def _explain(error: ErrorDetails) -> str:
    location = tuple(str(part) for part in error["loc"])
    key = _cut(".".join(location))
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
    return f" (it is {_cut(repr(value))})"


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."


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
