"""What the fetcher does with a page that cannot be read: finds the event that breaks it."""

from scand.core.course import Ask, Bounds
from scand.core.decode import Body, Decoded, Decoder
from scand.core.event import Reason, Rejected
from scand.core.isolation import locate
from scand.feed.reader import PageReader, Reading
from scand.ports import Request, Unreadable

MAX_RAW = 64 << 10
"""Bytes kept of a body that cannot be read."""


async def isolate(
    reader: PageReader, ask: Ask[int], broken: Unreadable, bounds: Bounds
) -> Reading | None:
    """The answer to a question for one event, as it would be if only its id could be read.

    None where the answer is the same from all ids in reach: it is not the events that break it.
    """
    search = locate(ask.from_id, bounds.reach)
    question = next(search)
    while True:
        reading = await reader.read(Request(question, 1), may_be_idle=True, wary=True)
        same = isinstance(reading, Unreadable) and reading.body == broken.body
        try:
            question = search.send(same)
        except StopIteration as found:
            if found.value is None:
                return None
            event_id = max(found.value + bounds.exclusive, bounds.least)
            return _reading(broken, event_id, reader.decoder)


def _reading(broken: Unreadable, event_id: int, decoder: Decoder) -> Reading:
    detail = f"the page breaks at this event: {broken.reason}"
    letter = Rejected(Reason.UNREADABLE, detail, broken.body[:MAX_RAW], event_id)
    return Reading(Decoded([], [letter], (0,)), Body(b"", decoder), broken.begun, 0.0)
