"""What the operator's signals mean."""

import os
import signal

import pytest
import trio

from scand.core.errors import IngestFailedError, ScandError
from scand.runtime.groups import leaves, ungrouped
from scand.runtime.signals import watch_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_asks_and_the_second_insists(number: signal.Signals) -> None:
    """One signal sets `stopping`; another cancels whatever is still draining."""
    stopping = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(watch_signals, stopping, nursery.cancel_scope)
        os.kill(os.getpid(), number)
        await stopping.wait()
        assert not nursery.cancel_scope.cancel_called
        os.kill(os.getpid(), number)
        await trio.sleep_forever()
    assert nursery.cancel_scope.cancelled_caught


async def raise_in_a_nursery(*errors: BaseException) -> None:
    async def fail(error: BaseException) -> None:
        raise error

    async with trio.open_nursery() as nursery:
        for error in errors:
            nursery.start_soon(fail, error)


@pytest.mark.parametrize("error", [IngestFailedError("too often"), KeyboardInterrupt()])
async def test_an_error_for_people_leaves_its_group(error: BaseException) -> None:
    """What nurseries have wrapped comes out as itself, with its cause."""
    error.__cause__ = ValueError("the cause")
    with pytest.raises(type(error)) as caught, ungrouped():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(raise_in_a_nursery, error)
    assert caught.value is error
    assert isinstance(caught.value.__cause__, ValueError)


async def test_a_bug_is_never_hidden() -> None:
    """A group with anything else in it stays whole, for the traceback."""
    bug = ArithmeticError("a bug")
    with pytest.raises(BaseExceptionGroup) as caught, ungrouped():
        await raise_in_a_nursery(bug, ScandError("told"))
    assert bug in list(leaves(caught.value))
