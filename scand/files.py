"""Small files that an operator names, and may name wrongly.

A path can lead to a pipe that nobody writes to, or to a device without an end: neither may stop a
daemon, or fill its memory.
"""

import errno
import os
import stat
from pathlib import Path


def read_small(path: Path, most: int) -> bytes:
    """What a regular file of at most so many bytes holds.

    Raises OSError, and ValueError, which quotes nothing, for what is no such file.
    """
    with open(path, "rb", opener=_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("is not a regular file")
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"holds more than {most} bytes")
    return content


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for the other end of a pipe, or for a terminal."""
    try:
        return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket, or a terminal that nobody has
            raise ValueError("is not a regular file") from None
        raise
