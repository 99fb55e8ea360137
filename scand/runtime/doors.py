"""The admin server's doors: what is served where."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from scand.config import Config
from scand.live import Live
from scand.runtime.heartbeat import Heartbeat
from scand.store.reading import open_reader
from scand.telemetry.exposition import Exposition
from scand.telemetry.status import StatusBoard, status_document
from scand.web.admin import Changes, Views, create_app, create_metrics_app
from scand.web.serving import serve_admin

Service = Callable[[], Awaitable[None]]


def build_views(
    settings: Live[Config], board: StatusBoard, heartbeat: Heartbeat, exposition: Exposition
) -> Views:
    """What can be seen of the daemon from outside."""

    def document() -> dict[str, Any]:
        config = settings.now
        with open_reader(config.store.path) as reader:
            return status_document(reader, board, config)

    def alive() -> dict[str, str]:
        return {"supervisor": heartbeat.trouble()}

    return Views(alive, board.readiness, exposition.text, document)


def build_admin(config: Config, views: Views, changes: Changes) -> Mapping[str, Service]:
    """The admin server's doors by name, each on its own: a port in use leaves the socket open.

    Changes are for the socket, whose callers are known.
    """
    local, remote = create_app(views, changes), create_app(views)
    doors = {"admin_socket": partial(serve_admin, local, config.admin_socket, "admin.socket")}
    if door := config.admin.listen:
        doors["admin"] = partial(serve_admin, remote, door, "admin.listen")
    if door := config.metrics.listen:
        alone = create_metrics_app(views.metrics)
        doors["metrics"] = partial(serve_admin, alone, door, "metrics.listen")
    return doors
