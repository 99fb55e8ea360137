"""A machine that boots a real systemd, in namespaces, from what this one has installed."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BOOT = Path(__file__).with_name("boot.sh")
LIBRARY = Path("/lib/systemd/system")

PATIENCE = 60.0
"""Seconds that anything gets before a test gives up on it."""

MUCH = 5_000
"""Characters of the journal that a failed test shows."""

NEEDED = (
    *("systemctl", "systemd-analyze", "journalctl", "dbus-daemon", "useradd"),
    *("unshare", "nsenter", "setpriv", "/usr/bin/python3"),
)

BORROWED = (
    "dbus.service",
    "dbus.socket",
    "systemd-journald-dev-log.socket",
    "systemd-journald.service",
    "systemd-journald.socket",
)
"""Units of this machine that the other one needs."""

TARGETS = (
    *("basic", "exit", "final", "local-fs", "multi-user", "network", "network-online", "paths"),
    *("poweroff", "shutdown", "slices", "sockets", "sysinit", "timers", "umount"),
)

MACHINE = f"""[Unit]
Requires=basic.target {" ".join(BORROWED[1:])}
After=basic.target systemd-journald.service dbus.socket
"""


def hindrance() -> str:
    """Why this machine cannot boot another, or nothing."""
    if os.geteuid() != 0:
        return "not root"
    if missing := [program for program in NEEDED if shutil.which(program) is None]:
        return f"without {', '.join(missing)}"
    tried = ["unshare", "--pid", "--fork", "--mount", "--uts", "--ipc", "--cgroup", "true"]
    if subprocess.run(tried, capture_output=True, check=False).returncode:
        return "no namespaces can be made"
    return "" if _cgroups() else "no writable cgroup2 file system"


def _cgroups() -> Path | None:
    """Where cgroup2 is mounted."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2" and "rw" in options.split(","):
            return Path(place)
    return None


def login() -> dict[str, str]:
    """The environment of root on the machine; how to reach a package index is ours to know."""
    index = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    folders = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": folders, "HOME": "/root", "LC_ALL": "C.UTF-8", **index}


class Machine:
    """A booted machine; `pid` is its PID 1 as seen from here."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.root = Path(f"/proc/{pid}/root")

    def run(self, *command: object, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command inside, to its end."""
        given = {
            "capture_output": True,
            "text": True,
            "timeout": PATIENCE,
            "env": login(),
        } | options
        return subprocess.run(self._inside(command), check=False, **given)

    def begin(self, *command: object) -> subprocess.Popen[str]:
        """Run a command inside, beside the test, which writes to it and reads from it."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        return subprocess.Popen(self._inside(command), text=True, env=login(), **pipes)

    def _inside(self, command: Sequence[object]) -> list[str]:
        return ["nsenter", "--target", str(self.pid), "--all", "--", *map(str, command)]

    def must(self, *command: object, **options: Any) -> str:
        """Run a command inside that succeeds; what it prints."""
        done = self.run(*command, **options)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}\n{self.latest()}"
        return done.stdout

    def systemctl(self, *arguments: object) -> str:
        return self.must("systemctl", *arguments)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Have a file inside."""
        place = self.root / path.removeprefix("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Properties of a unit."""
        printed = self.systemctl("show", unit, "--property", ",".join(properties))
        return dict(line.split("=", 1) for line in printed.splitlines())

    def wait(self, unit: str, **wanted: str) -> None:
        """Wait until these properties of a unit have these values."""
        self.wait_until(lambda: self.show(unit, *wanted) == wanted)

    def wait_until(self, come: Callable[[], bool]) -> None:
        """Ask until it is so; asking is what takes time."""
        deadline = time.monotonic() + PATIENCE
        while not come():
            assert time.monotonic() < deadline, self.latest()

    def journal(self, *options: object) -> str:
        """What the journal says, all of it unless said."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--no-pager", "--output", "cat", *options).stdout

    def latest(self) -> str:
        return self.journal()[-MUCH:]

    def entries(self, *options: object) -> list[dict[str, Any]]:
        """The same as records."""
        self.run("journalctl", "--sync")
        printed = self.run("journalctl", "--no-pager", "--output", "json", *options).stdout
        return [json.loads(line) for line in printed.splitlines()]

    def wait_for(self, *texts: str, since: int = 0) -> None:
        """Wait until the journal says all that, behind its first `since` characters."""
        self.wait_until(lambda: all(text in self.journal()[since:] for text in texts))


@contextmanager
def booted(venv: Path | None, folder: Path) -> Iterator[Machine]:
    """Boot a machine, with a virtual environment at /opt/scand unless it is to be a bare one."""
    cgroups = _cgroups()
    assert cgroups, hindrance()
    group = cgroups / f"scand-tests-{os.getpid()}"
    units, work = folder / "units", folder / "machine"
    _put_units(units)
    work.mkdir()
    group.mkdir()
    command: Sequence[object] = (BOOT, venv or "", units, work, group)
    outside = subprocess.Popen([*map(str, command)], stdin=subprocess.DEVNULL)
    try:
        yield _up(outside)
    finally:
        outside.kill()  # and with it the machine, as `unshare --kill-child` says
        outside.wait()
        _remove(group)


def _put_units(units: Path) -> None:
    units.mkdir()
    for target in TARGETS:
        (units / f"{target}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    for unit in BORROWED:
        shutil.copy(LIBRARY / unit, units)
    (units / "machine.target").write_text(MACHINE)
    shutil.copy(ROOT / "systemd" / "scand.service", units)


def _up(outside: subprocess.Popen[bytes]) -> Machine:
    deadline = time.monotonic() + PATIENCE
    children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children")
    while True:
        assert outside.poll() is None, f"the machine has ended: {outside.returncode}"
        assert time.monotonic() < deadline, "the machine does not boot"
        for pid in children.read_text().split():
            machine = Machine(int(pid))
            if "running" in machine.run("systemctl", "is-system-running").stdout:
                return machine


def _remove(group: Path) -> None:
    """Remove a cgroup and those below, once the last of its processes is gone."""
    deadline = time.monotonic() + PATIENCE
    while group.exists():
        for folder, *_ in os.walk(group, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
        assert time.monotonic() < deadline, f"{group} stays in use"
