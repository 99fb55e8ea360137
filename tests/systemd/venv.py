"""scand as it is installed on a machine: in a virtual environment of the system's Python."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.systemd.machine import ROOT

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "config/constraints.txt")

INSTALL = """
mount --bind "$1" /opt
/usr/bin/python3 -m venv /opt/scand
/opt/scand/bin/pip install -q -c config/constraints.txt .
"""
"""In a mount namespace of its own, as the scripts in it name the folder they lie in."""


def installed(cache: Path) -> Path:
    """A folder that can be mounted at /opt/scand; made once for these sources."""
    folder = cache / _digest()
    if not (folder / "done").exists():
        shutil.rmtree(cache, ignore_errors=True)
        folder.mkdir(parents=True)
        _install(folder)
        (folder / "done").touch()
    return folder / "scand"


def _install(folder: Path) -> None:
    command = ["unshare", "--mount", "sh", "-euc", INSTALL, "sh", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _digest() -> str:
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    yield from (ROOT / name for name in SOURCES)
    yield from sorted(
        path for path in (ROOT / "scand").rglob("*") if path.suffix in {".py", ".sql"}
    )
