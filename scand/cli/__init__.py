"""The command line: one command per file, each a function that `main` knows by name."""

import os
import sys

import typer

from scand.cli import check_config, demo, export, parcel, run, simulate, status, verify
from scand.core.errors import OperatorError, ScandError

app = typer.Typer(
    help="Follow a carrier's scan event feed, and always know where every parcel is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("check-config")(check_config.check_config)
app.command("simulate")(simulate.simulate)
app.command("status")(status.status)
app.command("parcel")(parcel.parcel)
app.command("export")(export.export)
app.command("verify")(verify.verify)


def main() -> None:
    """Run a command; a mistake of the user's is one clear message, never a traceback."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - for streams that were closed
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
        try:
            app()
        except ScandError as error:
            typer.echo(f"scand: {error}", err=True)
            if isinstance(error, OperatorError) and error.hint:
                typer.echo(f"  hint: {error.hint}", err=True)
            sys.exit(error.exit_status)
        except OSError as error:  # of our output, as a full disk; typer ends well for a closed pipe
            typer.echo(f"scand: {error}", err=True)
            sys.exit(1)
