"""What power loss leaves of files: all that was synced, and any part of what was not.

A disk writes whole sectors, in an order of its own. What a program wrote last over what it wrote
before is therefore any mixture of the two, sector by sector, until a sync has returned.
"""

import random
from itertools import chain
from pathlib import Path

SECTOR = 512


class File:
    """One file: its content at the last sync, and what was done to it since."""

    def __init__(self, content: bytes = b"") -> None:
        self._synced = bytearray(content)
        self._since: list[tuple[int, bytes] | int] = []

    def write(self, offset: int, data: bytes) -> None:
        """Write, not synced."""
        self._since.append((offset, data))

    def truncate(self, size: int) -> None:
        """Truncate, not synced."""
        self._since.append(size)

    def sync(self) -> None:
        """Make what was done so far outlive a power cut."""
        for change in self._since:
            if isinstance(change, int):
                del self._synced[change:]
            else:
                _put(self._synced, *change)
        self._since.clear()

    def after_cut(self, rng: random.Random) -> bytes:
        """Return what is read when the power is back."""
        content = bytearray(self._synced)
        luck = rng.choice((0.0, 0.5, 0.9, 1.0))  # how far the disk had come
        for change in self._since:
            done = rng.random() < luck
            if not isinstance(change, int):
                torn = not done and rng.random() < luck
                for offset, piece in _sectors(*change):
                    if done or (torn and rng.random() < 0.5):
                        _put(content, offset, piece)
                    elif offset >= len(content) and rng.random() < luck / 4:
                        _put(content, offset, rng.randbytes(len(piece)))  # grown, not filled
            elif done:
                del content[change:]
        return bytes(content)


def _put(content: bytearray, offset: int, data: bytes) -> None:
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


def _sectors(offset: int, data: bytes) -> list[tuple[int, bytes]]:
    """Split a write where a sector ends; around it, a sector keeps what it had."""
    end = offset + len(data)
    borders = range(offset - offset % SECTOR + SECTOR, end, SECTOR)
    starts = [offset, *borders]
    return [
        (start, data[start - offset : stop - offset])
        for start, stop in zip(starts, chain(borders, [end]), strict=True)
    ]


class Platter:
    """Files by name, as programs see them, and as they may be found after a power cut.

    A file is known from its first use on; what it held before that counts as synced.
    """

    def __init__(self) -> None:
        self._files: dict[str, File] = {}
        # What a name stood for at the last sync of its folder, and after each change since.
        self._fates: dict[str, list[File | None]] = {}

    def open(self, name: str) -> File:
        """Return the file of that name, made now if there is none."""
        if name not in self._files:
            path = Path(name)
            if path.exists():
                self._files[name] = File(path.read_bytes())
            else:
                self._files[name] = file = File()
                self._fates.setdefault(name, [None]).append(file)
        return self._files[name]

    def delete(self, name: str) -> None:
        """Remove a name that is there; the folder is not synced."""
        file = self.open(name)
        self._fates.setdefault(name, [file]).append(None)
        del self._files[name]

    def sync_names(self) -> None:
        """Make files made and deleted so far be there, and be gone, after a power cut."""
        self._fates.clear()

    def cut(self, rng: random.Random) -> None:
        """Turn the real files into what a power cut leaves; that is synced, then."""
        for name in self._fates | self._files:
            file = rng.choice(self._fates.get(name) or [self._files.get(name)])
            if file is None:
                Path(name).unlink(missing_ok=True)
            else:
                Path(name).write_bytes(file.after_cut(rng))
            Path(f"{name}-shm").unlink(missing_ok=True)  # was memory, never a file on a disk
        self._files.clear()
        self._fates.clear()
