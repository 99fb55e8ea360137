"""Whether the event loop turns, in simulated time."""

import trio
from trio.testing import MockClock

from scand.runtime.heartbeat import STANDSTILL, Heartbeat


async def test_a_loop_that_turns_has_a_pulse(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """However long it runs."""
    heartbeat = Heartbeat()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(heartbeat.beat)
        for _ in range(100):
            await trio.sleep(7.3)
            assert heartbeat.trouble() == ""
        nursery.cancel_scope.cancel()


async def test_a_standstill_is_felt(mock_clock: MockClock) -> None:
    """When time passes and the loop had no turn, and not any more once it has."""
    heartbeat = Heartbeat()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(heartbeat.beat)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(STANDSTILL + 2)
        assert heartbeat.trouble() == "the supervisor has not had a turn for 12 s"
        await trio.testing.wait_all_tasks_blocked()
        assert heartbeat.trouble() == ""
        nursery.cancel_scope.cancel()
