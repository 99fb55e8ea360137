"""A carrier in a thread of its own, for daemons in processes of their own."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import trio
from starlette.types import ASGIApp, Receive, Scope, Send

from scand.simulator import Clock, ScanApi, TransportFaults, World, WorldPlan, create_app, serve
from scand.simulator.app import EVENTS_PATH


class Watched:
    """Remembers what was asked; `mode` is `pass`, `error` or `hang`."""

    def __init__(self, api: ScanApi, mode: str = "pass") -> None:
        self.api, self.mode = api, mode
        self.asked: list[Any] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == EVENTS_PATH:
            query = parse_qs(scope["query_string"].decode())
            first = query.get("FromEventId", [""])[0]
            self.asked.append(int(first) if first.isdigit() else first)
            if self.mode == "hang":
                await trio.sleep_forever()
            if self.mode == "error":
                await send({"type": "http.response.start", "status": 500, "headers": []})
                await send({"type": "http.response.body", "body": b"in trouble"})
                return
        await self.api(scope, receive, send)


def carrier(
    plan: WorldPlan, transport: TransportFaults | None = None, mode: str = "pass"
) -> Watched:
    """The simulator's API in real time."""
    world = World(plan, Clock(seconds=time.monotonic))
    return Watched(create_app(world, transport), mode)


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The address of the events, for as long as the block runs."""
    started = threading.Event()
    scope = trio.CancelScope()
    port, token = 0, None

    async def main() -> None:
        nonlocal port, token
        with scope:
            async with trio.open_nursery() as nursery:
                port = await nursery.start(serve, app)
                token = trio.lowlevel.current_trio_token()
                started.set()

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    started.wait()
    try:
        yield f"http://127.0.0.1:{port}{EVENTS_PATH}"
    finally:
        trio.from_thread.run_sync(scope.cancel, trio_token=token)
        thread.join()
