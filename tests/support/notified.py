"""A socket that takes what systemd is told."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


class Notified:
    """`address` is what $NOTIFY_SOCKET would say."""

    def __init__(self, taker: socket.socket, address: str) -> None:
        self._taker, self.address = taker, address

    def messages(self) -> list[dict[str, str]]:
        """What was told since the last time."""
        found = []
        while True:
            try:
                told = self._taker.recv(1 << 16).decode()
            except BlockingIOError:
                return found
            found.append(dict(line.split("=", 1) for line in told.split("\n")))


@contextmanager
def notified(address: str) -> Iterator[Notified]:
    """Listen at a path, or at an abstract address that begins with @."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as taker:
        taker.bind("\0" + address[1:] if address.startswith("@") else address)
        taker.settimeout(0.0)
        yield Notified(taker, address)
