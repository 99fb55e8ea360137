"""`scand rewind`: reading again what was read before."""

import os
import time
from typing import Annotated

import typer

from scand.cli.changing import make
from scand.cli.options import ConfigOption, YesOption, confirm, read_place
from scand.config import load, locate
from scand.store.moving import WAS_READ, operator
from scand.store.moving import rewind as go_back
from scand.store.reading import open_reader


def rewind(
    to: Annotated[
        str, typer.Option("--to", metavar="ID", help="The first to be read.", show_default=False)
    ],
    config: ConfigOption = None,
    *,
    yes: YesOption = False,
) -> None:
    """Read the feed again from an event on: what is known by then does not count twice."""
    settings = load(locate(config))
    with open_reader(settings.store.path) as reader:
        place = read_place(to, reader.identity().id_kind, "--to")
        ((was, was_read),) = reader.query(WAS_READ, place)
    if not was_read:
        raise typer.BadParameter(
            f"{to} was not read yet, the feed was up to {was or 'nowhere'};"
            " `scand cursor set` goes elsewhere",
            param_hint="--to",
        )
    confirm(f"Read again from {to or 'the beginning'} to {was}?", yes=yes)
    back = go_back(place, time.time(), operator(os.getuid()))
    moved = make(settings, "rewind", {"to": place}, back)
    typer.echo(f"reading again from {to or 'the beginning'} on (the cursor was {moved['was']})")
