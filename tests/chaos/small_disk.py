"""A disk of a few megabytes, in a mount namespace of its own that ends with the test."""

import errno
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import PATIENCE

NAMESPACES = (("--mount",), ("--mount", "--user", "--map-root-user"))
"""What may be tried: the first needs privileges, the second a kernel that lets users do without."""

BLOCK = 4096


class SmallDisk:
    """A tmpfs; `path` is where processes started with `prefix` find it."""

    def __init__(self, path: Path, holder: int, namespaces: Sequence[str]) -> None:
        self.path = path
        user = ("--user", "--preserve-credentials") if "--user" in namespaces else ()
        self.prefix = ("nsenter", "--target", str(holder), "--mount", *user, "--")
        # `path` without its leading slash, as seen from outside.
        self.outside = Path(f"/proc/{holder}/root") / path.relative_to("/")
        self._ballast = self.outside / "ballast"

    def fill(self, but: int = 0) -> None:
        """Leave not a byte of room, or so many blocks."""
        with self._ballast.open("ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(BLOCK))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
            ballast.truncate(ballast.tell() - but * BLOCK)

    def free(self) -> None:
        """Give back what `fill` took."""
        self._ballast.unlink()


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[SmallDisk]:
    """Mount a disk of this size (as in `tmpfs`) at `path` for as long as the block runs."""
    path.mkdir()
    refusals = []
    for namespaces in NAMESPACES:
        holder = _hold(path, size, namespaces)
        try:
            if _is_ready(holder):
                yield SmallDisk(path, holder.pid, namespaces)
                return
        finally:
            _, refusal = holder.communicate(timeout=PATIENCE)  # the end of its input ends it
        refusals.append(f"unshare {' '.join(namespaces)}: {refusal.strip()}")
    raise AssertionError("this machine lets nobody mount a tmpfs: " + "; ".join(refusals))


def _hold(path: Path, size: str, namespaces: Sequence[str]) -> subprocess.Popen[str]:
    mount = f'mount -t tmpfs -o size={size},mode=0700 small "$1" && echo ready && exec cat'
    return subprocess.Popen(
        ["unshare", *namespaces, "sh", "-c", mount, "sh", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"LC_ALL": "C"},
    )


def _is_ready(holder: subprocess.Popen[str]) -> bool:
    assert holder.stdout is not None
    return holder.stdout.readline() == "ready\n"
