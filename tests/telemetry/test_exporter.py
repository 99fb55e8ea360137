"""The thread that sends spans: who waits for it, what it holds, and how it ends."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from scand.core.errors import ConfigurationError
from scand.core.trail import Passage, Sighting, Trail
from scand.records import CollectorChanged, PageFetched
from scand.telemetry import collector as collector_module
from scand.telemetry.collector import open_exporter
from scand.telemetry.exporter import QUEUE, Exporter
from scand.telemetry.spans import MAX_TEXT
from scand.telemetry.traces import Arrived, PageId, PageTrace
from tests.support.collector import PATIENCE, Collector, collecting
from tests.support.parts import settings
from tests.support.scans import event_of

TRAIL = Trail(1.0, 2.0, 3.0, 4.0)
FETCHED = PageFetched(1, 1, 0, 1.0, 1, False, False, 0, None, TRAIL, 0)  # noqa: FBT003


def page(events: int = 0, **fields: Any) -> PageTrace:
    """A page on which so many events are traced."""
    sightings = [
        Sighting(event_of(n, **fields), n.to_bytes(16), "applied") for n in range(1, events + 1)
    ]
    arrived = Arrived(PageId(7, 8), FETCHED, TRAIL, [])
    return PageTrace(arrived, 6.0, 10**18, Passage(0, None, sightings), (5.0, 6.0))


class Outlet:
    """Takes spans when it is let; `entered` is set while it is asked to."""

    def __init__(self, *, let: bool = True) -> None:
        self.spans: list[ReadableSpan] = []
        self.entered, self.gate, self.aborted = (threading.Event() for _ in range(3))
        if let:
            self.gate.set()

    def export(self, spans: Sequence[ReadableSpan]) -> bool:
        self.entered.set()
        assert self.gate.wait(PATIENCE)
        self.spans += spans
        return True


@contextmanager
def exporting(outlet: Outlet) -> Iterator[Exporter]:
    exporter = Exporter(outlet.export, outlet.aborted.set, Resource({}))
    try:
        yield exporter
    finally:
        outlet.gate.set()
        exporter.close(PATIENCE)


def test_what_is_left_is_sent_at_the_end() -> None:
    """A page that came just now does not wait for others."""
    outlet = Outlet()
    with exporting(outlet) as exporter:
        exporter.put(page(3))
    assert [span.name for span in outlet.spans].count("scan_event") == 3
    assert exporter.counts() == (len(outlet.spans), 0, 0)


def test_nobody_waits_for_a_collector_that_hangs() -> None:
    """Pages are taken or dropped at once; what is held is bounded, and all are counted."""
    outlet = Outlet(let=False)
    with exporting(outlet) as exporter:
        exporter.put(page())
        assert outlet.entered.wait(PATIENCE)
        one = page(100)
        for _ in range(1000):
            exporter.put(one)
        counts = exporter.counts()
        assert QUEUE <= counts.waiting < QUEUE + one.spans
        assert counts.waiting + counts.dropped == 1000 * one.spans


def test_closing_has_a_deadline() -> None:
    """It ends though the collector still hangs; what waited is counted as dropped."""
    outlet = Outlet(let=False)
    with exporting(outlet) as exporter:
        exporter.put(page())
        assert outlet.entered.wait(PATIENCE)
        left = page(10)
        exporter.put(left)
        exporter.close(0.01)
        assert not outlet.gate.is_set()
        assert outlet.aborted.is_set()
        assert exporter.counts() == (0, left.spans, 0)


def test_a_page_larger_than_the_queue_is_sent() -> None:
    """It is the queue that is full or not, whatever comes."""
    outlet = Outlet()
    with exporting(outlet) as exporter:
        exporter.put(page(QUEUE // 4))
    assert len(outlet.spans) > QUEUE // 2
    assert exporter.counts().dropped == 0


def test_what_a_carrier_writes_has_an_end() -> None:
    """A text of any length takes its place among others."""
    outlet = Outlet()
    with exporting(outlet) as exporter:
        exporter.put(page(1, StatusCode="X" * 10_000))
    (root,) = [span for span in outlet.spans if span.name == "scan_event"]
    assert root.attributes is not None
    assert root.attributes["scand.status_code"] == "X" * MAX_TEXT


# --- the way to a real one -----------------------------------------------------


class Told:
    """What is said of the collector, and a way to wait for it."""

    def __init__(self) -> None:
        self.records: list[CollectorChanged] = []
        self._news = threading.Condition()

    def __call__(self, record: CollectorChanged) -> None:
        with self._news:
            self.records.append(record)
            self._news.notify_all()

    def wait(self, count: int) -> list[CollectorChanged]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.records) >= count, PATIENCE)
            return self.records


@contextmanager
def exporting_to(collector: Collector, tmp_path: Path, told: Told, **traces: Any) -> Iterator[Any]:
    config = settings(tmp_path / "s.db", traces={"endpoint": collector.url, **traces})
    exporter = open_exporter(config, told)
    try:
        yield exporter
    finally:
        exporter.close(PATIENCE if collector.mode == "take" else 0.0)


@pytest.mark.parametrize(
    ("mode", "patience", "said"),
    [("refuse", 5.0, "Service Unavailable"), ("reject", 5.0, "400"), ("hang", 0.2, "timeout")],
)
def test_trouble_is_told_once(
    tmp_path: Path,
    mode: Any,
    patience: float,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A collector in trouble is one record, however often it is tried, and no line of the SDK's."""
    monkeypatch.setattr(collector_module, "TIMEOUT", patience)
    told = Told()
    with collecting(mode) as collector:
        with exporting_to(collector, tmp_path, told) as exporter:
            exporter.put(page())
            collector.wait(lambda seen: len(seen.requests) >= 1)
            (first, *_) = told.wait(1)
            exporter.put(page())
            collector.wait(lambda seen: len(seen.requests) >= 2)
        assert said in first.trouble
        assert first.endpoint == collector.url
    assert told.records == [first]
    assert capsys.readouterr().err == ""


