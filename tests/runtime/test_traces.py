# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""Traces of the whole tree, in simulated time, as a real collector receives them."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from scand.core.traces import root_span_id, traceparent
from scand.live import Live
from scand.ports import Checkpoint, Failed, Feed, Outcome, PageResult, Receipt, Request, Store
from scand.records import ChildFailed, Committed, PageFetched
from scand.simulator import DataFaults, TransportFaults
from scand.telemetry.traces import SpanCounts
from scand.telemetry.tracing import open_traces
from tests.store.pages import rows
from tests.support.collector import Collector, Seen, collecting
from tests.support.parts import Recorder
from tests.support.simulation import Simulation, Wrapped, settle

Traced = Callable[..., Awaitable[Simulation]]

CHILDREN = ["fetch", "queue", "process", "commit"]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
def traced(tmp_path: Path, collector: Collector) -> Traced:
    """Follow a simulated feed to its end, traces on; wraps of the tree's parts may be given."""

    async def traced(
        wraps: dict[str, Any] | None = None,
        traces: dict[str, Any] | None = None,
        feed: dict[str, Any] | None = None,
        **plan: Any,
    ) -> Simulation:
        sections = {"traces": {"endpoint": collector.url} | (traces or {}), "feed": feed or {}}
        simulation = Simulation(tmp_path / "s.db", sections=sections, **plan)
        quiet = Recorder()
        async with open_traces(Live(simulation.config), simulation.clock, quiet) as tracing:
            await settle(simulation, observer=tracing.observer, **(wraps or {}))
        assert tracing.counts() == SpanCounts(exported=len(collector.spans))
        simulation.assert_equals_oracle()
        return simulation

    return traced


def journal(simulation: Simulation) -> dict[int, str | None]:
    """The trace of every event in the journal."""
    found = rows(simulation.path, "SELECT event_id, lower(hex(trace_id)) FROM journal")
    return {event_id: trace or None for event_id, trace in found}


def roots(collector: Collector, **attributes: Any) -> list[Seen]:
    """The spans of events with these attributes."""
    wanted = {f"scand.{name}": value for name, value in attributes.items()}
    return [
        span for span in collector.named("scan_event") if wanted.items() <= span.attributes.items()
    ]


def assert_whole(collector: Collector, root: Seen, names: Sequence[str] = CHILDREN) -> None:
    """A root has these children, within it, in order, and is linked to the page that brought it."""
    children = [span for span in collector.of(root.trace) if span.parent == root.id]
    assert [child.name for child in children] == list(names)
    times = [moment for child in children for moment in (child.begun, child.ended)]
    assert times == sorted(times)
    assert root.begun <= times[0]
    assert times[-1] <= root.ended
    pages = {(page.trace, page.id): page for page in collector.named("scan_page")}
    ((link,),) = (child.links for child in children if child.links)
    assert children[0].links == [link]
    page = pages[link]
    assert page.begun <= root.begun <= root.ended <= page.ended


# --- what a trace holds ------------------------------------------------------------


async def test_an_event_is_traced_from_the_fetch_to_the_commit(
    autojump_clock: MockClock, traced: Traced, collector: Collector
) -> None:
    """A root says which event it was and what became of it; its children say when."""
    simulation = await traced(events=30, transport=TransportFaults(latency=0.05))
    traces = journal(simulation)
    assert len(collector.named("scan_event")) == len(traces) == 30
    for root in collector.named("scan_event"):
        assert_whole(collector, root)
        event = root.attributes["scand.event_id"]
        ((parcel, kind, code),) = rows(
            simulation.path,
            "SELECT parcel_id, type, status_code FROM journal WHERE event_id = ?",
            event,
        )
        told = [root.attributes[f"scand.{name}"] for name in ("parcel_id", "type", "status_code")]
        assert told == [parcel, kind, code]
        assert root.attributes["scand.outcome"] == "applied"
        assert (root.trace, root.parent) == (traces[event], "")
        assert traceparent(bytes.fromhex(root.trace)) == f"00-{root.trace}-{root.id}-01"


