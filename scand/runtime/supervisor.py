"""Starts a child again when it crashes, with a back-off, until it crashes too often.

Erlang's words: a child is transient here (it may end well), and `intensity` restarts are allowed
within any `period`. One_for_all comes from the child being a nursery: one crash inside ends it
whole, and the next generation starts from the durable cursor. Crash-only: recovery and start are
the same code.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import trio

from scand.core.errors import IngestFailedError, OperatorError
from scand.core.restarts import RestartIntensity
from scand.feed.pacing import Backoff
from scand.ports import Observer
from scand.records import ChildFailed
from scand.runtime.groups import leaves

STEADY = 60.0
"""Seconds after which a child counts as well again: its next crash waits the shortest time."""


@dataclass(frozen=True)
class Child:
    """What is supervised; `allowed` None restarts it for ever."""

    name: str
    start: Callable[[], Awaitable[None]]
    allowed: RestartIntensity | None


async def supervise(
    child: Child, backoff: Backoff, stopping: trio.Event, observer: Observer
) -> bool:
    """Run a child until it returns, or until `stopping` is set and it has crashed.

    Whether it ended well. Raises IngestFailedError when it crashes more often than is allowed,
    and an OperatorError as it comes.
    """
    crashed = False
    while not stopping.is_set():
        started = trio.current_time()
        try:
            await _start(child, observer)
        except Exception as error:
            for leaf in leaves(error):
                if isinstance(leaf, OperatorError):
                    raise leaf from error  # a restart mends nothing
            crashed, causes = True, list(describe(error))
            if child.allowed and child.allowed.exceeded(trio.current_time()):
                raise IngestFailedError(
                    f"{child.name}: more than {child.allowed.intensity} restarts within"
                    f" {child.allowed.period:g} s; the last cause: {'; '.join(causes)}"
                ) from error
            if trio.current_time() - started >= STEADY:
                backoff.reset()
            wait = backoff.next()
            observer(ChildFailed(child.name, causes, wait))
            with trio.move_on_after(wait):
                await stopping.wait()
        else:
            return True
    return not crashed


async def _start(child: Child, observer: Observer) -> None:
    """Run it once; a crash that meets a cancellation is told, and the cancellation goes on."""
    try:
        await child.start()
    except BaseExceptionGroup as group:
        cancelled, bugs = group.split(trio.Cancelled)
        if cancelled is None or not isinstance(bugs, ExceptionGroup):
            raise
        observer(ChildFailed(child.name, list(describe(bugs)), 0.0))
        raise cancelled from None


def describe(error: BaseException) -> Iterator[str]:
    """The leaves of an exception group, each with the place it came from."""
    for leaf in leaves(error):
        place = leaf.__traceback__
        while place and place.tb_next:
            place = place.tb_next
        where = f" ({place.tb_frame.f_code.co_qualname}:{place.tb_lineno})" if place else ""
        yield f"{type(leaf).__name__}: {leaf}{where}"
