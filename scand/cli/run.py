"""`scand run`: the daemon."""

from functools import partial
from typing import Annotated

import trio
import typer

from scand.cli.options import ConfigOption
from scand.config import Config, load_file, locate
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
    loaded, log = load_file(locate(config)), LogObserver()

    def tune_logs(settings: Config) -> None:
        configure_logs(settings.logs.level, settings.logs.format)
        log.renew()

    tune_logs(loaded.config)
    daemon = partial(
        run_daemon,
        loaded,
        WallClock(),
        log,
        until_caught_up=until_caught_up,
        retune_logs=tune_logs,
    )
    trio.run(daemon)
