"""A collector of traces: a real HTTP server that decodes what OTLP sends, or is in trouble."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

PATIENCE = 30.0

Mode = Literal["take", "keep", "refuse", "reject", "hang"]


class Seen(NamedTuple):
    """A span as it arrived; ids in hex, times in ns."""

    name: str
    trace: str
    id: str
    parent: str
    begun: int
    ended: int
    attributes: dict[str, Any]
    events: list[tuple[str, int, dict[str, Any]]]
    links: list[tuple[str, str]]
    failed: str | None


class Collector:
    """What arrived, and what is to be done with what comes: `mode` may be changed at any time."""

    def __init__(self, mode: Mode = "take", port: int = 0) -> None:
        self.mode: Mode = mode
        self.spans: list[Seen] = []
        self.kept: list[bytes] = []
        self.requests: list[dict[str, str]] = []
        self.resources: list[dict[str, Any]] = []
        self.released = threading.Event()
        self.news = threading.Condition()
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1/traces"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self.news:
            for told in request.resource_spans:
                self.resources.append(_values(told.resource.attributes))
                for scope in told.scope_spans:
                    self.spans += map(_seen, scope.spans)
            self.news.notify_all()

    def decode(self) -> None:
        """Take what was only kept, not to compete for the processor with who sent it."""
        while self.kept:
            self.take(self.kept.pop(0))

    def asked(self, headers: dict[str, str]) -> None:
        with self.news:
            self.requests.append(headers)
            self.news.notify_all()

    def wait(self, enough: Any) -> None:
        """Until `enough(self)`."""
        with self.news:
            assert self.news.wait_for(lambda: enough(self), PATIENCE), Counter(self.names)

    def of(self, trace: str) -> list[Seen]:
        return [span for span in self.spans if span.trace == trace]

    def named(self, name: str) -> list[Seen]:
        return [span for span in self.spans if span.name == name]

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.asked({name.lower(): value for name, value in self.headers.items()})
            match collector.mode:
                case "take":
                    collector.take(body)
                    self.answer(200)
                case "keep":
                    collector.kept.append(body)
                    self.answer(200)
                case "refuse":
                    self.answer(503)
                case "reject":
                    self.answer(400)
                case "hang":
                    collector.released.wait()

        def answer(self, status: int) -> None:
            body = ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def _seen(span: Any) -> Seen:
    return Seen(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _values(span.attributes),
        [(one.name, one.time_unix_nano, _values(one.attributes)) for one in span.events],
        [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        span.status.message if span.status.code == 2 else None,
    )


def _values(attributes: Iterator[KeyValue]) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collecting(mode: Mode = "take", port: int = 0) -> Iterator[Collector]:
    """A collector for as long as the block runs."""
    collector = Collector(mode, port)
    try:
        yield collector
    finally:
        collector.close()
