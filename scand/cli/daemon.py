"""Speaking to the daemon that holds the store, over its Unix socket."""

import os
import stat
from pathlib import Path
from typing import Any

import httpx

from scand.config import Config
from scand.core.errors import OperatorError, ScandError
from scand.store.lock import holder

PATIENCE = 5.0
"""Seconds for the daemon to answer a question."""

RELOAD_PATIENCE = 20.0
"""The same for reading its configuration, now or to compare it."""

LONG_PATIENCE = 60.0
"""The same for a change, which waits for a commit that is under way."""

_AS_WHO = "try with sudo"


class UnreachedError(OperatorError):
    """No daemon has heard of it."""


def look(settings: Config, path: str) -> dict[str, Any] | None:
    """What the daemon says, or None where none answers. Raises UnreachedError without rights."""
    if not _is_open(settings.admin_socket, f"{_AS_WHO}, or as a member of the socket's group"):
        return None
    try:
        with _client(settings, PATIENCE) as client:
            document: dict[str, Any] = client.get(f"http://scand{path}").raise_for_status().json()
            return document
    except (httpx.HTTPError, OSError, ValueError):
        return None


def change(
    settings: Config, path: str, wanted: dict[str, Any], patience: float = LONG_PATIENCE
) -> dict[str, Any]:
    """Have the daemon do something. Raises UnreachedError where none hears it, or ScandError."""
    door = settings.admin_socket
    _is_open(door, _AS_WHO)
    try:
        with _client(settings, patience) as client:
            answer = client.post(f"http://scand{path}", json=wanted)
            document: dict[str, Any] = answer.json()
    except httpx.ConnectError as error:
        raise _unreached(settings, error) from None
    except httpx.TimeoutException:
        raise OperatorError(
            f"the daemon has not answered on {door} for {patience:g} s, and may still do it",
            "look at its log and at `scand status` before you try again",
        ) from None
    except (httpx.HTTPError, OSError, ValueError) as error:
        raise ScandError(
            f"the daemon does not answer on {door} as it should ({error or type(error).__name__}):"
            " look at its log, or stop it and try again"
        ) from None
    if answer.status_code == httpx.codes.FORBIDDEN:
        raise UnreachedError(f"{door}: {document['error']}", _AS_WHO)
    if answer.is_error:
        raise ScandError(document.get("error", f"the daemon answered {answer.status_code}"))
    return document


def _is_open(door: Path, hint: str) -> bool:
    """Whether there is a socket. Raises UnreachedError if it is not for us."""
    try:
        if not stat.S_ISSOCK(door.stat().st_mode):
            return False
        allowed = os.access(door, os.W_OK, effective_ids=True)
    except PermissionError:  # for its folder
        allowed = False
    except OSError:
        return False
    if not allowed:
        raise UnreachedError(f"{door}: Permission denied", hint)
    return True


def _unreached(settings: Config, error: httpx.ConnectError) -> UnreachedError:
    """A file that was edited may name another store and socket than the daemon has."""
    store, door = settings.store.path, settings.admin_socket
    pid = holder(store)
    if pid is None:
        return UnreachedError(
            f"no scand runs on {store}",
            "if store.path was changed, set it back: that takes a restart; else `scand run`",
        )
    return UnreachedError(
        f"the scand that runs on {store} (pid {pid}) does not answer on {door} ({error})",
        "if admin.socket was changed, set it back: that takes a restart; else look at its log."
        f" `kill -HUP {pid}` has it read its configuration, too",
    )


def _client(settings: Config, timeout: float) -> httpx.Client:
    transport = httpx.HTTPTransport(uds=str(settings.admin_socket))
    return httpx.Client(transport=transport, timeout=timeout)
