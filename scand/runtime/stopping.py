"""How a stop spreads: what ends at once, and what may take its time."""

from collections.abc import Awaitable, Callable

import trio


async def until_set(event: trio.Event, run: Callable[[], Awaitable[None]]) -> None:
    """Run until it ends by itself, or `event` is set."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cancel_when_set, event, nursery.cancel_scope)
        await run()
        nursery.cancel_scope.cancel()


async def cancel_when_set(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


async def limit_drain(
    stopping: trio.Event, limit: Callable[[], float], root: trio.CancelScope
) -> None:
    """End the daemon `limit` seconds after `stopping`, drained or not."""
    await stopping.wait()
    root.deadline = trio.current_time() + limit()
