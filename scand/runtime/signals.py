"""What the operator's signals mean: the first asks to drain, the second to stop at once.

SIGHUP is ignored: a terminal that closes does not end a daemon.
"""

import signal

import trio


async def watch_signals(
    stopping: trio.Event,
    root: trio.CancelScope,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Set `stopping` at the first SIGTERM or SIGINT, cancel `root` at the second."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        task_status.started()
        async for number in signals:
            if number == signal.SIGHUP:
                continue
            if stopping.is_set():
                root.cancel()
            stopping.set()
