"""`scand status`: how far, how complete, what is wrong."""

import json
from typing import Any

import typer

from scand.cli.options import ConfigOption, JsonOption
from scand.config import load, locate
from scand.store.opening import holder
from scand.store.reading import open_reader


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show where the daemon stands."""
    path = load(locate(config)).store.path
    with open_reader(path) as reader:
        document = reader.summary()
    document["pid"] = holder(path)
    if as_json:
        typer.echo(json.dumps(document))
    else:
        typer.echo("\n".join(_lines(document)))


def _lines(document: dict[str, Any]) -> list[str]:
    pid, gaps, dead = document["pid"], document["gaps"], document["dead_letters"]
    last = document["last_event"]
    reasons = ", ".join(f"{reason} {count}" for reason, count in dead["by_reason"].items())
    return [
        f"feed          {document['feed']['name']}  {document['feed']['url']}",
        f"daemon        {f'running, pid {pid}' if pid else 'not running'}",
        f"cursor        {document['cursor']}",
        f"last event    {last['created_at'] if last else '-'}",
        f"events        {document['events']}, of {document['parcels']} parcels",
        f"gaps          {gaps['open_ids']} ids open, {gaps['filled_ids']} filled,"
        f" {gaps['given_up_ids']} given up, {gaps['history_ids']} in history",
        f"dead letters  {dead['open']} open{f': {reasons}' if reasons else ''}",
    ]
