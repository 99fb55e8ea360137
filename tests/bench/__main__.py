"""scand against a hand-written loop, on one feed, in one run, as a ratio.

    python -m tests.bench [--events 200000] [--limits 100,1000] [--runs 5]

Both are whole processes, timed from start to exit, in turns, so that the noise of the machine
falls on both; the medians are compared. Above 1, scand is faster.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

MISSING = 0.1

Settings = dict[str, str]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--limits", default="100,1000")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with feed(options.events) as url, tempfile.TemporaryDirectory() as folder:
        for limit in map(int, options.limits.split(",")):
            compare(url, limit, options, Path(folder))


def compare(url: str, limit: int, options: argparse.Namespace, folder: Path) -> None:
    """Run both in turns, and print their medians and the ratio."""
    by_hand, scand = [], []
    for run in range(options.runs):
        work = folder / f"{limit}-{run}"
        work.mkdir()
        by_hand.append(time_by_hand(url, limit, work))
        scand.append(time_scand(url, limit, work))
    slow, fast = median(by_hand), median(scand)
    print(
        f"limit {limit:5}: by hand {options.events / slow:7.0f} events/s,"
        f" scand {options.events / fast:7.0f} events/s, ratio {slow / fast:.2f}",
        flush=True,
    )


def time_by_hand(url: str, limit: int, work: Path) -> float:
    """Seconds that the hand-written loop takes."""
    return timed([sys.executable, "-m", "tests.bench.by_hand", url, str(limit), work / "hand.db"])


def time_scand(
    url: str, limit: int, work: Path, more: dict[str, str] | None = None, stderr: Any = None
) -> float:
    """Seconds that scand takes with these settings."""
    settings = {
        "SCAND_FEED__URL": url,
        "SCAND_FEED__LIMIT": str(limit),
        "SCAND_STORE__PATH": str(work / "scand.db"),
        "SCAND_ADMIN__LISTEN": "127.0.0.1:0",
        "SCAND_LOGS__LEVEL": "warning",
        **(more or {}),
    }
    command = [Path(sys.executable).with_name("scand"), "run", "--until-caught-up"]
    return timed([*command, "--config", "/dev/null"], settings, stderr)


def timed(
    command: list[str | Path], settings: dict[str, str] | None = None, stderr: Any = None
) -> float:
    """Seconds from start to exit of a process that must succeed."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, **(settings or {})}, stderr=stderr)
    return time.perf_counter() - begun


@contextmanager
def feed(events: int) -> Iterator[str]:
    """The address of a feed in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.feed", str(events), str(MISSING)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1/scans/scanevents"
        finally:
            process.kill()


if __name__ == "__main__":
    main()
