"""`scand cursor`: where the feed is followed from, and moving that by hand."""

import json
import os
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from scand.cli.changing import make
from scand.cli.options import ConfigOption, JsonOption, YesOption, confirm, read_place
from scand.config import load, locate
from scand.core.event import EventId
from scand.store.moving import move_cursor, operator
from scand.store.reading import open_reader

cursor = typer.Typer(
    help="Show or move the place up to which the feed is covered.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@cursor.command("show")
def show(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Show the cursor, and every time that it went elsewhere than on."""
    with open_reader(load(locate(config)).store.path) as reader:
        document = {**reader.position(), "audit": reader.audit()}
    typer.echo(json.dumps(document) if as_json else "\n".join(_lines(document)))


@cursor.command("set")
def set_(
    to: Annotated[str, typer.Argument(metavar="ID", show_default=False)],
    config: ConfigOption = None,
    *,
    yes: YesOption = False,
) -> None:
    """Go on with the event after ID, or at the beginning of the feed: 0, "" where ids are opaque.

    Back: events are read again, and what is known does not count twice. Forward: the ids in
    between are skipped, and `scand status` says so for ever; opaque ids cannot be counted.
    """
    settings = load(locate(config))
    with open_reader(settings.store.path) as reader:
        place = read_place(to, reader.identity().id_kind)
        was, high = reader.position()["cursor"], reader.position()["high"]
    ahead = place - high if isinstance(place, int) and was is not None else 0
    skips = f", skipping {ahead} ids" if ahead > 0 else ""
    confirm(f"Move the cursor from {_shown(was)} to {_shown(place)}{skips}?", yes=yes)
    move = move_cursor(place, time.time(), operator(os.getuid()))
    moved = make(settings, "cursor", {"cursor": place}, move)
    counted = f"; {moved['skipped']} ids skipped" if isinstance(place, int) else ""
    typer.echo(f"cursor {_shown(moved['now'])} (it was {_shown(moved['was'])}){counted}")


def _shown(cursor: EventId | None) -> str:
    return "-" if cursor in {None, ""} else str(cursor)


def _lines(document: dict[str, Any]) -> list[str]:
    served = {True: "with FromEventId", False: "after FromEventId", None: "not known yet"}
    return [
        f"cursor        {_shown(document['cursor'])}",
        f"covered up to {document['high'] or '-'}",
        f"pages begin   {served[document['inclusive']]}",
        *(f"{_when(row['at'])}  {_what(row)}" for row in document["audit"]),
    ]


def _when(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _what(row: dict[str, Any]) -> str:
    return f"{row['action']}  {_shown(row['was'])} -> {_shown(row['now'])}  {row['detail']}"
