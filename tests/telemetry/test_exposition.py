"""A scrape while the store is slow, broken or not there: it never waits for long, nor blocks."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from scand.core.errors import StoreError
from scand.store.figures import Figures, read_figures
from scand.telemetry import exposition
from scand.telemetry.exposition import FRESH, Exposition
from scand.telemetry.metrics import MetricsObserver
from scand.telemetry.status import StatusBoard
from tests.support.scraped import FIGURES, Stopped


def exposing(read: Callable[[], Figures]) -> Exposition:
    clock = Stopped()
    return Exposition(MetricsObserver(clock).registry, StatusBoard(clock), dict, read)


class Store:
    """Counts how often it is read, and in which thread."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def __call__(self) -> Figures:
        self.threads.append(threading.get_ident())
        return FIGURES


async def test_the_store_is_read_elsewhere_and_seldom(mock_clock: MockClock) -> None:
    """Off the event loop, and once for all scrapes that come soon after each other."""
    store = Store()
    metrics = exposing(store)
    for _ in range(3):
        assert b"scand_open_gaps 2.0" in await metrics.text()
    assert len(store.threads) == 1
    mock_clock.jump(FRESH)
    await metrics.text()
    assert len(store.threads) == 2
    assert threading.get_ident() not in store.threads


async def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    """All the rest is told, and how long ago the store was read."""
    text = (await exposing(lambda: read_figures(tmp_path / "no.db", 600.0)).text()).decode()
    assert "scand_requests_total" in text
    assert "scand_open_gaps" not in text
    assert "scand_store_read_timestamp_seconds 1.6208208e+09" in text


async def test_figures_stay_when_the_store_breaks(mock_clock: MockClock) -> None:
    """An alert about open dead letters does not end because the disk fails."""
    broken = False

    def read() -> Figures:
        if broken:
            raise StoreError("s.db is damaged")
        return FIGURES

    metrics = exposing(read)
    before = await metrics.text()
    broken = True
    mock_clock.jump(FRESH)
    after = await metrics.text()
    for name in (b"scand_open_gaps", b"scand_store_read_timestamp_seconds"):
        assert line(name, after) == line(name, before)


async def test_a_store_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scrape is answered without it, and so is the next one."""
    monkeypatch.setattr(exposition, "PATIENCE", 0.01)
    monkeypatch.setattr(exposition, "FRESH", 0.0)
    released = threading.Event()

    def read() -> Figures:
        released.wait()
        return FIGURES

    metrics = exposing(read)
    try:
        with trio.fail_after(30):
            for _ in range(2):
                assert b"scand_requests_total" in await metrics.text()
    finally:
        released.set()


def line(name: bytes, text: bytes) -> bytes:
    (found,) = [each for each in text.splitlines() if each.startswith(name + b" ")]
    return found
