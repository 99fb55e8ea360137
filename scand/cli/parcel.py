"""`scand parcel`: where a parcel is, and how it came there."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from scand.cli.options import ConfigOption, JsonOption
from scand.config import Traces, load, locate
from scand.core.errors import ScandError
from scand.core.event import MAX_ID
from scand.core.parcel import ParcelState
from scand.store.accounts import pruned_events
from scand.store.reading import Journaled, event_document, open_reader, parcel_document

WIDE = 200
"""Columns where there is no terminal: a pipe must not cut an instant in two."""


def parcel(
    parcel_id: Annotated[
        int, typer.Argument(metavar="ID", help="The ParcelId.", min=1, max=MAX_ID)
    ],
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show the state and the history of one parcel."""
    settings = load(locate(config))
    with open_reader(settings.store.path) as reader, reader.snapshot():
        state, history = reader.parcel(parcel_id), reader.history(parcel_id)
        pruned = pruned_events(reader.query, parcel_id)
    if state is None:
        raise ScandError(f"parcel {parcel_id} is not known")
    if as_json:
        document = parcel_document(parcel_id, state)
        document["history"] = [_event(row, settings.traces) for row in history]
        document |= {"pruned_events": pruned} if pruned else {}
        typer.echo(json.dumps(document))
    else:
        _show(parcel_id, state, history, pruned)
        _show_traces(history, settings.traces)


def _event(row: Journaled, traces: Traces) -> dict[str, Any]:
    document = event_document(row)
    return document | {"trace_url": traces.view(document["trace_id"])}


def _show(parcel_id: int, state: ParcelState, history: list[Journaled], pruned: int) -> None:
    latest = state.latest
    width = None if sys.stdout.isatty() else WIDE
    # What a carrier writes is shown as it is, square brackets and colons included.
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    console.print(f"parcel {parcel_id}: {latest.type} {latest.status_code}".rstrip())
    for name, mark in (("picked up", state.picked_up), ("delivered", state.delivered)):
        console.print(f"{name:9}  {mark.created_at if mark else '-'}")
    table = Table("created at", "event", "type", "status", "run", "", box=None)
    for row in sorted(history, key=lambda row: (row.event.created_at, row.event.event_id)):
        event = row.event
        table.add_row(
            event.created_at,
            str(event.event_id),
            event.type,
            event.status_code,
            event.run_id or "-",
            note(row),
        )
    if pruned:
        console.print(f"{pruned} earlier events were pruned")
    console.print(table)


def _show_traces(history: list[Journaled], traces: Traces) -> None:
    for event_id, trace in ((row.event.event_id, row.trace_id) for row in history):
        if trace is not None:
            link = traces.view(trace.hex()) or f"trace {trace.hex()}"
            typer.echo(f"event {event_id}  {link}")


def note(row: Journaled) -> str:
    """The milestone that an event reached, or corrected from its old instant to the new one."""
    if row.corrects is None:
        return row.milestone or ""
    return f"{row.milestone} corrected: {row.corrects} -> {row.event.created_at}"