async def test_every_page_has_a_trace(
    autojump_clock: MockClock, traced: Traced, collector: Collector
) -> None:
    """What brought events was committed; what brought nothing new was fetched and decoded."""
    feed, traces = {"poll_interval": "200ms"}, {"events_per_second": 0}
    simulation = await traced(events=30, rate=1.0, feed=feed, traces=traces)
    pages = collector.named("scan_page")
    assert len(pages) == len(simulation.recorder.of(PageFetched))
    shapes = Counter(
        (
            page.attributes["scand.new"],
            *(span.name for span in collector.of(page.trace) if span.parent == page.id),
        )
        for page in pages
    )
    assert shapes.keys() == {
        (True, "fetch", "decode", "process", "commit"),
        (False, "fetch", "decode"),
    }
    assert len({page.trace for page in pages}) == len(pages)
    assert not collector.named("scan_event")


async def test_who_we_are(
    autojump_clock: MockClock,
    traced: Traced,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The resource names the service, its version, instance and host, and what was added to it."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test,host.name=here")
    await traced(events=3)
    (resource,) = {tuple(sorted(each.items())) for each in collector.resources}
    told = dict(resource)
    assert told["service.name"] == "scand"
    assert {"service.version", "service.instance.id"} <= told.keys()
    assert (told["host.name"], told["deployment.environment"]) == ("here", "test")


# --- who is traced -----------------------------------------------------------------


async def test_at_a_couriers_rate_everybody_is(
    autojump_clock: MockClock, traced: Traced, collector: Collector
) -> None:
    """At 50 events a second every event has its trace."""
    simulation = await traced(events=1500, rate=50.0)
    traces = journal(simulation)
    assert len(traces) == 1500
    assert None not in traces.values()
    assert {root.trace for root in collector.named("scan_event")} == set(traces.values())


async def test_in_a_catch_up_few_are(
    autojump_clock: MockClock, traced: Traced, collector: Collector
) -> None:
    """A backlog is traced up to the burst that two polls may bring, and all spans arrive."""
    simulation = await traced(events=5000, backlog=5000, feed={"limit": 500})
    chosen = [trace for trace in journal(simulation).values() if trace]
    assert len(chosen) == len(collector.named("scan_event")) == 400


async def test_dead_letters_always_are(
    autojump_clock: MockClock, traced: Traced, collector: Collector
) -> None:
    """They have traces though nobody else has one, and the letters keep their ids."""
    nobody = {"events_per_second": 0}
    simulation = await traced(data=DataFaults(malformed=0.05), traces=nobody, events=500)
    found = rows(simulation.path, "SELECT lower(hex(trace_id)) FROM dead_letters")
    letters = {trace for (trace,) in found}
    assert letters
    assert {root.trace for root in collector.named("scan_event")} == letters


async def test_what_cannot_be_decoded_was_never_processed(
    autojump_clock: MockClock, traced: Traced, collector: Collector
) -> None:
    """The trace of a dead letter says why it is one, and where its way ended."""
    await traced(data=DataFaults(malformed=0.3), events=30)
    dead = roots(collector, outcome="dead_letter")
    assert dead
    for root in dead:
        assert root.attributes["scand.reason"]
        assert_whole(collector, root, ["fetch", "commit"])


async def test_a_strict_catalogue_is_a_reason_too(
    autojump_clock: MockClock, traced: Traced, collector: Collector, tmp_path: Path
) -> None:
    """An event that is turned away by a processor was in its hands."""
    simulation = Simulation(
        tmp_path / "strict.db",
        sections={
            "traces": {"endpoint": collector.url},
            "catalogue": {"mode": "strict", "known": ["PICKUP"]},
        },
        events=20,
    )
    async with open_traces(Live(simulation.config), simulation.clock, Recorder()) as tracing:
        await settle(simulation, observer=tracing.observer)
    dead = roots(collector, outcome="dead_letter", reason="not_in_catalogue")
    assert dead
    for root in dead:
        assert_whole(collector, root)


