"""Options that several commands share."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from scand.core.errors import OperatorError

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="The configuration; else $SCAND_CONFIG, else /etc/scand/scand.toml.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""Print JSON."""

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
"""Do not ask."""


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
