"""Speaking to the daemon that holds the store, over its Unix socket."""

from pathlib import Path
from typing import Any

import httpx

from scand.config import Config
from scand.core.errors import OperatorError, ScandError

PATIENCE = 5.0
"""Seconds for the daemon to answer a question."""

LONG_PATIENCE = 60.0
"""The same for a change, which waits for a commit that is under way."""


def look(settings: Config, path: str) -> dict[str, Any] | None:
    """What the daemon says, or None where none answers."""
    if not _is_socket(settings.admin_socket):
        return None
    try:
        with _client(settings, PATIENCE) as client:
            document: dict[str, Any] = client.get(f"http://scand{path}").raise_for_status().json()
            return document
    except (httpx.HTTPError, OSError, ValueError):
        return None


def _is_socket(path: Path) -> bool:
    try:
        return path.is_socket()
    except PermissionError as error:
        hint = "try with sudo, or as a member of the group that may use the socket"
        raise OperatorError(f"{path}: {error.strerror}", hint) from None


def change(settings: Config, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Have the daemon do something. Raises ScandError if it does not."""
    try:
        with _client(settings, LONG_PATIENCE) as client:
            answer = client.post(f"http://scand{path}", json=wanted)
            document: dict[str, Any] = answer.json()
    except (httpx.HTTPError, OSError, ValueError) as error:
        raise ScandError(
            f"the daemon that holds the store does not answer on {settings.admin_socket}"
            f" ({error or type(error).__name__}): look at its log, or stop it and try again"
        ) from None
    if answer.is_error:
        raise ScandError(document.get("error", f"the daemon answered {answer.status_code}"))
    return document


def _client(settings: Config, timeout: float) -> httpx.Client:
    transport = httpx.HTTPTransport(uds=str(settings.admin_socket))
    return httpx.Client(transport=transport, timeout=timeout)
