"""`scand run`: the daemon."""

from typing import Annotated

import trio
import typer

from scand.cli.options import ConfigOption
from scand.config import load, locate
from scand.runtime.clock import WallClock
from scand.runtime.daemon import run_daemon
from scand.telemetry.logs import LogObserver, configure_logs


def run(
    config: ConfigOption = None,
    *,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="Stop once the head is committed.")
    ] = False,
) -> None:
    """Follow the feed, until SIGTERM or Ctrl-C."""
    settings = load(locate(config))
    configure_logs(settings.logs.level, settings.logs.format)

    async def daemon() -> None:
        await run_daemon(settings, WallClock(), LogObserver(), until_caught_up=until_caught_up)

    trio.run(daemon)
