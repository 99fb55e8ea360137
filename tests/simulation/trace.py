"""What happened in a run, line by line: a digest of it, and the text where it is asked for."""

import hashlib

import trio


class Trace:
    """The same seed gives the same lines, in every process."""

    def __init__(self, *, keep: bool = False) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        self._keep = keep
        self.lines: list[str] = []

    def note(self, what: str, *details: object) -> None:
        """Add a line; inside a trio run."""
        line = f"{trio.current_time():12.6f} {what} {' '.join(map(str, details))}"
        self._digest.update(line.encode())
        if self._keep:
            self.lines.append(line)

    def digest(self) -> str:
        """The digest of all lines so far."""
        return self._digest.hexdigest()
