"""`scand simulate`: the carrier's API, with faults on demand."""

from typing import Annotated

import trio
import typer

from scand.core.errors import ConfigurationError
from scand.simulator import (
    Dialect,
    Faults,
    World,
    WorldPlan,
    create_app,
    parse_dialect,
    parse_faults,
    serve,
)

MOST = 100_000_000


def simulate(
    events: Annotated[
        int, typer.Option(min=0, max=MOST, help="How many events; 0 for no end.")
    ] = 10_000,
    backlog: Annotated[int, typer.Option(min=0, help="Of these, there from the start.")] = 0,
    rate: Annotated[float, typer.Option(min=0, help="New events per second; 0: all at once.")] = 0,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for a free one.")] = 8080,
    seed: Annotated[int, typer.Option(help="The same seed makes the same events.")] = 1,
    faults: Annotated[
        str, typer.Option(help='For example "error=0.05,late=0.02,cap=50,latency=20ms", or "all".')
    ] = "none",
    dialect: Annotated[
        str,
        typer.Option(
            help="How this carrier differs: opaque (ids are UUIDs), exclusive (FromEventId is left"
            " out), bare (a page is an array), head=204 or head=404 (nothing new), and other names,"
            ' as in "event_id=id,run_id=run.number,events=items".'
        ),
    ] = "",
) -> None:
    """Serve the scan event API on loopback, with an /oracle of what is true and /stats."""
    chosen, spoken = read_faults(faults), read_dialect(dialect)
    if not events and not rate:
        raise ConfigurationError("--events 0 means no end: that needs a --rate")
    if events and backlog > events:
        raise ConfigurationError("--backlog cannot be greater than --events")

    async def simulator() -> None:
        plan = WorldPlan(
            events=events or None,
            backlog=backlog,
            rate=rate,
            seed=seed,
            faults=chosen.data,
            dialect=spoken,
        )
        app = create_app(World(plan), chosen.transport)
        async with trio.open_nursery() as nursery:
            bound = await nursery.start(lambda **kw: serve(app, "127.0.0.1", port, **kw))
            typer.echo(f"http://127.0.0.1:{bound}/v1/scans/scanevents")

    try:
        trio.run(simulator)
    except* KeyboardInterrupt:
        pass
    except* OSError as group:
        error = group.exceptions[0]
        raise ConfigurationError(f"port {port}: {error}", "choose another --port") from None


def read_dialect(text: str) -> Dialect:
    """`parse_dialect`, with a mistake in the user's words."""
    try:
        return parse_dialect(text)
    except ValueError as error:
        raise ConfigurationError(f"--dialect: {error}") from None


def read_faults(text: str) -> Faults:
    """`parse_faults`, with a mistake in the user's words."""
    try:
        return parse_faults(text)
    except ValueError as error:
        raise ConfigurationError(f"--faults: {error}") from None
