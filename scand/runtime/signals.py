"""What the operator's signals mean.

SIGTERM and SIGINT: the first asks to drain, the second to stop at once. SIGHUP asks for a reload,
where there is something to reload; a terminal that closes does not end a daemon. One that came
before was held back, see `scand.cli.main`, and comes now.
"""

import signal
from collections.abc import Callable

import trio


async def watch_signals(
    stopping: trio.Event,
    root: trio.CancelScope,
    reload: Callable[[], None] = lambda: None,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Set `stopping` at the first SIGTERM or SIGINT, cancel `root` at the second; `reload`."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        task_status.started()
        async for number in signals:
            if number == signal.SIGHUP:
                reload()
                continue
            if stopping.is_set():
                root.cancel()
            stopping.set()
