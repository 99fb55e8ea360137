"""A value that is exchanged whole while others use it."""

import trio
from trio.testing import MockClock

from scand.live import Live


def test_who_listens_is_told() -> None:
    """Of every exchange, for as long as the block runs."""
    live, heard = Live(1), list[int]()
    with live.telling(heard.append):
        live.exchange(2)
        live.exchange(2)
    live.exchange(3)
    assert (live.now, heard) == (3, [2, 2])


def test_a_view_follows() -> None:
    """It is exchanged when what is made of the value is another, and no longer than it lasts."""
    live, heard = Live(1), list[bool]()
    with live.view(lambda value: value > 5) as big, big.telling(heard.append):
        for value in (2, 7, 8, 3):
            live.exchange(value)
        assert heard == [True, False]
        live.exchange(9)
    live.exchange(1)
    assert (big.now, heard) == (True, [True, False, True])


async def test_a_wait_ends_early(autojump_clock: MockClock) -> None:  # noqa: ARG001
    """At an exchange, else at its time."""
    live, ended = Live(1), list[float]()

    async def wait() -> None:
        for deadline in (100.0, 100.0, 5.0):
            await live.sleep_until(deadline)
            ended.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.sleep(3.0)
        live.exchange(2)
    assert ended == [3.0, 100.0, 100.0]
