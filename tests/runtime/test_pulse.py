"""Whether the event loop turns, in simulated time."""

import trio
from trio.testing import MockClock

from scand.runtime.pulse import STANDSTILL, Pulse


async def test_a_loop_that_turns_has_a_pulse(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """However long it runs."""
    pulse = Pulse()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pulse.beat)
        for _ in range(100):
            await trio.sleep(7.3)
            assert pulse.trouble() == ""
        nursery.cancel_scope.cancel()


async def test_a_standstill_is_felt(mock_clock: MockClock) -> None:
    """When time passes and the loop had no turn, and not any more once it has."""
    pulse = Pulse()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pulse.beat)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(STANDSTILL + 2)
        assert pulse.trouble() == "the supervisor has not had a turn for 12 s"
        await trio.testing.wait_all_tasks_blocked()
        assert pulse.trouble() == ""
        nursery.cancel_scope.cancel()
