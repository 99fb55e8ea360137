# ruff: noqa: T201 - a report is printed
"""Simulate seeds, and say what they have shown.

python -m tests.simulation --seeds 500 [--start 0] [--jobs 2] [--without CRASH,KILL]
python -m tests.simulation --trace SEED [--without CRASH,KILL]
"""

import argparse
import sys
import time

from tests.simulation.faults import Fault, Invariant
from tests.simulation.rates import ACTIVE
from tests.simulation.run import run
from tests.simulation.sweep import Summary, sweep


def main() -> int:
    """Return 1 if an invariant did not hold, or a fault and an invariant never met."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--trace", type=int, metavar="SEED")
    parser.add_argument("--without", type=faults_named, default=frozenset(), metavar="FAULTS")
    options = parser.parse_args()
    faults = ACTIVE - options.without
    if options.trace is not None:
        return trace(options.trace, faults)
    began, summary = time.perf_counter(), Summary()
    seeds = range(options.start, options.start + options.seeds)
    for outcome in sweep(seeds, options.jobs, faults):
        summary.add(outcome)
        if outcome.violation:
            print(f"seed {outcome.seed}: {outcome.violation}")
            print(f"    {replay(outcome.seed, options.without)}", flush=True)
    report(summary, faults, time.perf_counter() - began)
    return bool(summary.violations or summary.empty_cells(faults))


def faults_named(text: str) -> frozenset[Fault]:
    """Faults by name, between commas."""
    return frozenset(Fault[name.strip().upper()] for name in text.split(","))


def replay(seed: int, without: frozenset[Fault]) -> str:
    """The command that shows what happened."""
    names = ",".join(sorted(fault.name for fault in without))
    return f"python -m tests.simulation --trace {seed}" + (f" --without {names}" if names else "")


def trace(seed: int, faults: frozenset[Fault]) -> int:
    """Run one seed and print all that happened."""
    outcome = run(seed, faults, keep=True)
    print("\n".join(outcome.lines))
    print(f"digest {outcome.digest}")
    print(outcome.violation or "no violation")
    return bool(outcome.violation)


def report(summary: Summary, faults: frozenset[Fault], took: float) -> None:
    """Print what was covered: a row per fault, a column per invariant, seeds in which they met."""
    names = [invariant.name for invariant in Invariant]
    print(f"{'fault':38}{'times':>7}  {' '.join(f'{name:>5}' for name in names)}")
    for fault in Fault:
        met = [summary.cells[fault, invariant] for invariant in Invariant]
        counts = " ".join(f"{count:5}" for count in met)
        print(f"{fault.value:38}{summary.struck[fault]:7}  {counts}")
    empty = summary.empty_cells(faults)
    print(
        f"{summary.seeds} seeds, {summary.seconds / 3600:.1f} simulated hours,"
        f" {summary.processes} processes, {summary.requests} requests,"
        f" {summary.struck.total()} faults; {summary.seeds / took:.1f} seeds/s;"
        f" {len(summary.violations)} violations, {len(empty)} empty cells"
    )
    for fault, invariant in empty:
        print(f"never met: {fault.value} and {invariant.value}")


if __name__ == "__main__":
    sys.exit(main())
