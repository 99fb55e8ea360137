"""What systemd is told: the protocol of sd_notify(3), a datagram to the socket that it names.

Without such a socket nobody is told. Nor is it told twice: what systemd does not take, as while it
is being replaced, is not worth stopping for.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

USEC = 1_000_000
_MAX_STATUS = 200


class Notifier:
    """Tells systemd how the service is; `watchdog` is how often it wants to hear, in seconds."""

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog = watchdog

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Notifier":
        """Where and how often the environment of a service says."""
        return cls(environ.get("NOTIFY_SOCKET", ""), _watchdog(environ))

    def __bool__(self) -> bool:
        """Whether anybody listens."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """The service has started, or is done with reloading."""
        self._tell(READY="1", STATUS=_line(status))

    def status(self, status: str) -> None:
        """How it is, in a line for people."""
        self._tell(STATUS=_line(status))

    def reloading(self) -> None:
        """The configuration is read again from now on; `ready` ends that."""
        self._tell(RELOADING="1", MONOTONIC_USEC=str(time.monotonic_ns() // 1000))

    def stopping(self, status: str, seconds: float) -> None:
        """The service ends, which takes so many seconds at the most."""
        self._tell(STOPPING="1", STATUS=_line(status), EXTEND_TIMEOUT_USEC=_usec(seconds))

    def extend(self, status: str, seconds: float) -> None:
        """Starting or ending goes on; systemd hears of it again within so many seconds."""
        self._tell(STATUS=_line(status), EXTEND_TIMEOUT_USEC=_usec(seconds))

    def alive(self) -> None:
        """The watchdog need not bite."""
        self._tell(WATCHDOG="1")

    def _tell(self, **fields: str) -> None:
        if not self._address:
            return
        message = "\n".join(f"{name}={value}" for name, value in fields.items())
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        with suppress(OSError), socket.socket(socket.AF_UNIX, kind) as sender:
            sender.sendto(message.encode(errors="replace"), self._address)


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """Seconds, if the watchdog is for this process: see sd_watchdog_enabled(3)."""
    usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", str(os.getpid()))
    meant = usec.isascii() and usec.isdigit() and pid == str(os.getpid())
    return int(usec) / USEC or None if meant else None


def _usec(seconds: float) -> str:
    return str(round(seconds * USEC))


def _line(text: str) -> str:
    """One line: what the carrier said may hold several, and the next would be a message."""
    return " ".join(text.split())[:_MAX_STATUS]
