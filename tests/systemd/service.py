"""The service on a machine, as its README says to install it, with other numbers where wanted."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.systemd.machine import Machine

TOKEN = "a-token-that-nobody-shall-see"
UNIT = "scand.service"
SCAND = "/opt/scand/bin/scand"

EXECUTE = """
import sqlite3, sys
with sqlite3.connect("/var/lib/scand/scand.db") as connection:
    connection.execute(sys.argv[1])
"""

LOCK = """
import sqlite3, sys, time
connection = sqlite3.connect("/var/lib/scand/scand.db", isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
time.sleep(float(sys.stdin.readline()))
"""


class Service:
    """`text` are settings of [feed] and sections behind it; `unit` is a drop-in."""

    def __init__(self, machine: Machine, url: str, text: str = "", unit: str = "") -> None:
        self.machine = machine
        machine.write("/etc/scand/token", TOKEN + "\n", 0o600)
        self.configure(url, text)
        self.change(unit)
        self._since = len(machine.journal())

    def configure(self, url: str, text: str = "", token: str = 'token_file = "token"') -> None:
        """Write /etc/scand/scand.toml."""
        self.machine.write(
            "/etc/scand/scand.toml",
            '[admin]\nlisten = ""\nsocket = "/run/scand/scand.sock"\n'
            f'[feed]\nurl = "{url}"\n{token}\npoll_interval = "20ms"\n{text}\n',
        )

    def change(self, unit: str) -> None:
        """Write a drop-in for the unit."""
        self.machine.write(f"/etc/systemd/system/{UNIT}.d/test.conf", unit)
        self.machine.systemctl("daemon-reload")

    def start(self) -> None:
        self.machine.systemctl("start", UNIT)

    def stop(self) -> None:
        self.machine.systemctl("stop", UNIT)

    def reload(self) -> None:
        self.machine.systemctl("reload", UNIT)

    def remove(self) -> None:
        """Stop it, and leave no trace for the next one."""
        self.machine.run("systemctl", "stop", UNIT)
        self.machine.run("systemctl", "reset-failed", UNIT)
        self.machine.must("rm", "-rf", "/var/lib/private/scand", "/var/lib/scand", "/etc/scand")

    def show(self, *properties: str) -> dict[str, str]:
        return self.machine.show(UNIT, *properties)

    def wait(self, **wanted: str) -> None:
        self.machine.wait(UNIT, **wanted)

    def wait_status(self, text: str) -> None:
        """Wait until the status line of `systemctl status` has this text."""
        self.machine.wait_until(lambda: text in self.show("StatusText")["StatusText"])

    def start_took(self) -> float:
        """Seconds from the start of the process until it was ready, as systemd saw it."""
        begun, ready = "ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic"
        seen = self.show(begun, ready)
        return (int(seen[ready]) - int(seen[begun])) / 1e6

    @property
    def pid(self) -> int:
        """As the machine counts."""
        return int(self.show("MainPID")["MainPID"])

    def kill(self, signal: str) -> None:
        self.machine.systemctl("kill", "--kill-whom=main", f"--signal={signal}", UNIT)

    def log(self) -> str:
        """What it, and systemd about it, has said since it was installed."""
        return self.machine.journal()[self._since :]

    def said(self) -> list[str]:
        """The lines of its own, in all its lives."""
        entries = self.machine.entries("--unit", UNIT, "_TRANSPORT=stdout")
        return [entry["MESSAGE"] for entry in entries]

    def wait_for(self, *texts: str) -> None:
        self.machine.wait_for(*texts, since=self._since)

    def scand(self, *arguments: object) -> str:
        """What a command prints for the operator."""
        config = ("--config", "/etc/scand/scand.toml")
        return self.machine.must(SCAND, *arguments, *config)

    def sql(self, statement: str) -> None:
        """What no daemon does to its store."""
        self.machine.must("/usr/bin/python3", "-c", EXECUTE, statement)

    @contextmanager
    def locked(self) -> Iterator[Callable[[float], None]]:
        """Nobody else can write the store, until so many seconds after the call of what is given.

        Others wait no longer than SQLite's busy timeout, then they give up.
        """
        with self.machine.begin("/usr/bin/python3", "-c", LOCK) as keeper:
            assert keeper.stdin
            assert keeper.stdout
            assert keeper.stdout.readline() == "locked\n"

            def release_in(seconds: float) -> None:
                print(seconds, file=keeper.stdin, flush=True)

            try:
                yield release_in
            finally:
                keeper.stdin.close()  # which ends it, where it was not told

    def status(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.scand("status", "--json"))
        return document

    def parcels(self) -> list[dict[str, Any]]:
        printed = self.scand("export", "parcels", "--format", "jsonl")
        return [json.loads(line) for line in printed.splitlines()]
