"""The commands by name, and how they end.

A command is imported when it is asked for: `scand status` need not know the simulator.
"""

import os
import sys
from importlib import import_module
from typing import Annotated

import typer
from typer.core import TyperCommand, TyperGroup

from scand import __version__
from scand.cli.text import printable
from scand.core.errors import ConfigurationError, OperatorError, ScandError

COMMANDS = (
    "demo",
    "run",
    "check-config",
    "simulate",
    "reload",
    "status",
    "parcel",
    "events",
    "export",
    "verify",
    "backup",
    "cursor",
    "dead-letters",
    "rewind",
)


class Commands(TyperGroup):
    """The commands by name, imported one by one."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # noqa: ARG002
        """In the order that help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | None:  # type: ignore[override]  # noqa: ARG002
        """The command of a name, or None."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        function = getattr(import_module(f"scand.cli.{name}"), name)
        if isinstance(function, typer.Typer):
            group = typer.main.get_command(function)
            group.name = cmd_name
            return group  # type: ignore[return-value]
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(cmd_name)(function)
        return typer.main.get_command(single)  # type: ignore[return-value]


app = typer.Typer(
    cls=Commands,
    help="Follow a carrier's scan event feed, and always know where every parcel is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - a callback of typer's
    if wanted:
        typer.echo(f"scand {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Which scand.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run a command; a mistake of the user's is one clear message, never a traceback."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - for streams that were closed
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
        try:
            app()
        except ScandError as error:
            _tell(error)
            sys.exit(error.exit_status)
        except KeyboardInterrupt:
            sys.exit(130)  # as a shell says it
        except OSError as error:  # of our output, as a full disk; typer ends well for a closed pipe
            typer.echo(f"scand: {error}", err=True)
            sys.exit(1)


def _tell(error: ScandError) -> None:
    """Say what is wrong. It may name a file, and a name may hold what steers a terminal."""
    lines = str(error).split("\n") if isinstance(error, ConfigurationError) else [str(error)]
    typer.echo("scand: " + "\n".join(map(printable, lines)), err=True)
    if isinstance(error, OperatorError) and error.hint:
        typer.echo(f"  hint: {printable(error.hint)}", err=True)
