"""Finds the head of a feed, for who begins there."""

from scand.core.course import seen_in
from scand.core.head import find_head
from scand.feed.reader import PageReader, Reading
from scand.ports import Request, TooLarge, Unreadable


async def seek_head(reader: PageReader) -> int:
    """The greatest id of the feed, or 0 while it is empty."""
    search = find_head()
    question = next(search)
    while True:
        reading = await reader.read(Request(question, 1), may_be_idle=True)
        try:
            question = search.send(_least_from(question, reading))
        except StopIteration as found:
            head: int = found.value
            return head


def _least_from(question: int, reading: Reading | TooLarge | Unreadable) -> int | None:
    """The least id that the answer shows; where it has no readable one, something is there."""
    if not isinstance(reading, Reading):
        return question
    shown = seen_in(reading.decoded)
    ids = [seen for seen, _ in shown.ids if seen >= question]
    return min(ids or [question] * shown.unreadable, default=None)
