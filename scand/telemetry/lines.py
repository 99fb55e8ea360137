"""What a line of the log may hold, and how it gets out.

What a carrier sends is shown, but cannot pretend to be a line of its own, turn the text around, or
speak to the terminal: what is not printable is escaped.
"""

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO

import structlog

from scand.core.secrets import redact

_PRIORITIES = {"debug": "<7>", "info": "<6>", "warning": "<4>", "error": "<3>"}
"""How journald is told how bad it is: see sd-daemon(3)."""


def clean(
    _logger: object, _method: str, fields: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """A processor: no secret and nothing unprintable in any value."""
    return {name: _cleaned(value) for name, value in fields.items()}


def _cleaned(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {_printable(str(name)): _cleaned(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_cleaned(inner) for inner in value]
        case _:
            return _printable(redact(str(value)))


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _escaped(sign) for sign in text)


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


def reaches_journal(stream: TextIO) -> bool:
    """Whether journald reads this stream: systemd says which one it gave us."""
    with suppress(OSError, ValueError):  # the stream is closed, or no file
        status = os.fstat(stream.fileno())
        return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
    return False


class Lines:
    """Writes lines as long as it can: a full disk or a closed pipe must not stop the daemon."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._prefixes = _PRIORITIES if reaches_journal(stream) else dict.fromkeys(_PRIORITIES, "")

    def debug(self, line: str) -> None:
        self._write("debug", line)

    def info(self, line: str) -> None:
        self._write("info", line)

    def warning(self, line: str) -> None:
        self._write("warning", line)

    def error(self, line: str) -> None:
        self._write("error", line)

    def _write(self, level: str, line: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: the stream was closed
            self._stream.write(f"{self._prefixes[level]}{line}\n")
            self._stream.flush()


class Libraries(logging.Handler):
    """Makes lines like ours of what libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it at its level; of an exception, what it is."""
        log = structlog.get_logger()
        say = log.error if record.levelno >= logging.ERROR else log.warning
        cause = record.exc_info and record.exc_info[1]
        extra = {"cause": repr(cause)} if cause else {}
        say("library.says", library=record.name, message=record.getMessage(), **extra)


def listen_to_libraries() -> None:
    """Hear what libraries warn of, once however often this is called."""
    root = logging.getLogger()
    if not any(isinstance(handler, Libraries) for handler in root.handlers):
        root.addHandler(Libraries(logging.WARNING))
