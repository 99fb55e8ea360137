"""`scand reload`: the daemon reads its configuration again."""

import json

import typer

from scand.cli.daemon import change
from scand.cli.differences import DONE, STATUS, told
from scand.cli.options import ConfigOption, JsonOption
from scand.config import load, locate
from scand.core.errors import OperatorError
from scand.store.lock import holder


def reload(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Have the daemon apply what its configuration says now: all that differs, or nothing.

    Exit status 1 if something differs that takes a restart, 2 if the configuration is invalid.
    """
    settings = load(locate(config))
    if holder(settings.store.path) is None:
        raise OperatorError(
            f"no scand runs on {settings.store.path}",
            "if store.path was changed, set it back: that takes a restart; else `scand run`",
        )
    document = change(settings, "/api/reload", {})
    outcome = document["outcome"]
    typer.echo(json.dumps(document) if as_json else "\n".join(told(document, DONE[outcome])))
    raise typer.Exit(STATUS[outcome])
