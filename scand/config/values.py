"""The kinds of values that settings have: how they are written, checked and shown."""

import os
import re
from math import inf
from pathlib import Path
from typing import Annotated, Literal

import httpx
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator

from scand.core.event import MAX_ID

FOREVER = "forever"

_MAX_PORT = 65_535
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


def parse_age(text: object) -> float:
    """`forever`, or a duration -> seconds."""
    if text == FOREVER:
        return inf
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ValueError(f'{error}, or "{FOREVER}"') from None


def format_age(seconds: float) -> str:
    """Seconds -> text that `parse_age` reads back."""
    return FOREVER if seconds == inf else format_duration(seconds)


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
Age = Annotated[float, BeforeValidator(parse_age), PlainSerializer(format_age, return_type=str)]
"""Seconds; infinity is forever."""
Size = Annotated[int, BeforeValidator(parse_size), PlainSerializer(format_size, return_type=str)]


def _check_address(text: str, secrets: str) -> str:
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
        raise ValueError(f"no user or password belongs in the address: use {secrets}")
    return text


def _check_url(text: str) -> str:
    _check_address(text, "feed.token_file")
    if "?" in text or "#" in text:
        raise ValueError("no ? or # belongs in the address: FromEventId and Limit are added to it")
    return text


def _check_name(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("a name of printable characters is needed")
    return text


def _check_start(value: object) -> int | str:
    if type(value) not in {int, str}:
        raise ValueError('an EventId is needed, or "head"')
    text = str(value)  # from the environment, numbers come as text
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID))
    return int(text) if is_number and str(int(text)) == text else text


def _check_path(text: str) -> str:
    if not all(key.strip() and key.isprintable() for key in text.split(".")):
        raise ValueError("a name is needed, or names with dots between them, as in User.RunId")
    return text


def _check_entry(text: str) -> str:
    if not text.partition("/")[0].strip():
        raise ValueError('an entry is "TYPE" or "TYPE/STATUS_CODE"')
    return text


def _check_endpoint(text: str) -> str:
    if "?" in text or "#" in text:
        raise ValueError("no ? or # belongs in the address; secrets go into traces.headers_file")
    if not text:
        return ""
    address = httpx.URL(_check_address(text, "traces.headers_file"))
    return text if address.path.strip("/") else str(address.copy_with(path="/v1/traces"))


def _check_view(text: str) -> str:
    if text and text.count("{trace_id}") != 1:
        raise ValueError("the address of a trace is needed, with {trace_id} in it")
    return text and _check_address(text.replace("{trace_id}", "0"), "no secrets") and text


def _check_rate(value: object) -> int | str:
    text = str(value)  # from the environment, numbers come as text
    if type(value) not in {int, str} or not ((text.isascii() and text.isdigit()) or text == "all"):
        raise ValueError('a number of events is needed, 0 or more, or "all"')
    return text if text == "all" else int(text)


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


def _among_credentials(path: Path) -> Path:
    """A name alone is a credential's, where systemd hands some to this process."""
    return Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / path


Url = Annotated[str, AfterValidator(_check_url)]
Endpoint = Annotated[str, AfterValidator(_check_endpoint)]
ViewUrl = Annotated[str, AfterValidator(_check_view)]
Rate = Annotated[int | Literal["all"], PlainValidator(_check_rate)]
Name = Annotated[str, Field(max_length=100), AfterValidator(_check_name)]
StartFrom = Annotated[int | str, BeforeValidator(_check_start)]
FieldPath = Annotated[str, Field(max_length=200), AfterValidator(_check_path)]
Entry = Annotated[str, AfterValidator(_check_entry)]
Listen = Annotated[str, AfterValidator(_check_listen)]
FilePath = Annotated[Path, AfterValidator(_check_file)]
SecretPath = Annotated[FilePath, AfterValidator(_among_credentials)]
