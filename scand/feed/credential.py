"""The bearer token: a file that an operator or a rotation may replace at any time."""

import os
from pathlib import Path

from scand.files import read_small
from scand.ports import Refused

_MAX_TOKEN = 16 * 1024  # servers refuse header lines far shorter than this

_Signature = tuple[int, int, int, int]


class TokenFile:
    """Hands out the token, and reads the file again when it has changed.

    The file is read in place of a thread: a token sits on a local disk or in memory, one `stat` is
    a microsecond, and a hop to a thread costs a hundred.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._signature: _Signature | None = None
        self._token = ""

    def read(self) -> str | Refused:
        """Return the token, or why there is none: naming the file, never its content."""
        try:
            signature = _signature(os.stat(self._path))  # noqa: PTH116 - twice as fast as Path.stat
            if signature != self._signature:
                self._token = _checked(read_small(self._path, _MAX_TOKEN))
                self._signature = signature
        except OSError as error:
            return self._refused(error.strerror or type(error).__name__)
        except ValueError as error:
            return self._refused(str(error))
        return self._token

    def forget(self) -> None:
        """Read the file again next time, changed or not: the token was not accepted."""
        self._signature = None

    def _refused(self, why: str) -> Refused:
        self.forget()
        return Refused(f"token file {str(self._path)!r}: {why}")


def trouble_with(path: Path | None) -> list[str]:
    """Why a file has no token to send; nothing where there is one, or none is needed."""
    token = TokenFile(path).read() if path else ""
    return [token.reason] if isinstance(token, Refused) else []


def _signature(status: os.stat_result) -> _Signature:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _checked(content: bytes) -> str:
    """Raise ValueError, without quoting, for what is no token: RFC 6750 has ASCII only."""
    token = content.decode("utf-8", "replace").strip()
    if not token:
        raise ValueError("is empty")
    if not (token.isascii() and token.isprintable()):
        raise ValueError("holds characters that cannot be sent; it must be one line with the token")
    return token
