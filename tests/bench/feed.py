"""A feed that costs as little as possible, so that the client is what is measured.

Events come from the simulator; pages are answered by a bare asyncio protocol.

    python -m tests.bench.feed EVENTS MISSING
"""

import asyncio
import sys
import time
from urllib.parse import parse_qs, urlsplit

from scand.simulator import Clock, DataFaults, World, WorldPlan

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class FeedProtocol(asyncio.Protocol):
    """One connection; requests are answered in the order they come."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pending = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        *requests, self._pending = (self._pending + data).split(b"\r\n\r\n")
        for request in requests:
            body = self._answer(request.split(b" ", 2)[1].decode())
            self._transport.write(HEAD % len(body) + body)

    def _answer(self, target: str) -> bytes:
        query = parse_qs(urlsplit(target).query)
        return self._world.page(int(query["FromEventId"][0]), int(query["Limit"][0])).body


async def main(events: int, missing: float) -> None:
    """Serve until killed; says its port on standard output."""
    plan = WorldPlan(events=events, faults=DataFaults(missing=missing), history=30 * 86400.0)
    world = World(plan, Clock(seconds=time.monotonic))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: FeedProtocol(world), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # the parent reads it
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
