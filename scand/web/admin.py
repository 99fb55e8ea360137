"""The admin server: is it alive, is it ready, where does it stand.

| path | answers |
| --- | --- |
| `/livez` | 200 while the event loop turns |
| `/readyz` | 200 after first contact with the carrier, else 503; both with a reason |
| `/api/status` | the document of `scand status --json` |
| `POST /api/cursor` | moves the cursor, as `scand cursor set` |
| `POST /api/rewind` | moves it back, as `scand rewind` |
| `POST /api/dead-letters/replay` | tries letters again, as `scand dead-letters replay` |
| `POST /api/dead-letters/discard` | gives letters up, as `scand dead-letters discard` |

What changes something is for the Unix socket only.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from scand.core.errors import ScandError
from scand.telemetry.status import StatusBoard

Change = Callable[[Any], Awaitable[dict[str, Any]]]
Changes = Mapping[str, Change]
"""What an operator may have done: takes what was sent as JSON, gives what is to be answered."""

Summary = Callable[[], dict[str, Any]]
"""The status document; blocks while it reads the store."""


def create_app(board: StatusBoard, summary: Summary, changes: Changes | None = None) -> Starlette:
    """The admin server as an ASGI app. `changes`, by name, are for those who may make them."""

    async def livez(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> JSONResponse:
        if board.first_contact:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "not ready", "reason": board.waiting}, status_code=503)

    async def status(_: Request) -> JSONResponse:
        try:
            return JSONResponse(await trio.to_thread.run_sync(summary))
        except ScandError as error:  # the store, as its reader finds it
            return JSONResponse({"error": str(error)}, status_code=503)

    routes = [
        Route("/livez", livez, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/api/status", status, methods=["GET"]),
    ]
    for name, make in (changes or {}).items():
        routes.append(Route(f"/api/{name}", partial(_change, make), methods=["POST"]))
    return Starlette(routes=routes)


async def _change(make: Change, request: Request) -> JSONResponse:
    try:
        return JSONResponse(await make(await request.json()))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        return JSONResponse({"error": f"not understood: {error!r}"}, status_code=400)
    except ScandError as error:
        return JSONResponse({"error": str(error)}, status_code=503)


async def serve_admin(app: Starlette, door: str | Path) -> None:
    """Serve on host:port, or on a Unix socket (mode 0660), until cancelled."""
    config = Config()
    # a socket left behind is replaced; anything else in its place is an error
    config.bind = [f"unix:{door}" if isinstance(door, Path) else door]
    config.umask = 0o117
    config.accesslog = None
    config.errorlog = logging.getLogger(__name__)
    config.graceful_timeout = 0.5
    try:
        await serve(app, config, mode="asgi")  # type: ignore[arg-type]  # Starlette is an ASGI app
    except* OSError as group:
        setting = "admin.socket" if isinstance(door, Path) else "admin.listen"
        raise OSError(f"{door} cannot be served ({_cause(group)}); see {setting}") from None
    finally:
        if isinstance(door, Path) and door.is_socket():  # noqa: ASYNC240 - local and quick
            door.unlink()  # noqa: ASYNC240 - as above


def _cause(error: BaseException) -> str:
    """What the system said, behind the nurseries it came through."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(getattr(error, "strerror", error))
