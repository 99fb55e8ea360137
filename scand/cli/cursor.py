"""`scand cursor`: where the feed is followed from, and moving that by hand."""

import json
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from scand.cli.daemon import change
from scand.cli.options import ConfigOption, JsonOption, YesOption, confirm
from scand.config import Config, load, locate
from scand.core.event import MAX_ID
from scand.store.lock import holder, instance_lock
from scand.store.moving import move_cursor
from scand.store.opening import connect
from scand.store.reading import open_reader
from scand.store.transaction import run
from scand.store.trouble import explained

cursor = typer.Typer(
    help="Show or move the place up to which the feed is covered.", no_args_is_help=True
)


@cursor.command("show")
def show(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Show the cursor, and every time that it went elsewhere than on."""
    with open_reader(load(locate(config)).store.path) as reader:
        document = {**reader.position(), "audit": reader.audit()}
    typer.echo(json.dumps(document) if as_json else "\n".join(_lines(document)))


@cursor.command("set")
def set_(
    to: Annotated[int, typer.Argument(metavar="ID", min=0, max=MAX_ID, show_default=False)],
    config: ConfigOption = None,
    *,
    yes: YesOption = False,
) -> None:
    """Go on with the event after ID.

    Back: events are read again, and what is known does not count twice. Forward: the ids in
    between are skipped, and `scand status` says so for ever.
    """
    settings = load(locate(config))
    with open_reader(settings.store.path) as reader:
        was, high = reader.position()["cursor"], reader.position()["high"]
    skips = f", skipping {to - high} ids" if was is not None and to > high else ""
    confirm(f"Move the cursor from {'-' if was is None else was} to {to}{skips}?", yes=yes)
    moved = _move(settings, to)
    typer.echo(f"cursor {moved['now']} (it was {moved['was']}); {moved['skipped']} ids skipped")


def _move(settings: Config, to: int) -> dict[str, Any]:
    """By the daemon that holds the store; ourselves if none does."""
    path = settings.store.path
    if holder(path) is not None:
        return change(settings, "/api/cursor", {"cursor": to})
    with instance_lock(path), closing(connect(path)) as connection, explained(path):
        return run(connection, move_cursor(to, time.time()))._asdict()


def _lines(document: dict[str, Any]) -> list[str]:
    served = {True: "with FromEventId", False: "after FromEventId", None: "not known yet"}
    return [
        f"cursor        {'-' if document['cursor'] is None else document['cursor']}",
        f"covered up to {document['high']}",
        f"pages begin   {served[document['inclusive']]}",
        *(f"{_when(row['at'])}  {_what(row)}" for row in document["audit"]),
    ]


def _when(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _what(row: dict[str, Any]) -> str:
    was = "-" if row["was"] is None else row["was"]
    return f"{row['action']}  {was} -> {row['now']}  {row['detail']}"
