"""`scand events`: what is in the journal."""

import json
import sys
from itertools import islice
from typing import Annotated

import typer

from scand.cli.options import ConfigOption, JsonOption, moment
from scand.cli.parcel import note
from scand.cli.text import printable
from scand.config import load, locate
from scand.core.event import MAX_ID
from scand.core.instant import Instant, instant_at
from scand.store.listing import Wanted, list_events
from scand.store.reading import Journaled, event_document, open_reader

_COLUMNS = "{:28}  {:28}  {:>12}  {:>12}  {}"
HEADINGS = ("committed at", "created at", "event", "parcel", "what")


def events(
    config: ConfigOption = None,
    *,
    parcel: Annotated[
        int | None, typer.Option(min=1, max=MAX_ID, help="Of this parcel.", show_default=False)
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--type", help="Of this type.", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="T", help="Committed since an instant (2021-05-11T21:11:34Z), or for 2h, 7d."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="The first so many.", show_default=False)
    ] = None,
    latest: Annotated[
        int | None, typer.Option(min=1, help="The last so many, backwards.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the events of the journal in the order in which they were committed."""
    if limit is not None and latest is not None:
        raise typer.BadParameter("--limit and --latest exclude each other")
    wanted = Wanted(parcel, kind and kind.strip().upper(), moment(since))
    with open_reader(load(locate(config)).store.path) as reader:
        rows = list_events(reader.query, wanted, newest_first=latest is not None)
        line = _as_json if as_json else _as_text
        if not as_json:
            sys.stdout.write(_COLUMNS.format(*HEADINGS) + "\n")
        for row in islice(rows, limit or latest):
            sys.stdout.write(line(row) + "\n")
        sys.stdout.flush()


def _as_json(row: Journaled) -> str:
    document = event_document(row) | {"recorded_at": _committed_at(row)}
    return json.dumps(document, ensure_ascii=False)


def _as_text(row: Journaled) -> str:
    event = row.event
    said = "/".join(filter(None, (event.type, event.status_code)))
    what = f"{printable(said)}  {note(row)}".rstrip()
    return _COLUMNS.format(
        _committed_at(row), event.created_at, event.event_id, event.parcel_id, what
    )


def _committed_at(row: Journaled) -> Instant:
    return instant_at(row.recorded_at / 1000)
