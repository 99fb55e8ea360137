"""A carrier that knows which life of the daemon asks, and can be waited for."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from scand.simulator import ScanApi
from scand.simulator.app import EVENTS_PATH
from tests.support.processes import PATIENCE


class Witness:
    """The simulator's API; remembers by bearer token who asked from which id.

    A request of a process that was killed may be read long after: only its token tells whose it is.
    """

    def __init__(self, api: ScanApi) -> None:
        self.api = api
        self.asked: defaultdict[str, list[int]] = defaultdict(list)
        self.answered: Counter[str] = Counter()
        self._news = threading.Condition()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != EVENTS_PATH:
            await self.api(scope, receive, send)
            return
        token = dict(scope["headers"])[b"authorization"].decode().removeprefix("Bearer ")
        query = parse_qs(scope["query_string"].decode())
        with self._news:
            self.asked[token].append(int(query["FromEventId"][0]))
            self._news.notify_all()
        await self.api(scope, receive, send)
        with self._news:
            self.answered[token] += 1
            self._news.notify_all()

    def wait_asked(self, token: str, count: int) -> None:
        """Wait until so many requests with this token have come."""
        self._wait(lambda: len(self.asked[token]) >= count)

    def wait_answered(self, token: str, count: int) -> None:
        """Wait until so many requests with this token have been answered."""
        self._wait(lambda: self.answered[token] >= count)

    def _wait(self, come: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(come, PATIENCE), "the carrier was not asked any more"
