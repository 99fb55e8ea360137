"""Sends spans to the collector, in a thread of its own that nobody waits for.

What the SDK has for this, `BatchSpanProcessor`, makes each span on the event loop, counts no drops
that could be read, and takes as long to shut down as its exporter takes to give up. Here the event
loop does no more than append to a queue; the spans are made in the thread, and `close` has a
deadline. The wire, the encoding and the retries of one batch are the SDK's exporter's.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from scand.telemetry.spans import spans_of
from scand.telemetry.traces import PageTrace, SpanCounts

QUEUE = 16_384
"""Spans that may wait before a page is dropped, and counted: no more wait than these and a page's.
Until then they are but the events that they will be made of: 3,300 of them, at 1 KB or so each.
At 50 events/s it is a minute."""

BATCH = 512
"""Spans in a request."""

GATHER = 0.5
"""Seconds in which a batch gathers, unless it is full before."""


class Exporter:
    """A queue and the thread that empties it.

    `export` sends spans and says whether they arrived; `abort` makes it give up soon.
    """

    def __init__(
        self,
        export: Callable[[Sequence[ReadableSpan]], bool],
        abort: Callable[[], None],
        resource: Resource,
    ) -> None:
        self._export, self._abort, self._resource = export, abort, resource
        self._queue: deque[PageTrace] = deque()
        self._news = threading.Condition()
        self._closing = self._abandoned = False
        self._waiting = self._exported = self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="scand traces", daemon=True)
        self._thread.start()

    def put(self, page: PageTrace) -> None:
        """Send what is known of a page, if there is room."""
        with self._news:
            if self._waiting >= QUEUE:
                self._dropped += page.spans
                return
            self._queue.append(page)
            self._waiting += page.spans
            if self._waiting >= BATCH or len(self._queue) == 1:
                self._news.notify()

    def counts(self) -> SpanCounts:
        """What became of the spans; from any thread."""
        return SpanCounts(self._exported, self._dropped, self._waiting)

    def close(self, timeout: float) -> None:
        """Send what is left, for `timeout` seconds at the most."""
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(timeout)
        self._abort()
        with self._news:
            self._abandoned = True
            self._dropped += self._waiting
            self._waiting = 0
            self._queue.clear()

    def _run(self) -> None:
        while self._gather():
            spans = self._take()
            while batch := list(islice(spans, BATCH)):
                arrived = not self._abandoned and self._export(batch)
                self._exported += len(batch) if arrived else 0
                self._dropped += 0 if arrived else len(batch)

    def _gather(self) -> bool:
        """Wait until there is something to send; False when there will be nothing more."""
        with self._news:
            self._news.wait_for(lambda: self._closing or self._queue)
            self._news.wait_for(lambda: self._closing or self._waiting >= BATCH, GATHER)
            return bool(self._queue)

    def _take(self) -> Iterator[ReadableSpan]:
        """What waits now, as spans, made one by one."""
        for _ in range(len(self._queue)):
            with self._news:
                if not self._queue:
                    return
                page = self._queue.popleft()
                self._waiting -= page.spans
            yield from spans_of(page, self._resource)
