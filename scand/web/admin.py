"""The admin server: is it alive, is it ready, where does it stand.

| path | answers |
| --- | --- |
| `/livez` | 200 while the supervisor turns, else 503 |
| `/readyz` | 200 when the store can be used and the carrier has answered once, else 503 |
| `/metrics` | what Prometheus scrapes |
| `/api/status` | the document of `scand status --json` |
| `POST /api/cursor` | moves the cursor, as `scand cursor set` |
| `POST /api/reload` | reads the configuration again, as `scand reload` |
| `POST /api/reload/compare` | says what that would do with another text of the file |
| `POST /api/rewind` | moves it back, as `scand rewind` |
| `POST /api/dead-letters/replay` | tries letters again, as `scand dead-letters replay` |
| `POST /api/dead-letters/discard` | gives letters up, as `scand dead-letters discard` |

The first two say of everything they look at that it is `ok`, or what is wrong with it. What changes
something is for the Unix socket only.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scand.core.errors import ScandError
from scand.telemetry.exposition import CONTENT_TYPE

Change = Callable[[Any], Awaitable[dict[str, Any]]]
Changes = Mapping[str, Change]
"""What an operator may have done: takes what was sent as JSON, gives what is to be answered."""

Summary = Callable[[], dict[str, Any]]
"""The status document; blocks while it reads the store."""

Checks = Callable[[], Mapping[str, str]]
"""What is wrong, by what was looked at; nothing where all is well."""

Text = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True)
class Views:
    """What can be seen of the daemon."""

    alive: Checks
    ready: Checks
    metrics: Text
    summary: Summary


def create_app(views: Views, changes: Changes | None = None) -> Starlette:
    """The admin server as an ASGI app. `changes`, by name, are for those who may make them."""
    routes = [
        _get("/livez", partial(_health, views.alive, "not alive")),
        _get("/readyz", partial(_health, views.ready, "not ready")),
        _get("/metrics", partial(_metrics, views.metrics)),
        _get("/api/status", partial(_status, views.summary)),
    ]
    for name, make in (changes or {}).items():
        routes.append(Route(f"/api/{name}", partial(_change, make), methods=["POST"]))
    return Starlette(routes=routes)


def create_metrics_app(metrics: Text) -> Starlette:
    """The metrics alone, for an address of their own."""
    return Starlette(routes=[_get("/metrics", partial(_metrics, metrics))])


def _get(path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, answer, methods=["GET"])


async def _health(checks: Checks, otherwise: str, _: Request) -> Response:
    found = checks()
    troubles = [trouble for trouble in found.values() if trouble]
    said = {"checks": {name: trouble or "ok" for name, trouble in found.items()}}
    if not troubles:
        return JSONResponse({"status": "ok", **said})
    reason = "; ".join(troubles)
    return JSONResponse({"status": otherwise, "reason": reason, **said}, status_code=503)


async def _metrics(text: Text, _: Request) -> Response:
    return Response(await text(), headers={"Content-Type": CONTENT_TYPE})


async def _status(summary: Summary, _: Request) -> Response:
    try:
        return JSONResponse(await trio.to_thread.run_sync(summary))
    except ScandError as error:  # the store, as its reader finds it
        return JSONResponse({"error": str(error)}, status_code=503)


async def _change(make: Change, request: Request) -> Response:
    try:
        return JSONResponse(await make(await request.json()))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        return JSONResponse({"error": f"not understood: {error!r}"}, status_code=400)
    except ScandError as error:
        return JSONResponse({"error": str(error)}, status_code=503)


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
        await serve(app, config, mode="asgi")  # type: ignore[arg-type]  # Starlette is an ASGI app
    except* OSError as group:
        raise OSError(f"{door} cannot be served ({_cause(group)}); see {setting}") from None
    finally:
        if isinstance(door, Path) and door.is_socket():  # noqa: ASYNC240 - local and quick
            door.unlink()  # noqa: ASYNC240 - as above


def _cause(error: BaseException) -> str:
    """What the system said, behind the nurseries it came through."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(getattr(error, "strerror", error))
