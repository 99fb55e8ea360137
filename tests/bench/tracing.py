"""What tracing costs a catch-up: scand with traces against scand without, on one feed, in one run.

    python -m tests.bench.tracing [--events 100000] [--limit 100] [--pairs 5]

Processes in turns, timed by their own log from the first question to the last commit; the medians
are compared. Below 1, tracing costs something. The collector is real, in the process that measures.
"""

import argparse
import json
import tempfile
from datetime import datetime
from pathlib import Path
from statistics import median

from tests.bench.__main__ import feed, time_scand
from tests.support.collector import collecting


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    off, on, traced = [], [], []
    with feed(options.events) as url, tempfile.TemporaryDirectory() as folder:
        for pair in range(options.pairs):
            work = Path(folder) / str(pair)
            (work / "off").mkdir(parents=True)
            (work / "on").mkdir()
            off.append(time_ingest(url, options.limit, work / "off"))
            with collecting("keep") as collector:
                settings = {"SCAND_TRACES__ENDPOINT": collector.url}
                on.append(time_ingest(url, options.limit, work / "on", settings))
            collector.decode()
            traced.append(len(collector.named("scan_event")))
    print(
        f"limit {options.limit}: off {options.events / median(off):.0f} events/s,"
        f" on {options.events / median(on):.0f} events/s,"
        f" ratio {median(off) / median(on):.2f}; traced {sorted(traced)} of {options.events}"
    )
    print("pairs:", ", ".join(f"{one / other:.2f}" for one, other in zip(off, on, strict=True)))


def time_ingest(url: str, limit: int, work: Path, more: dict[str, str] | None = None) -> float:
    """Seconds that a catch-up takes, without the start of the process and its end."""
    log = work / "log"
    informative = {"SCAND_LOGS__LEVEL": "info", "SCAND_LOGS__FORMAT": "json"}
    with log.open("w") as stream:
        time_scand(url, limit, work, informative | (more or {}), stderr=stream)
    at = {line["event"]: line["timestamp"] for line in map(json.loads, log.open())}
    begun, ended = (
        datetime.fromisoformat(at[f"scand.{each}"]) for each in ("following", "stopped")
    )
    return (ended - begun).total_seconds()


if __name__ == "__main__":
    main()
