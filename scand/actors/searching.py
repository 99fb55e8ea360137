"""Puts the questions of a search for a broken event to the carrier."""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from typing import TypeVar, cast

from scand.core.course import Ask, seen_in
from scand.core.coverage import Coverage
from scand.core.event import MAX_ID
from scand.core.isolation import (
    Answer,
    Ending,
    Found,
    Question,
    Shown,
    Unread,
    isolate,
    learn_manners,
)
from scand.feed.reader import PageReader, Reading
from scand.ports import Failed, Request, TooLarge, Unreadable

_T = TypeVar("_T")

Take = Callable[[Ask[int], Reading], Awaitable[None]]


@dataclass
class Search:
    """The search for what makes the answer to `ask` unreadable.

    What can be read on the way is given to `take`, in order, as if it had been asked for next.
    """

    reader: PageReader
    coverage: Coverage
    ask: Ask[int]
    take: Take
    questions: int = field(default=0, init=False)
    taken: int = field(default=0, init=False)

    async def run(self) -> Found | Ending:
        """Ask until it is known."""
        coverage, reread = self.coverage, self.ask.reread
        if coverage.inclusive is None:
            await self._learn_manners()
        least = self.ask.from_id + self._offset()
        covered = least - 1 if reread else coverage.cursor
        reach = max(self._reach(), coverage.cursor - covered)
        repeats = not reread and least <= covered
        search = isolate(covered, self.ask.limit, reach, repeats=repeats)
        return await self._pursue(search) or Ending.UNANSWERED

    async def _learn_manners(self) -> None:
        coverage = self.coverage
        cursor, is_event = coverage.cursor, coverage.position.anchored
        lesson = learn_manners(cursor, self._reach(), is_event=is_event)
        learned = await self._pursue(lesson)
        if learned is not None:
            coverage.learn_manners(inclusive=learned)

    async def _pursue(self, search: Generator[Question, Answer, _T]) -> _T | None:
        """What it comes to, or None where a question gets no answer."""
        question = next(search)
        while (answer := await self._put(question)) is not None:
            try:
                question = search.send(answer)
            except StopIteration as done:
                result: _T = done.value
                return result
        return None

    async def _put(self, question: Question) -> Answer | None:
        self.questions += 1
        from_id = max(question.least - self._offset(), 0)
        request = Request(from_id, question.limit)
        reading: Reading | TooLarge | Unreadable | Failed
        if question.next:
            reading = await self.reader.read(request, may_be_idle=True, searching=True)
        else:
            reading = await self.reader.probe(request)
        match reading:
            case Failed():
                return None
            case Unreadable(reason, body, mark=mark):
                return Unread(mark, reason, body)
            case TooLarge(reason):
                return Unread(b"", reason)
        return await self._show(question, from_id, reading)

    async def _show(self, question: Question, from_id: int, reading: Reading) -> Shown:
        seen = seen_in(reading.decoded)
        ids = sorted({cast("int", each) for each, _ in seen.ids if each >= question.least})
        size = len(ids) + seen.unreadable
        if question.next:
            self.taken += size
            await self.take(Ask(from_id, question.limit, self.ask.reread), reading)
        covered = self.coverage.cursor
        if self.ask.reread:
            covered = min(max([question.least - 1, *ids]), covered)
        return Shown(question.least, ids, size, covered)

    def _reach(self) -> int:
        """How far ids may leap: where none is known before, to wherever they are."""
        return self.coverage.max_id_jump if self.coverage.position.anchored else MAX_ID

    def _offset(self) -> int:
        """How far before the least id wanted this server is to be asked from."""
        return self.coverage.inclusive is False
