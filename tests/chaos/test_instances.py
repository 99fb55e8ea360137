"""Several instances on one store: one has it, and the others say who."""

import signal
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path

from scand.simulator import DataFaults, TransportFaults, WorldPlan
from tests.chaos.lives import lives
from tests.support.processes import PATIENCE, Running

ROUNDS = 6
RIVALS = 3
ENDS = (signal.SIGKILL, signal.SIGTERM)

PLAN = WorldPlan(events=10_000, faults=DataFaults(missing=0.01, malformed=0.005, duplicates=0.02))
SLOWLY = TransportFaults(latency=0.05)


def losers_of(rivals: list[Running], threads: ThreadPoolExecutor) -> list[Running]:
    """All but one, when they have ended."""
    running = {threads.submit(each.process.wait): each for each in rivals}
    losers: list[Running] = []
    while len(losers) < RIVALS - 1:
        ended, _ = wait(running, PATIENCE, FIRST_COMPLETED)
        assert ended, "nobody gave way"
        losers += [running.pop(each) for each in ended]
    return losers


def test_started_at_once(tmp_path: Path) -> None:
    """Exactly one follows the feed; the others name it, and its lock ends with it, however."""
    with lives(tmp_path, PLAN, transport=SLOWLY) as alive:
        for turn in range(ROUNDS):
            with ThreadPoolExecutor(RIVALS) as threads, ExitStack() as stack:
                rivals = [stack.enter_context(alive.begin()) for _ in range(RIVALS)]
                losers = losers_of(rivals, threads)
                (winner,) = (each for each in rivals if each not in losers)
                winner.line("commit ")
                for loser in losers:
                    assert loser.end() == 2
                    assert f"is in use by another scand (pid {winner.pid})" in loser.output
                    assert "hint: " in loser.output
                    assert "following" not in loser.output
                    assert "Traceback" not in loser.output
                number = ENDS[turn % len(ENDS)]
                assert winner.end(number) == (0 if number == signal.SIGTERM else -number)
            cursor = alive.assert_left_in_order()
            assert 0 < cursor <= alive.witness.api.world.head
        alive.assert_right()


def test_the_next_after_kill(tmp_path: Path) -> None:
    """A second instance is refused as long as the first lives, and not a moment longer."""
    with lives(tmp_path, PLAN, transport=SLOWLY) as alive:
        with alive.begin() as first:
            first.line("commit ")
            with alive.begin() as second:
                assert second.end() == 2
            assert f"(pid {first.pid})" in second.output
            first.line("commit ")
            assert first.end(signal.SIGKILL) == -signal.SIGKILL
        cursor = alive.assert_left_in_order()
        with alive.begin() as third:
            third.line("scand.following", f"cursor={cursor}")
            third.line("commit ")
            assert alive.setup.status()["daemon"]["pid"] == third.pid
            assert third.end(signal.SIGTERM) == 0
        alive.assert_goes_on_from(cursor)
        alive.assert_right()
