"""One seed is one run: in another process, with other hashes, and with the text of its trace."""

import os
import subprocess
import sys
from pathlib import Path

from tests.simulation.run import run

ROOT = Path(__file__).parents[2]
SEEDS = range(12)

PRINT_DIGESTS = """
from tests.simulation.run import run
for seed in range({}, {}):
    print(run(seed).digest)
"""


def digests(hash_seed: str) -> list[str]:
    """The digests as another process computes them."""
    done = subprocess.run(
        [sys.executable, "-c", PRINT_DIGESTS.format(SEEDS.start, SEEDS.stop)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.split()


def test_a_seed_has_one_trace() -> None:
    """Whatever the order of sets and dictionaries of text may be."""
    one, other = digests("1"), digests("2")
    assert one == other
    assert one == [run(seed).digest for seed in SEEDS]
    assert len(set(one)) == len(SEEDS)


def test_a_trace_can_be_read() -> None:
    """Keeping the text changes nothing."""
    silent, told = run(3), run(3, keep=True)
    assert told.digest == silent.digest
    assert not silent.lines
    assert len(told.lines) > 50
