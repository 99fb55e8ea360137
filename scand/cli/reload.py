"""`scand reload`: the daemon reads its configuration again."""

import json

import typer

from scand.cli.daemon import RELOAD_PATIENCE, change
from scand.cli.differences import DONE, STATUS, told
from scand.cli.options import ConfigOption, JsonOption
from scand.config import load, locate


def reload(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Have the daemon apply what its configuration says now: all that differs, or nothing.

    Exit status 1 if something differs that takes a restart, 2 if the configuration is invalid.
    """
    document = change(load(locate(config)), "/api/reload", {}, RELOAD_PATIENCE)
    outcome = document["outcome"]
    typer.echo(json.dumps(document) if as_json else "\n".join(told(document, DONE[outcome])))
    raise typer.Exit(STATUS[outcome])
