"""Traces of a real daemon, with a collector that does as it should, and with others."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from scand.simulator import DataFaults, WorldPlan
from tests.store.pages import rows
from tests.support.collector import collecting
from tests.support.processes import Setup, environment
from tests.support.server import carrier, served

PLAN = WorldPlan(events=2000, backlog=2000)


def with_traces(folder: Path, url: str, endpoint: str, **settings: Any) -> Setup:
    setup = Setup(folder, url)
    given = {"endpoint": endpoint} | settings
    lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
    setup.add("\n".join(["[traces]", *lines]) + "\n")
    return setup


def said(output: str, event: str) -> int:
    return sum(event in line for line in output.splitlines())


def test_from_the_feed_to_the_link(tmp_path: Path) -> None:
    """What `scand parcel` prints leads to the trace that the collector has got."""
    view = "http://jaeger.test/trace/{trace_id}"
    with collecting() as collector, served(carrier(WorldPlan(events=50))) as url:
        setup = with_traces(tmp_path, url, collector.url, view_url=view)
        done = setup.scand("run", "--until-caught-up")
        assert done.returncode == 0, done.stderr
    parcels = {root.attributes["scand.parcel_id"] for root in collector.named("scan_event")}
    shown = {}
    for parcel in parcels:
        document = json.loads(setup.scand("parcel", parcel, "--json").stdout)
        printed = setup.scand("parcel", parcel).stdout.splitlines()
        for event in document["history"]:
            shown[event["event_id"]] = event["trace_id"]
            assert event["trace_url"] == view.replace("{trace_id}", event["trace_id"])
            assert f"event {event['event_id']}  {event['trace_url']}" in printed
    roots = collector.named("scan_event")
    assert shown == {root.attributes["scand.event_id"]: root.trace for root in roots}
    assert len(shown) == 50


def test_a_dead_letter_and_the_log_lead_to_their_traces(tmp_path: Path) -> None:
    """`scand dead-letters show` names the letter's trace, and a log line the page's."""
    view = "http://jaeger.test/trace/{trace_id}"
    plan = WorldPlan(events=50, faults=DataFaults(malformed=0.2))
    with collecting() as collector, served(carrier(plan)) as url:
        setup = with_traces(tmp_path, url, collector.url, view_url=view)
        setup.add('[logs]\nlevel = "debug"\nformat = "json"\n')
        done = setup.scand("run", "--until-caught-up")
    letter = json.loads(setup.scand("dead-letters", "show", 1, "--json").stdout)
    assert letter["trace_url"] == view.replace("{trace_id}", letter["trace_id"])
    assert letter["trace_url"] in setup.scand("dead-letters", "show", 1).stdout
    (root,) = [each for each in collector.named("scan_event") if each.trace == letter["trace_id"]]
    assert root.attributes["scand.outcome"] == "dead_letter"
    pages = {page.trace: page for page in collector.named("scan_page")}
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    told = {line["event"]: line for line in lines if "trace_id" in line}
    assert {"page.fetched", "commit", "events.rejected"} <= told.keys()
    assert all(pages[line["trace_id"]].id == line["span_id"] for line in told.values())
    assert pages[told["events.rejected"]["trace_id"]].attributes["scand.rejected"] > 0


@pytest.mark.parametrize("mode", ["refuse", "reject", "hang", "down"])
def test_a_collector_in_trouble_is_in_nobodys_way(tmp_path: Path, mode: Any) -> None:
    """All is applied, the daemon ends well, and no more than a line says what is wrong."""
    with collecting("take" if mode == "down" else mode) as collector:
        if mode == "down":
            collector.close()
        with served(carrier(PLAN)) as url:
            setup = with_traces(tmp_path, url, collector.url, flush_timeout="500ms")
            done = setup.scand("run", "--until-caught-up")
        assert mode == "down" or collector.requests
        assert not collector.spans
    assert done.returncode == 0, done.stderr
    assert setup.status()["events"] == PLAN.events
    assert said(done.stderr, "traces.") == (mode != "hang")
    assert said(done.stderr, "Traceback") == said(done.stderr, "opentelemetry") == 0


def test_a_collector_that_dies_and_comes_back(tmp_path: Path) -> None:
    """Two lines tell of it, the status too, and ingest does not notice."""
    with served(carrier(WorldPlan(events=None, rate=50.0))) as url, collecting() as first:
        setup = with_traces(tmp_path, url, first.url)
        with setup.running("run") as daemon:
            first.wait(lambda seen: seen.named("scan_event"))
            first.close()
            daemon.line("traces.not_exported", first.url)
            assert "refused" in setup.status()["daemon"]["traces_trouble"]
            with collecting(port=first.port) as second:
                daemon.line("traces.exported_again")
                second.wait(lambda seen: seen.named("scan_event"))
                assert setup.status()["daemon"]["traces_trouble"] is None
                told = setup.ask("/metrics").text
                assert "\nscand_traces_failing 0.0\n" in told
                assert "\nscand_exported_spans_total 0.0\n" not in told
                assert daemon.end(signal.SIGTERM) == 0
    assert said(daemon.output, "traces.") == 2
    untraced = rows(setup.store, "SELECT count(*) FROM journal WHERE trace_id IS NULL")
    assert untraced == [(0,)]


def test_nothing_is_imported_that_is_not_needed(tmp_path: Path) -> None:
    """Without an endpoint a daemon, and with one a command, knows nothing of OpenTelemetry."""
    env = environment({"PYTHONPROFILEIMPORTTIME": "1"})
    with served(carrier(WorldPlan(events=20))) as url:
        setup = Setup(tmp_path, url)
        done = setup.scand("run", "--until-caught-up", env=env)
        setup.add('[traces]\nendpoint = "http://127.0.0.1:9/v1/traces"\n')
        status = setup.scand("status", env=env)
    for each in (done, status):
        assert each.returncode == 0
        assert "scand.config" in each.stderr
        assert "opentelemetry" not in each.stderr


def test_headers_that_cannot_be_used_are_an_operators_mistake(tmp_path: Path) -> None:
    """The daemon does not start, and says which file it is."""
    with served(carrier(WorldPlan(events=1))) as url:
        missing = str(tmp_path / "headers")
        setup = with_traces(tmp_path, url, "http://127.0.0.1:9/", headers_file=missing)
        done = setup.scand("run")
    assert done.returncode == 2
    assert missing in done.stderr
    assert "Traceback" not in done.stderr
