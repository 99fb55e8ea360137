"""What the fetcher does with a page that cannot be read: finds the event that breaks it."""

from scand.core.coverage import Ask
from scand.core.decode import Decoded
from scand.core.event import Reason, Rejected
from scand.core.isolation import locate
from scand.feed.reader import PageReader, Reading
from scand.ports import Request, Unreadable

MAX_RAW = 64 << 10
"""Bytes kept of a body that cannot be read."""


async def isolate(
    reader: PageReader, ask: Ask, broken: Unreadable, *, least: int, reach: int, exclusive: bool
) -> Reading | None:
    """The answer to a question for one event, as it would be if only its id could be read.

    `least` is the least id that the event can have, beyond what is known of the feed; `exclusive`
    says that FromEventId is left out. None where the answer is the same from all of the next
    `reach` ids: it is not the events that break it.
    """
    search = locate(ask.from_id, reach)
    question = next(search)
    while True:
        reading = await reader.read(Request(question, 1), may_be_idle=True, wary=True)
        same = isinstance(reading, Unreadable) and reading.body == broken.body
        try:
            question = search.send(same)
        except StopIteration as found:
            if found.value is None:
                return None
            return _reading(broken, max(found.value + exclusive, least))


def _reading(broken: Unreadable, event_id: int) -> Reading:
    detail = f"the page breaks at this event: {broken.reason}"
    letter = Rejected(Reason.UNREADABLE, detail, broken.body[:MAX_RAW], event_id)
    return Reading(Decoded([], [letter]), b"", broken.begun, 0.0)
