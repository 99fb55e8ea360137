"""Options that several commands share."""

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from scand.config import parse_duration
from scand.core.errors import OperatorError
from scand.core.event import EventId, IdKind
from scand.core.ids import KINDS
from scand.core.instant import epoch_of, parse_instant

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        readable=False,  # who reads it says what is wrong, and what to do
        help="The configuration; else $SCAND_CONFIG, else /etc/scand/scand.toml.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""Print JSON."""

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
"""Do not ask."""


def moment(since: str | None) -> float | None:
    """An instant, or how long ago: as seconds since 1970."""
    if since is None:
        return None
    with suppress(ValueError):
        return max(time.time() - parse_duration(since), 0.0)
    try:
        return max(epoch_of(parse_instant(since)), 0.0)
    except ValueError:
        raise typer.BadParameter(
            f"--since: {since!r} is neither an instant such as 2021-05-11T21:11:34Z nor a duration"
            " such as 2h or 7d"
        ) from None


def read_place(text: str, id_kind: IdKind, hint: str | None = None) -> EventId:
    """An EventId as an operator writes it, or what stands for the beginning of the feed."""
    try:
        return KINDS[id_kind].place(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from None


class NotConfirmedError(OperatorError):
    """Nobody is there to say yes."""

    exit_status = 2


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is done; without a terminal, only `--yes` is an answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise NotConfirmedError(f"not confirmed: {question}", "say --yes")
    typer.confirm(question, abort=True, err=True)
