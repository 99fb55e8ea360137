"""`scand check-config`: is this configuration usable, and what does it amount to?"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from scand.cli.daemon import change
from scand.cli.differences import STATUS, WOULD, told
from scand.cli.options import ConfigOption, JsonOption
from scand.config import compare, interpret, load, load_file, locate, read
from scand.store.lock import holder


def check_config(
    file: Annotated[Path, typer.Argument(readable=False, help="The configuration to check.")],
    config: ConfigOption = None,
    *,
    diff: Annotated[bool, typer.Option("--diff", help="What would a reload do?")] = False,
    as_json: JsonOption = False,
) -> None:
    """Validate FILE and print the effective configuration, environment included.

    With --diff: compare FILE with what the daemon runs with, or, if none does, with --config. Exit
    status 0 if a reload would apply it, 1 if that takes a restart, 2 if FILE is invalid.
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
    """Compare, and say so; the exit status. A daemon has an environment of its own, so it is asked.

    Raises ConfigurationError for a file that is none.
    """
    text, now = read(file), load_file(current)
    if holder(now.config.store.path) is not None:
        with_, document = (
            "the running scand",
            change(now.config, "/api/reload/compare", {"text": text}),
        )
    else:
        with_, document = str(current), compare(now, interpret(file, text)).document()
    said = f"{file}, compared with {with_}: {WOULD[document['outcome']]}"
    typer.echo(json.dumps(document) if as_json else "\n".join(told(document, said)))
    return STATUS[document["outcome"]]


def _toml(section: dict[str, Any], path: str = "") -> list[str]:
    lines = [f"\n[{path}]"] if path else []
    tables = {name: value for name, value in section.items() if isinstance(value, dict)}
    plain = {name: value for name, value in section.items() if name not in tables}
    lines += [f"{name} = {json.dumps(value)}" for name, value in plain.items()]
    for name, table in tables.items():
        lines += _toml(table, f"{path}.{name}" if path else name)
    return lines
