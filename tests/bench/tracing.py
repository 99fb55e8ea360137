"""What tracing costs a catch-up: scand with traces against scand without, on one feed, in one run.

    python -m tests.bench.tracing [--events 100000] [--limit 100] [--pairs 5]

Whole processes, timed from start to exit, in turns; the medians are compared. Below 1, tracing
costs something. The collector is a real one, in the process that measures.
"""

import argparse
import tempfile
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
            off.append(time_scand(url, options.limit, work / "off"))
            with collecting() as collector:
                settings = {"SCAND_TRACES__ENDPOINT": collector.url}
                on.append(time_scand(url, options.limit, work / "on", settings))
            traced.append(len(collector.named("scan_event")))
    print(
        f"limit {options.limit}: off {options.events / median(off):.0f} events/s,"
        f" on {options.events / median(on):.0f} events/s,"
        f" ratio {median(off) / median(on):.2f}; traced {sorted(traced)} of {options.events}"
    )
    print("pairs:", ", ".join(f"{one / other:.2f}" for one, other in zip(off, on, strict=True)))


if __name__ == "__main__":
    main()
