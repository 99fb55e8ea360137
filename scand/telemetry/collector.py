"""The collector: where spans are sent, what is said of us there, and whether it can be reached."""

import logging
import re
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from scand import __version__
from scand.config import Config
from scand.core.errors import ConfigurationError
from scand.files import read_small
from scand.records import CollectorChanged
from scand.telemetry.exporter import Exporter

TIMEOUT = 10.0
"""Seconds in which a batch must arrive, the SDK's retries included; else it is lost."""

QUIET = 60.0
"""Seconds in which trouble is told once, though it comes and goes."""

MAX_REASON = 300

_MAX_HEADERS = 64 * 1024  # servers refuse headers far shorter than this

Tell = Callable[[CollectorChanged], None]


def open_exporter(config: Config, tell: Tell) -> Exporter:
    """Start to export as configured. `tell` is called from a thread.

    Raises ConfigurationError for headers that cannot be used.
    """
    traces = config.traces
    contact = _Contact(traces.endpoint, tell)
    headers = _read_headers(traces.headers_file) if traces.headers_file else None
    sender = OTLPSpanExporter(endpoint=traces.endpoint, headers=headers, timeout=TIMEOUT)
    _listen(contact)

    def export(spans: Sequence[ReadableSpan]) -> bool:
        arrived = sender.export(spans) is SpanExportResult.SUCCESS
        if arrived:
            contact.regained()
        return arrived

    return Exporter(export, sender.shutdown, resource_of(config))


def resource_of(config: Config) -> Resource:
    """Who we are: the same after a restart. What the environment says of it wins."""
    host = socket.gethostname()
    ours = {
        "service.name": "scand",
        "service.version": __version__,
        "service.instance.id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{host}{config.store.path}")),
        "host.name": host,
        "scand.feed": config.feed.name,
    }
    return Resource.create(ours | dict(OTELResourceDetector().detect().attributes))


class _Contact(logging.Handler):
    """What becomes of the way to the collector: told when it changes, by way of the SDK's log.

    Nothing else of that log is passed on: it has a line for every attempt.
    """

    def __init__(self, endpoint: str, tell: Tell) -> None:
        super().__init__(logging.WARNING)
        self._endpoint, self._tell = endpoint, tell
        self._told_at, self._is_told = -QUIET, False

    def emit(self, record: logging.LogRecord) -> None:
        """The SDK complains."""
        now = time.monotonic()
        if not self._is_told and now - self._told_at >= QUIET:
            self._told_at, self._is_told = now, True
            self._say(_cause(record.getMessage())[:MAX_REASON])

    def regained(self) -> None:
        """A batch has arrived."""
        if self._is_told:
            self._is_told = False
            self._say("")

    def _say(self, trouble: str) -> None:
        self._tell(CollectorChanged(self._endpoint, trouble))


def _cause(said: str) -> str:
    """What happened, without the names of the classes that it came through."""
    errno = re.search(r"\[Errno \d+\] ([^'\")]+)", said)
    return f"cannot connect ({errno[1]})" if errno else said


def _listen(contact: _Contact) -> None:
    log = logging.getLogger("opentelemetry")
    log.handlers, log.propagate = [contact], False


def _read_headers(path: Path) -> dict[str, str]:
    """`Name: value` lines. What is wrong is said without quoting: they are secrets."""
    hint = "each line is a header: Authorization: Bearer ..."
    try:
        lines = read_small(path, _MAX_HEADERS).decode("ascii").splitlines()
    except OSError as error:
        message = f"traces.headers_file: {path}: {error.strerror}"
        raise ConfigurationError(message, "name a readable file") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"traces.headers_file: {path}: not ASCII text", hint) from None
    except ValueError as error:
        raise ConfigurationError(f"traces.headers_file: {path} {error}", hint) from None
    headers: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, _, value = line.partition(":")
        given = name.strip() and value.strip()
        if line.strip() and not (given and given.isprintable()):
            raise ConfigurationError(f"traces.headers_file: {path}, line {number}: no header", hint)
        if given:
            headers[name.strip()] = value.strip()
    return headers
