"""The configuration: one frozen section per component, validated whole.

Precedence: environment (`SCAND_FEED__URL`), then the TOML file, then the defaults here, which are
the only ones. `config/scand.toml` shows them all.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import httpx
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from scand.core.catalogue import SHIPPED, Catalogue
from scand.core.errors import ConfigurationError
from scand.core.event import MAX_ID
from scand.core.parcel import Order

DEFAULT_PATH = Path("/etc/scand/scand.toml")
PREFIX = "SCAND_"
_NOT_SETTINGS = {"SCAND_CONFIG"}
_MAX_SOCKET_PATH = 107
"""Bytes that Linux has room for in a Unix socket's address."""
_MAX_SHOWN = 60
_MAX_PORT = 65535

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+)(B|KiB|MiB|GiB)", re.ASCII)
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def parse_duration(text: object) -> float:
    """`250ms`, `5s`, `2m`, `1h`, `90d` -> seconds."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError('a duration is text such as "250ms", "5s", "2m", "1h" or "90d"')
    return float(match[1]) * _SECONDS[match[2]]


def format_duration(seconds: float) -> str:
    """Seconds -> the shortest text that `parse_duration` reads back."""
    for unit in ("d", "h", "m", "s"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:g}{unit}"
    return f"{seconds * 1000:g}ms"


def parse_size(text: object) -> int:
    """`32MiB` -> bytes."""
    match = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError('a size is text such as "64KiB" or "32MiB"')
    return int(match[1]) * _BYTES[match[2]]


def format_size(size: int) -> str:
    """Bytes -> the shortest text that `parse_size` reads back."""
    unit = max((unit for unit in _BYTES if size % _BYTES[unit] == 0), key=_BYTES.__getitem__)
    return f"{size // _BYTES[unit]}{unit}"


def _check_whole(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError("a whole number is needed")  # noqa: TRY004 - pydantic takes ValueErrors
    return value


_TEN_YEARS = 3650 * 86400.0
Whole = Annotated[int, BeforeValidator(_check_whole)]
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    Field(le=_TEN_YEARS),
]
PositiveDuration = Annotated[Duration, Field(gt=0)]
Size = Annotated[int, BeforeValidator(parse_size), PlainSerializer(format_size, return_type=str)]


def _check_url(text: str) -> str:
    try:
        address = httpx.URL(text)
        address.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        raise ValueError("this is not a valid address") from None
    if address.scheme not in {"http", "https"} or not address.host:
        raise ValueError("an http:// or https:// address is needed, with a host")
    if not 0 < (address.port or 1) <= _MAX_PORT:
        raise ValueError(f"a port is a number from 1 to {_MAX_PORT}")
    if any(ord(sign) <= ord(" ") for sign in text):
        raise ValueError("no blanks belong in the address")
    if address.userinfo:
        raise ValueError("no user or password belongs in the address: use feed.token_file")
    if "?" in text or "#" in text:
        raise ValueError("no ? or # belongs in the address: FromEventId and Limit are added to it")
    return text


def _check_name(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("a name of printable characters is needed")
    return text


def _check_start(value: object) -> int | str:
    text = str(value)
    if text == "head":
        return text
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_ID):
        raise ValueError('an EventId of 1 or more is needed, or "head"')
    return int(text)


def _check_entry(text: str) -> str:
    if not text.partition("/")[0].strip():
        raise ValueError('an entry is "TYPE" or "TYPE/STATUS_CODE"')
    return text


def _check_listen(text: str) -> str:
    host, _, port = text.rpartition(":")
    number = int(port) if port.isascii() and port.isdigit() else -1
    if text and not (host and 0 <= number <= _MAX_PORT):
        raise ValueError('host:port is needed, such as "127.0.0.1:9464", or "" for none')
    return text


def _check_file(path: Path) -> Path:
    if not path.name.strip() or not str(path).isprintable():
        raise ValueError("the path of a file is needed")
    return path


class Section(BaseModel):
    """Strict, closed, immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)


class Breaker(Section):
    """`[feed.breaker]`"""

    failures: Annotated[Whole, Field(ge=1, le=1000)] = 5
    reset_after: PositiveDuration = 30.0


class Retry(Section):
    """`[feed.retry]`"""

    base: PositiveDuration = 0.25
    cap: PositiveDuration = 60.0
    retry_after_cap: PositiveDuration = 900.0
    refused_pause: PositiveDuration = 60.0