# --- through trouble ---------------------------------------------------------------


class Wounded:
    """A store in which a commit goes wrong once, before or after it is durable."""

    def __init__(self, real: Store, *, after: bool) -> None:
        self._real, self._after, self._done = real, after, False

    async def begin(self) -> Checkpoint:
        return await self._real.begin()

    async def commit(self, pages: Sequence[PageResult]) -> Receipt:
        strike, self._done = not self._done, True
        if strike and not self._after:
            raise ArithmeticError("a bug before the commit")
        receipt = await self._real.commit(pages)
        if strike:
            raise ArithmeticError("a bug after the commit")
        return receipt


async def test_a_crash_before_the_commit(
    autojump_clock: MockClock, traced: Traced, collector: Collector
) -> None:
    """The page that was lost says why; the second attempt is the one whole trace of its events."""
    simulation = await traced({"store": partial(Wounded, after=False)}, events=30)
    assert simulation.recorder.of(ChildFailed)
    failed = [page for page in collector.named("scan_page") if page.failed]
    assert failed
    assert all("a bug before the commit" in str(page.failed) for page in failed)
    assert sorted(journal(simulation).values()) == sorted(
        root.trace for root in roots(collector, outcome="applied")
    )
    for root in collector.named("scan_event"):
        assert_whole(collector, root)


async def test_a_crash_after_the_commit(
    autojump_clock: MockClock, traced: Traced, collector: Collector
) -> None:
    """What was durable already and is met again is so in the trace that the journal knows."""
    wounded = {"store": partial(Wounded, after=True)}
    simulation = await traced(wounded, events=30, feed={"limit": 10})
    traces = journal(simulation)
    again = roots(collector, outcome="duplicate")
    assert again
    for root in again:
        assert root.trace == traces[root.attributes["scand.event_id"]]
        assert root.id != root_span_id(bytes.fromhex(root.trace)).hex()
        assert_whole(collector, root)
    assert None not in traces.values()


async def test_retries_and_the_breaker_are_events_of_the_page(
    autojump_clock: MockClock, traced: Traced, collector: Collector
) -> None:
    """A page says what it took to get it, and lasts from when it was wanted."""
    answers = iter([Failed("HTTP 500")] * 6)

    class Ailing(Wrapped):
        def __init__(self, real: Feed) -> None:
            super().__init__(real, lambda _: None)

        async def ask(self, request: Request) -> Outcome:
            return next(answers, None) or await super().ask(request)

    await traced({"feed": Ailing}, events=10)
    page = collector.named("scan_page")[0]
    told = [name for name, _, _ in page.events]
    assert told.count("retry") == 6
    assert told.count("breaker") >= 3
    times = [moment for _, moment, _ in page.events]
    fetch = next(span for span in collector.of(page.trace) if span.name == "fetch")
    assert [page.begun, *times] == sorted([page.begun, *times])
    assert times[-1] <= page.ended
    assert fetch.begun > page.events[-3][1]
    _, _, attributes = page.events[0]
    assert attributes["scand.reason"] == "HTTP 500"
    assert attributes["scand.wait_seconds"] >= 0


async def test_traces_are_told_apart_from_state(autojump_clock: MockClock, tmp_path: Path) -> None:
    """Without an endpoint no trace is kept, and the records carry none."""
    simulation = Simulation(tmp_path / "off.db", events=30)
    async with open_traces(Live(simulation.config), simulation.clock, Recorder()) as tracing:
        await settle(simulation, observer=tracing.observer)
    assert set(journal(simulation).values()) == {None}
    assert not any(record.passages for record in simulation.recorder.of(Committed))
    assert tracing.counts() == SpanCounts()
