"""`scand check-config`: is this configuration usable, and what does it amount to?"""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from scand.cli.daemon import RELOAD_PATIENCE, UnreachedError, change
from scand.cli.differences import STATUS, WOULD, told
from scand.cli.options import ConfigOption, JsonOption
from scand.config import Config, compare, interpret, load, load_file, locate, read
from scand.core.errors import OperatorError


def check_config(
    file: Annotated[Path, typer.Argument(readable=False, help="The configuration to check.")],
    config: ConfigOption = None,
    *,
    diff: Annotated[bool, typer.Option("--diff", help="What would a reload do?")] = False,
    as_json: JsonOption = False,
) -> None:
    """Validate FILE and print the effective configuration, environment included.

    With --diff: compare FILE with what the daemon of --config runs with, or, if it cannot be asked,
    with --config itself. Exit status 0 if a reload would apply it, 1 if that takes a restart or
    there is nothing to compare FILE with, 2 if it is invalid.
    """
    if diff:
        raise typer.Exit(_show_difference(file, locate(config), as_json=as_json))
    document = load(file).document()
    if as_json:
        typer.echo(json.dumps(document, indent=2))
    else:
        typer.echo(f"# {file} is valid; in effect:")
        typer.echo("\n".join(_toml(document)))


def _show_difference(file: Path, current: Path, *, as_json: bool) -> int:
    """Compare, and say so; the exit status.

    Raises ConfigurationError for a file that is none, and OperatorError if nothing was compared.
    """
    text, now = read(file), load_file(current)
    try:
        with_, document = "the running scand", _ask(now.config, file, text)
    except UnreachedError as error:
        if file.samefile(current):
            message = f"{file} was compared with nothing: {error.message}"
            raise OperatorError(message, error.hint) from None
        with_ = f"{current}, for {error.message}"
        document = compare(now, interpret(file, text)).document()
    said = f"{file}, compared with {with_}: {WOULD[document['outcome']]}"
    whole = {"compared_with": with_, **document}
    typer.echo(json.dumps(whole) if as_json else "\n".join(told(document, said)))
    return STATUS[document["outcome"]]


def _ask(config: Config, file: Path, text: str) -> dict[str, Any]:
    """The daemon, which has an environment of its own, and reads its own file with its own rights.

    Raises UnreachedError.
    """
    wanted = {"path": os.path.realpath(file), "text": text}
    return change(config, "/api/reload/compare", wanted, RELOAD_PATIENCE)


def _toml(section: dict[str, Any], path: str = "") -> list[str]:
    lines = [f"\n[{path}]"] if path else []
    tables = {name: value for name, value in section.items() if isinstance(value, dict)}
    plain = {name: value for name, value in section.items() if name not in tables}
    lines += [f"{name} = {json.dumps(value)}" for name, value in plain.items()]
    for name, table in tables.items():
        lines += _toml(table, f"{path}.{name}" if path else name)
    return lines