class Feed(Section):
    """`[feed]`"""

    name: Annotated[str, Field(max_length=100), AfterValidator(_check_name)] = "carrier"
    url: Annotated[str, AfterValidator(_check_url)]
    limit: Annotated[Whole, Field(ge=1, le=100_000)] = 100
    poll_interval: PositiveDuration = 2.0
    timeout: PositiveDuration = 30.0
    max_body: Annotated[Size, Field(ge=1 << 10)] = 32 << 20
    token_file: Annotated[Path, AfterValidator(_check_file)] | None = None
    id_kind: Literal["integer"] = "integer"
    order: Order = "event_id"
    start_from: Annotated[int | Literal["head"], BeforeValidator(_check_start)] = 1
    from_id: Annotated[
        Literal["auto", "inclusive", "exclusive"], Field(alias="from", serialization_alias="from")
    ] = "auto"
    late_window: Duration = 600.0
    max_id_jump: Annotated[Whole, Field(ge=1, le=MAX_ID)] = 10_000_000
    max_future: Duration = 86400.0
    catch_up_concurrency: Annotated[Whole, Field(ge=1, le=64)] = 1
    breaker: Breaker = Breaker()
    retry: Retry = Retry()


class CatalogueSection(Section):
    """`[catalogue]`"""

    mode: Literal["open", "strict"] = "open"
    known: tuple[Annotated[str, AfterValidator(_check_entry)], ...] = SHIPPED

    def build(self) -> Catalogue:
        """The catalogue that these settings describe."""
        return Catalogue.of(self.known, strict=self.mode == "strict")


class Processors(Section):
    """`[processors]`"""

    shards: Annotated[Whole, Field(ge=1, le=64)] = 4


class Store(Section):
    """`[store]`"""

    path: Annotated[Path, AfterValidator(_check_file)] = Path("/var/lib/scand/scand.db")


class Supervisor(Section):
    """`[supervisor]`"""

    intensity: Annotated[Whole, Field(ge=0, le=1000)] = 5
    period: PositiveDuration = 60.0
    drain_timeout: Duration = 20.0


class Admin(Section):
    """`[admin]`"""

    listen: Annotated[str, AfterValidator(_check_listen)] = "127.0.0.1:9464"
    socket: Path | None = None


class Logs(Section):
    """`[logs]`"""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class Config(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__"
    )

    feed: Feed
    catalogue: CatalogueSection = CatalogueSection()
    processors: Processors = Processors()
    store: Store = Store()
    supervisor: Supervisor = Supervisor()
    admin: Admin = Admin()
    logs: Logs = Logs()

    @model_validator(mode="after")
    def _socket_can_be_bound(self) -> Self:
        if len(os.fsencode(self.admin_socket)) > _MAX_SOCKET_PATH:
            raise ValueError(
                f"admin.socket: {self.admin_socket} exceeds the {_MAX_SOCKET_PATH} bytes that"
                " a Unix socket may have; set a shorter one (unless set, it is by the store)"
            )
        return self

    @property
    def admin_socket(self) -> Path:
        """Where the admin server's Unix socket is: beside the store, unless set."""
        return self.admin.socket or self.store.path.with_name(self.store.path.name + ".sock")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which arrives as init arguments."""
        return env_settings, init_settings

    def document(self) -> dict[str, Any]:
        """The effective configuration as plain data, durations and sizes as text."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def locate(path: Path | None) -> Path:
    """The file to read: the one named, else `$SCAND_CONFIG`, else the system's."""
    return path or Path(os.environ.get("SCAND_CONFIG") or DEFAULT_PATH)


def load(path: Path) -> Config:
    """Read and validate. Raises ConfigurationError that names every mistake at once."""
    unknown = _unknown_variables(os.environ)
    problems = list(unknown.values())
    try:
        config = Config(**_read(path))
    except ValidationError as error:
        errors = error.errors(include_url=False)
        problems += [_explain(dict(item)) for item in errors if item["loc"] not in unknown]
    except SettingsError as error:
        problems.append(f"environment: {error}; lists and whole sections are given as JSON")
    if problems:
        summary = "\n".join(f"  {problem}" for problem in problems)
        raise ConfigurationError(
            f"{path} cannot be used:\n{summary}", "config/scand.toml shows every setting"
        )
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: no such file", "name one with --config FILE or $SCAND_CONFIG"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", "name a readable file") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not UTF-8 text", "a configuration is TOML") from None
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
    if location == ("feed",) or location[:2] == ("feed", "url"):
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
