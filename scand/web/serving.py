"""The admin server's doors: an address, or a Unix socket, whose callers the kernel vouches for."""

import logging
import socket
import struct
from functools import partial
from pathlib import Path
from typing import cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio import serve
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from starlette.applications import Starlette
from starlette.requests import Request

_UCRED = struct.Struct("iII")
"""pid, uid and gid, as in unix(7)."""


def caller(request: Request) -> int | None:
    """The uid that opened the connection, as this process would see it; None over a network."""
    uid: int | None = request.scope.get("state", {}).get("uid")
    return uid


async def serve_admin(app: Starlette, door: str | Path, setting: str) -> None:
    """Serve on host:port, or on a Unix socket (mode 0660), as `setting` says, until cancelled."""
    if isinstance(door, Path) and door.exists() and not door.is_socket():  # noqa: ASYNC240 - quick
        raise OSError(f"{door} is there already, and no socket; see {setting}")
    config = Config()  # a socket left behind is replaced
    config.bind = [f"unix:{door}" if isinstance(door, Path) else door]
    config.umask = 0o117
    config.accesslog = None
    config.errorlog = logging.getLogger(__name__)
    config.graceful_timeout = 0.5
    try:
        if isinstance(door, Path):
            await _serve_locally(app, config)
        else:
            await serve(app, config, mode="asgi")  # type: ignore[arg-type]  # Starlette is ASGI
    except* OSError as group:
        raise OSError(f"{door} cannot be served ({_cause(group)}); see {setting}") from None
    finally:
        if isinstance(door, Path) and door.is_socket():  # noqa: ASYNC240 - local and quick
            door.unlink()  # noqa: ASYNC240 - as above


async def _serve_locally(app: Starlette, config: Config) -> None:
    """As hypercorn does, which does not tell an app who has connected."""
    (listening,) = config.create_sockets().insecure_sockets
    listening.listen(config.backlog)
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
    streams: set[trio.SocketStream] = set()
    talk = partial(_talk, ASGIWrapper(app), config, streams)  # type: ignore[arg-type]  # as above
    async with trio.open_nursery() as nursery:
        try:
            await trio.serve_listeners(talk, [listener], handler_nursery=nursery)
        finally:
            for stream in streams:  # hypercorn shields its sends, also to who does not read
                stream.socket.close()


async def _talk(
    app: ASGIWrapper, config: Config, streams: set[trio.SocketStream], stream: trio.SocketStream
) -> None:
    credentials = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _, uid, _ = _UCRED.unpack(credentials)
    streams.add(stream)
    try:
        # hypercorn's annotation names TLS only; without it, a plain stream is what it gets
        tls = cast("trio.SSLStream[trio.SocketStream]", stream)
        await TCPServer(app, config, WorkerContext(None), ConnectionState({"uid": uid}), tls)
    finally:
        streams.discard(stream)


def _cause(error: BaseException) -> str:
    """What the system said, behind the nurseries it came through."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(getattr(error, "strerror", error))