def test_a_collector_that_comes_back_is_told(tmp_path: Path) -> None:
    """What was sent in the meantime is lost and counted, and then spans arrive."""
    told = Told()
    with collecting("refuse") as collector, exporting_to(collector, tmp_path, told) as exporter:
        exporter.put(page())
        assert told.wait(1)[0].trouble
        collector.mode = "take"
        for _ in range(20):
            exporter.put(page())
        assert told.wait(2)[1].trouble == ""
        collector.wait(lambda seen: len(seen.spans) > 0)
    assert exporter.counts().exported == len(collector.spans)


def test_nobody_listens(tmp_path: Path) -> None:
    """A port that is closed is named, with the reason."""
    told = Told()
    with collecting() as collector:
        collector.mode = "refuse"
    with exporting_to(collector, tmp_path, told) as exporter:
        exporter.put(page())
        (record, *_) = told.wait(1)
    assert "refused" in record.trouble


def test_headers_come_from_a_file(tmp_path: Path) -> None:
    """So secrets stand in no configuration."""
    secret = tmp_path / "headers"
    secret.write_text("Authorization: Bearer abc:def\n\nX-Team: us\n")
    with collecting() as collector:
        with exporting_to(collector, tmp_path, Told(), headers_file=secret) as exporter:
            exporter.put(page())
        (headers,) = collector.requests
    assert (headers["authorization"], headers["x-team"]) == ("Bearer abc:def", "us")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"secret", "line 1: no header"),
        (b"A: b\nC:\n", "line 2: no header"),
        (b": secret", "line 1: no header"),
        (b"A: secret\x00", "line 1: no header"),
        (b"A: \xff", "not ASCII"),
        (None, "No such file"),
    ],
)
def test_headers_that_cannot_be_used(tmp_path: Path, content: bytes | None, said: str) -> None:
    """What is wrong is said with its place, and without the secret."""
    path = tmp_path / "headers"
    if content is not None:
        path.write_bytes(content)
    traces = {"endpoint": "http://127.0.0.1:9/v1/traces", "headers_file": path}
    config = settings(tmp_path / "s.db", traces=traces)
    with pytest.raises(ConfigurationError, match=said) as caught:
        open_exporter(config, Told())
    assert "secret" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_sdk_says_nothing_by_itself() -> None:
    """Its log has a line for every attempt; ours has one for all."""
    assert not logging.getLogger("opentelemetry").propagate
