"""How long `scand run` takes from its start to READY, on a store that has been in use.

    python -m tests.bench.start [--events 1000000] [--runs 7]

A process is timed from before it is forked until it tells systemd that it is ready, with the
carrier down, on a store with a checkpointed journal of so many events; the median is printed,
beside that of a process that imports the same and ends. What a reboot adds, reading all of it from
a cold disk, is not in it.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.bench.__main__ import feed, time_scand

SCAND = Path(sys.executable).with_name("scand")
NOWHERE = "http://127.0.0.1:9/v1/scans/scanevents"
PATIENCE = 60.0
LIMIT = 1000


def main() -> None:
    """Fill a store, start on it again and again, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, feed(options.events) as url:
        time_scand(url, LIMIT, Path(folder))
        store = Path(folder) / "scand.db"
        ready, imported = in_turns(options.runs, lambda: start(store), import_all)
        size = store.stat().st_size / 1e6
    print(
        f"{options.events} events, {size:.0f} MB: start to READY {ready:.2f} s;"
        f" only importing {imported:.2f} s (medians of {options.runs})"
    )


def in_turns(runs: int, *measures: Callable[[], float]) -> list[float]:
    """The medians of so many rounds of measurements, after one that warms up."""
    rounds = [[measure() for measure in measures] for _ in range(runs + 1)]
    return [median(times) for times in zip(*rounds[1:], strict=True)]


def start(store: Path) -> float:
    """Seconds to READY."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        address = store.with_name("notify")
        address.unlink(missing_ok=True)
        systemd.bind(str(address))
        systemd.settimeout(PATIENCE)
        settings = {
            "NOTIFY_SOCKET": str(address),
            "SCAND_FEED__URL": NOWHERE,
            "SCAND_STORE__PATH": str(store),
            "SCAND_ADMIN__LISTEN": "",
            "SCAND_LOGS__LEVEL": "error",
        }
        begun = time.perf_counter()
        command = [SCAND, "run", "--config", "/dev/null"]
        with subprocess.Popen(command, env={**os.environ, **settings}) as process:
            while b"READY=1" not in systemd.recv(4096):
                pass
            seconds = time.perf_counter() - begun
            process.terminate()
    return seconds


def import_all() -> float:
    """Seconds that a process takes to import what `scand run` needs, and nothing else."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import scand.cli.run"], check=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
