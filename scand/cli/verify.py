"""`scand verify`: is the state what the journal says?"""

import json

import typer

from scand.cli.options import ConfigOption, JsonOption
from scand.config import load, locate
from scand.store.reading import open_reader
from scand.store.verify import verify as compare


def verify(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Rebuild every parcel from the journal and compare; exit status 1 on a difference."""
    with open_reader(load(locate(config)).store.path) as reader:
        result = compare(reader)
    if as_json:
        document = {
            "ok": result.ok,
            "parcels": result.parcels,
            "events": result.events,
            "pruned_events": result.pruned,
            "different": result.different,
            "different_parcels": result.named,
            "digest": result.digest,
        }
        typer.echo(json.dumps(document))
    elif result.ok:
        pruned = f", and of {result.pruned} that were pruned" if result.pruned else ""
        typer.echo(f"ok: {result.parcels} parcels are the fold of {result.events} events{pruned}")
        typer.echo(f"sha256 {result.digest}")
    else:
        typer.echo(f"{result.different} of {result.parcels} parcels differ from the journal:")
        typer.echo("  " + ", ".join(map(str, result.named)))
    raise typer.Exit(0 if result.ok else 1)
