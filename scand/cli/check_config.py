"""`scand check-config`: is this configuration usable, and what does it amount to?"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from scand.config import load


def check_config(
    file: Annotated[Path, typer.Argument(help="The configuration to check.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Validate FILE and print the effective configuration, environment included."""
    document = load(file).document()
    if as_json:
        typer.echo(json.dumps(document, indent=2))
    else:
        typer.echo(f"# {file} is valid; in effect:")
        typer.echo("\n".join(_toml(document)))


def _toml(section: dict[str, Any], path: str = "") -> list[str]:
    lines = [f"\n[{path}]"] if path else []
    tables = {name: value for name, value in section.items() if isinstance(value, dict)}
    plain = {name: value for name, value in section.items() if name not in tables}
    lines += [f"{name} = {json.dumps(value)}" for name, value in plain.items()]
    for name, table in tables.items():
        lines += _toml(table, f"{path}.{name}" if path else name)
    return lines
