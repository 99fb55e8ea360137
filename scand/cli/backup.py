"""`scand backup`: a copy of the store, while the daemon runs or not."""

from pathlib import Path
from typing import Annotated

import typer

from scand.cli.options import ConfigOption
from scand.cli.text import printable
from scand.config import load, locate
from scand.store.backup import back_up


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write.", show_default=False)],
    config: ConfigOption = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE.")] = False,
) -> None:
    """Copy the store to FILE and verify the copy; an existing FILE is replaced with --force only.

    To restore it, stop scand, remove the -wal and -shm files of the store, and put FILE there.
    """
    done = back_up(load(locate(config)).store.path, file, force=force)
    counted = f"{done.parcels} parcels, {done.events} events, {_size(file)}"
    proof = "verified" if done.digest else _OLDER.format(done.schema)
    typer.echo(f"{printable(str(file))}: {counted}; {proof}")
    if done.digest:
        typer.echo(f"sha256 of the parcels {done.digest}")


_OLDER = "sound, and not verified: schema {} is from before a migration"


def _size(file: Path) -> str:
    return f"{file.stat().st_size / (1 << 20):.1f} MiB"
