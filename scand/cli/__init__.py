"""The command line: one command per file, each a function of the file's name; see `commands`."""

import signal
import sys


def main() -> None:
    """Run a command. Nothing that takes time is imported before this is called."""
    if sys.argv[1:2] == ["run"]:
        # A reload that is asked for while the daemon starts would end it. It is held back until
        # `watch_signals` can take it, and before the configuration is read: so no change is missed.
        # One that is asked for when that has ended means nothing any more.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    from scand.cli.commands import main as run  # noqa: PLC0415 - as the docstring says

    run()
