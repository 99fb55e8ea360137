"""scand as its users run it: the installed command, in processes of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

SCAND = str(Path(sys.executable).with_name("scand"))

PATIENCE = 60.0
"""Seconds that a process gets for anything before a test gives up on it."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, without what would configure scand, and with `extra`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SCAND_") and name not in {"JOURNAL_STREAM", "FORCE_COLOR"}
    }
    return kept | {"NO_PROXY": "*"} | dict(extra or {})


def scand(
    *arguments: object, prefix: Sequence[str] = (), **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; `prefix` is a program that becomes scand, as nsenter does."""
    command = [*prefix, SCAND, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    given = {"text": True, "timeout": PATIENCE, "env": environment(), **pipes}
    return subprocess.run(command, check=False, **(given | options))


class Running:
    """A process that runs beside the test; what it prints can be waited for."""

    def __init__(self, *arguments: object, prefix: Sequence[str] = (), **options: Any) -> None:
        self.process = subprocess.Popen(
            [*prefix, SCAND, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **({"env": environment()} | options),
        )
        self.lines: list[str] = []
        self._next = 0
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def line(self, *texts: str) -> str:
        """The next line in which all these texts occur."""
        deadline = time.monotonic() + PATIENCE
        with self._news:
            while True:
                while self._next < len(self.lines):
                    self._next += 1
                    if all(text in self.lines[self._next - 1] for text in texts):
                        return self.lines[self._next - 1]
                assert not self._ended, f"ended without {texts}:\n{self.output}"
                left = deadline - time.monotonic()
                assert self._news.wait(max(left, 0)), f"no {texts} in:\n{self.output}"

    def end(self, number: signal.Signals | None = None) -> int:
        """Send the signal, if any, and wait for the exit status."""
        if number is not None:
            self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                with self._news:
                    self.lines.append(line)
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


@contextmanager
def running(*arguments: object, **options: Any) -> Iterator[Running]:
    """A process for as long as the block runs, and not longer."""
    process = Running(*arguments, **options)
    try:
        yield process
    finally:
        process.process.kill()
        process.end()


class Setup:
    """A configuration file and the store it names, in a folder of their own unless said."""

    prefix: Sequence[str] = ()

    def __init__(
        self,
        folder: Path,
        url: str,
        text: str = "",
        listen: str = "",
        poll_interval: str = "50ms",
        store: Path | None = None,
    ) -> None:
        self.store, self.path = store or folder / "s.db", folder / "scand.toml"
        self.socket = self.store.with_name("s.db.sock")
        sections = (
            f'[feed]\nurl = "{url}"\npoll_interval = "{poll_interval}"\n{text}',
            f'[store]\npath = "{self.store}"',
            f'[admin]\nlisten = "{listen}"',
        )
        self.path.write_text("\n".join(sections) + "\n")
        self.options = ("--config", self.path)

    def add(self, text: str) -> None:
        """Sections behind those that are there."""
        self.path.write_text(self.path.read_text() + text)

    def scand(self, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        return scand(*arguments, *self.options, prefix=self.prefix, **options)

    def running(self, *arguments: object, **options: Any) -> Any:
        return running(*arguments, *self.options, prefix=self.prefix, **options)

    def status(self) -> dict[str, Any]:
        """What `scand status` says."""
        document: dict[str, Any] = json.loads(self.scand("status", "--json").stdout)
        return document

    def ask(self, path: str) -> httpx.Response:
        """What the daemon's Unix socket says."""
        transport = httpx.HTTPTransport(uds=str(self.socket))
        with httpx.Client(transport=transport, timeout=PATIENCE) as client:
            return client.get(f"http://scand{path}")

    def parcels(self) -> list[dict[str, Any]]:
        """What `scand export parcels` says."""
        done = self.scand("export", "parcels", "--format", "jsonl")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
