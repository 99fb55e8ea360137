"""`scand status`: how far, how complete, what is wrong."""

import json
from typing import Any

import typer

from scand.cli.daemon import look
from scand.cli.options import ConfigOption, JsonOption
from scand.config import Config, load, locate
from scand.core.lateness import NEAR
from scand.store.lock import holder
from scand.store.reading import open_reader
from scand.telemetry.status import status_document


def status(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Show where the daemon stands; from its store when it does not run."""
    settings = load(locate(config))
    document = look(settings, "/api/status") or _from_store(settings)
    typer.echo(json.dumps(document) if as_json else "\n".join(_lines(document)))


def _from_store(settings: Config) -> dict[str, Any]:
    with open_reader(settings.store.path) as reader:
        document = status_document(reader, None, settings)
        return document | {"holder": holder(settings.store.path)}


def _lines(document: dict[str, Any]) -> list[str]:
    daemon, gaps, dead = document["daemon"], document["gaps"], document["dead_letters"]
    last = document["last_event"]
    reasons = ", ".join(f"{reason} {count}" for reason, count in dead["by_reason"].items())
    missing = (
        f"{gaps['open_ids']} ids open, {gaps['filled_ids']} filled,"
        f" {gaps['given_up_ids']} given up, {gaps['history_ids']} in history"
        + "".join(f", {gaps[f'{how}_ids']} {how}" for how in _RARE if gaps[f"{how}_ids"])
    )
    return [
        f"feed          {document['feed']['name']}  {document['feed']['url']}",
        f"daemon        {_daemon(daemon, document.get('holder'))}",
        f"breaker       {_or_dash(document['breaker'])}",
        f"cursor        {_or_dash(document['cursor'])}",
        f"lag           {_lag(document['lag_seconds'])}",
        f"last event    {last['created_at'] if last else '-'}",
        f"events        {document['events']}, of {document['parcels']} parcels{_pruned(document)}",
        f"complete      {_completeness(document['completeness'])}",
        f"gaps          {missing}",
        *_lateness(document["lateness"]),
        f"dead letters  {dead['open']} open{f': {reasons}' if reasons else ''}{_closed(dead)}",
        *_crashes(daemon),
        *_traces(daemon),
        *_reload(daemon, document.get("reload")),
    ]


def _closed(dead: dict[str, Any]) -> str:
    ways = ("replayed", "superseded", "discarded", "pruned")
    return "".join(f"; {dead[way]} {way}" for way in ways if dead.get(way))


_RARE = ("lost", "skipped")
"""Ways in which ids can be missing that most feeds never see."""


def _traces(daemon: dict[str, Any] | None) -> list[str]:
    trouble = daemon and daemon.get("traces_trouble")
    return [f"traces        do not arrive: {trouble}"] if trouble else []


def _pruned(document: dict[str, Any]) -> str:
    pruned = document["pruned_events"]
    return f"; {pruned} older events were pruned" if pruned else ""


def _completeness(known: dict[str, Any]) -> str:
    return (
        f"up to EventId {_or_dash(known['complete_up_to'])}, with {known['open_gaps']} open gaps"
        f" ({known['open_gap_ids']} ids), {known['given_up_ids']} ids given up,"
        + "".join(f" {known[f'{how}_ids']} {how}," for how in _RARE if known[f"{how}_ids"])
        + f" {known['open_dead_letters']} open dead letters, as of {known['as_of']}"
    )


def _lateness(late: dict[str, Any]) -> list[str]:
    window = f"late_window is {late['late_window']:g} s"
    if not late["found"]:
        return [f"late ids      none yet; {window}"]
    found = (
        f"late ids      found after {late['p50']:.1f} s (p50), {late['p99']:.1f} s (p99),"
        f" {late['max']:.1f} s (max) at the most: looks are made when the age of a gap has doubled;"
        f" {window}"
    )
    if not late["near_edge"]:
        return [found]
    warning = (
        f"  WARNING     {late['near_edge']} of the last {late['found']} late ids were found after"
        f" more than {NEAR:.0%} of late_window, the last at {late['last_near_edge']}: make"
        " feed.late_window longer, or feed.limit larger where open gaps pile up"
    )
    return [found, warning]


def _crashes(daemon: dict[str, Any] | None) -> list[str]:
    if daemon is None or (last := daemon["last_crash"]) is None:
        return []
    times = ", ".join(f"{child} {count}" for child, count in daemon["restarts"].items())
    ago = daemon["started_at"] + daemon["uptime_seconds"] - last["at"]
    return [f"restarts      {times}; the last {ago:.0f} s ago: {'; '.join(last['causes'])}"]


def _reload(daemon: dict[str, Any] | None, last: dict[str, Any] | None) -> list[str]:
    if daemon is None or last is None:
        return []
    ago = daemon["started_at"] + daemon["uptime_seconds"] - last["at"]
    keys = f": {', '.join(last['keys'])}" if last["keys"] else ""
    shadowed = f"; shadowed by the environment: {', '.join(last['shadowed'])}"
    said = f"reload        {last['outcome']} {ago:.0f} s ago{keys}"
    return [said + (shadowed if last["shadowed"] else ""), *(f"  {e}" for e in last["errors"])]


def _or_dash(value: object) -> str:
    return "-" if value in {None, ""} else str(value)


def _daemon(daemon: dict[str, Any] | None, holder: int | None) -> str:
    if daemon is None and holder is not None:
        return f"pid {holder} holds the store but does not answer; this is what the store says"
    if daemon is None:
        return "not running; this is what its store says"
    waiting = f", waiting: {daemon['waiting']}" if daemon["waiting"] else ""
    return f"running, pid {daemon['pid']}{waiting}"


def _lag(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.0f} s" if seconds else "none: at the head"
