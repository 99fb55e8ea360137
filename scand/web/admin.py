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

The first two say of everything they look at that it is `ok`, or what is wrong with it. What is
posted is for the Unix socket only, and there for root and the user that scand runs as: the kernel
says who has connected, and others are answered 403.
"""

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scand.core.errors import ScandError
from scand.telemetry.exposition import CONTENT_TYPE
from scand.web.serving import caller

Change = Callable[[Any, int], Awaitable[dict[str, Any]]]
Changes = Mapping[str, Change]
"""What an operator may have done: takes what was sent as JSON and by which uid; answers."""

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


def may_change(uid: int | None, own: int) -> bool:
    """Whether the caller with this uid may change what the process with its `own` does."""
    return uid in {0, own}


async def _change(make: Change, request: Request) -> Response:
    uid, own = caller(request), os.geteuid()
    if uid is None or not may_change(uid, own):
        said = f"this is for root and for uid {own}, as which scand runs"
        return JSONResponse({"error": said}, status_code=403)
    try:
        return JSONResponse(await make(await request.json(), uid))
    except json.JSONDecodeError:
        return JSONResponse({"error": "not understood: the body is no JSON"}, status_code=400)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        return JSONResponse({"error": f"not understood: {error!r}"}, status_code=400)
    except ScandError as error:
        return JSONResponse({"error": str(error)}, status_code=503)
