"""Serves the simulator with hypercorn on trio, one connection at a time in our hands.

An ASGI app cannot break a connection: hypercorn answers 500 for an app that sends nothing, and
has no reset. So connections are accepted here and handed to hypercorn's protocol one by one, and
an app that raises `Dropped` gets the socket under it closed.
"""

import logging
import socket
import struct
from contextlib import suppress
from functools import partial
from typing import cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from starlette.types import ASGIApp, Receive, Scope, Send

from scand.simulator.answers import Dropped

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: close() throws away what is unsent and sends a reset."""


async def serve(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; requests in flight are dropped then. Port 0 means a free one.

    `task_status.started` reports the port. Raises OSError if it cannot be bound.
    """
    listeners = await trio.open_tcp_listeners(port, host=host)
    if port == 0:  # a name with several addresses would get a free port for each
        listeners = await _only_first(listeners)
    streams: set[trio.SocketStream] = set()
    connection = partial(_connection, app, _config(), streams)
    async with trio.open_nursery() as nursery:
        task_status.started(listeners[0].socket.getsockname()[1])
        try:
            await trio.serve_listeners(connection, listeners, handler_nursery=nursery)
        finally:
            # hypercorn shields its sends: a client that does not read would hold us up.
            for stream in streams:
                stream.socket.close()


async def _only_first(listeners: list[trio.SocketListener]) -> list[trio.SocketListener]:
    for listener in listeners[1:]:
        await listener.aclose()
    return listeners[:1]


def _config() -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = logging.getLogger(__name__)  # a fault is no error; a bug is reported
    config.keep_alive_timeout = 75
    return config


async def _connection(
    app: ASGIApp, config: Config, streams: set[trio.SocketStream], stream: trio.SocketStream
) -> None:
    wrapped = ASGIWrapper(partial(_breakable, app, stream))
    streams.add(stream)
    try:
        # hypercorn's annotation names TLS only; without it, a plain stream is what it gets.
        tls = cast("trio.SSLStream[trio.SocketStream]", stream)
        await TCPServer(wrapped, config, WorkerContext(None), ConnectionState({}), tls)
    finally:
        streams.discard(stream)


async def _breakable(
    app: ASGIApp, stream: trio.SocketStream, scope: Scope, receive: Receive, send: Send
) -> None:
    try:
        await app(scope, receive, send)
    except Dropped as drop:
        if drop.abruptly:
            with suppress(OSError):  # the client was faster
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        await stream.aclose()
