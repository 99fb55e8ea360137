"""Second implementations of the ports, for simulated time: nothing here needs a thread."""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import trio

from scand.config import Admin, Config, Feed, Store
from scand.ports import Outcome, Request
from scand.records import Record

NOON = 1_620_820_800.0
"""2021-05-12T12:00:00Z, when simulated time begins, in seconds since 1970."""

URL = "http://carrier.test/v1/scans/scanevents"

Said = TypeVar("Said", bound=Record)


class SimulatedClock:
    """The time of day that goes with trio's clock, jumps included."""

    def now(self) -> float:
        return self.at(trio.current_time())

    def at(self, moment: float) -> float:
        return NOON + moment


class Recorder:
    """An observer that remembers; `when` is trio's time of each record."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.when: list[float] = []

    def __call__(self, record: Record) -> None:
        self.records.append(record)
        self.when.append(trio.current_time())

    def of(self, kind: type[Said]) -> list[Said]:
        return [record for record in self.records if isinstance(record, kind)]


Answer = Outcome | Callable[[Request], Outcome]


class ScriptedFeed:
    """Answers one request after the other as it was told, then never again."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = deque(answers)
        self.asked: list[Request] = []
        self.when: list[float] = []

    async def ask(self, request: Request) -> Outcome:
        self.asked.append(request)
        self.when.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if not self._answers:
            await trio.sleep_forever()
        answer = self._answers.popleft()
        return answer(request) if callable(answer) else answer


def settings(path: Path, **sections: dict[str, Any]) -> Config:
    """A configuration that the environment has no say in."""
    feed = {"url": URL, **sections.pop("feed", {})}
    fields = Config.model_fields
    built = {name: fields[name].annotation(**given) for name, given in sections.items()}
    return Config.model_construct(
        **{
            "feed": Feed.model_validate(feed),
            "store": Store(path=path),
            "admin": Admin(listen=""),
            **built,
        }
    )
