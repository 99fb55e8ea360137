"""Finding the event that makes a page unreadable: first by Limit, then by FromEventId.

A quote that nobody escaped breaks every page that its event is on, whatever is asked for. So less
is asked for, until the event is alone; a page of one event is the same from every id up to that
event's own, so the last id from which it is the same is the EventId.

| question | what it tells |
| --- | --- |
| the page without the cursor's event, where it had that | whether that event is the broken one |
| one event, then half of what is left, and so on | all that can be read before it, on the way |
| one event from far beyond | whether anything can be read: else no event is at fault |
| one event, in steps that double and then halve | the last id from which the answer is the same |
| one event from the next id, and from there twice more | that it is so, and stays so |

That is at most log2 Limit + 3 log2 gap + 12 questions, the gap being the ids from the last event
that can be read to the broken one. An event is given up only for an answer that came
`CONFIRMATIONS` times the same; one damaged on the way may lead astray, but no further than that.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeVar

from scand.core.event import MAX_ID, Reason, Rejected

CONFIRMATIONS = 3
"""Equal answers that make one certain: one alone may be damage on the way."""

MAX_RAW = 64 << 10
"""Bytes kept of a page that cannot be read."""


class Question(NamedTuple):
    """At most `limit` events from the id `least` on.

    What it shows is `next` in turn, and to be taken; or it is asked only to see how it is answered.
    """

    least: int
    limit: int
    next: bool = False


class Shown(NamedTuple):
    """A page that can be read: its ids from `least` on, and how many elements it has.

    `covered`: the id up to which all is known now.
    """

    least: int
    ids: Sequence[int]
    size: int
    covered: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A page that cannot be read; the same `mark` is the same damage, see `core.tolerant`.

    There is none where the body was too large to be looked at.
    """

    mark: bytes
    why: str = field(compare=False)
    body: bytes = field(default=b"", compare=False)


Answer = Shown | Unread


class Found(NamedTuple):
    """What cannot be read, from whichever id of `low`..`last` it is asked for: event `last`."""

    low: int
    last: int
    body: bytes
    why: str


class Ending(StrEnum):
    """How a search ends that finds no event to set aside."""

    READ = "read"  # all of it can be read by now, or the damage is another one each time
    CURSOR = "cursor"  # the event that is asked from is broken, and it was read before
    EVERYWHERE = "everywhere"  # nothing can be read, wherever it is asked for
    UNANSWERED = "unanswered"  # the carrier fails of a question that was to tell


Search = Generator[Question, Answer, Found | Ending]
Lesson = Generator[Question, Answer, bool | None]
_T = TypeVar("_T")
_Part = Generator[Question, Answer, _T]


def isolate(covered: int, limit: int, reach: int, *, repeats: bool = False) -> Search:
    """Find out why a page of at most `limit` events, from `covered` + 1 on, cannot be read.

    It may have held the event `covered` as well, where it `repeats` that. What lies more than
    `reach` ids further is not believed.
    """
    if repeats and isinstance((yield Question(covered + 1, limit, next=True)), Shown):
        again = yield Question(covered, 1)
        return Ending.CURSOR if isinstance(again, Unread) else Ending.READ
    covered, broken = yield from _approach(covered, limit)
    if broken is None:
        return Ending.READ
    beyond = yield from _find_other(broken, covered + 1, reach)
    if beyond is None:
        return Ending.EVERYWHERE
    last = yield from _find_last(broken, covered + 1, beyond)
    if last < MAX_ID and (yield from _is_same(broken, last + 1)):
        return Ending.READ
    for _ in range(CONFIRMATIONS - 1):
        if (yield Question(last, 1)) != broken:
            return Ending.READ
    return Found(covered + 1, last, broken.body, broken.why)


def learn_manners(covered: int, reach: int, *, is_event: bool) -> Lesson:
    """Find out whether FromEventId itself is counted in, by an event that can be read.

    `covered` may be one. None where there is none to be found.
    """
    answer: Answer | None = yield Question(covered if is_event else covered + 1, 1)
    if is_event and isinstance(answer, Shown):
        return covered in answer.ids
    if isinstance(answer, Unread):
        if (yield from _find_other(answer, covered + 1, reach)) is None:
            return None
        answer = yield from _search_upwards(covered + 1, reach)
    if answer is None or not answer.ids:
        return None
    readable = min(answer.ids)
    answer = yield Question(readable, 1)
    return isinstance(answer, Shown) and readable in answer.ids


def tell(found: Found) -> str:
    """What was found, for people."""
    before = f", nor any from {found.low} on" if found.low < found.last else ""
    return f"event {found.last} breaks every page it is in and cannot be read{before}: {found.why}"


def letter_for(found: Found, *, exact: bool = True) -> Rejected:
    """The dead letter that accounts for what cannot be read.

    Where it is not known whether the server counts FromEventId in, `last` is not `exact`.
    """
    detail = tell(found)
    if len(found.body) > MAX_RAW:
        detail += f"; of {len(found.body)} bytes, the first {MAX_RAW} are kept"
    event_id = found.last if exact else None
    return Rejected(Reason.UNREADABLE, detail, found.body[:MAX_RAW], event_id)


def _approach(covered: int, room: int) -> _Part[tuple[int, Unread | None]]:
    """Take what can be read before the broken event, which is among the next `room`.

    Returns how far that was, and the page with the broken event alone, or None if there is none.
    """
    limit = 1
    while True:
        answer = yield Question(covered + 1, limit, next=True)
        if isinstance(answer, Shown):
            covered, room = answer.covered, room - answer.size
            if room < 1 or not answer.size:
                return covered, None
        elif limit == 1:
            return covered, answer if answer.mark else None
        else:
            room = limit
        limit = max(1, room // 2)


def _find_other(broken: Unread, start: int, reach: int) -> _Part[int | None]:
    """An id beyond `start` from where on the carrier answers otherwise, if there is one.

    Far away there should be nothing, or other events. Where there is the same, it is everywhere;
    and so it is where not even the greatest id of all, which nobody has, gets an answer.
    """
    elsewhere: list[Unread] = []
    for far in (reach, reach // 2):
        spot = min(start + far, MAX_ID)
        answer = yield Question(spot, 1)
        if isinstance(answer, Shown):
            return spot
        elsewhere.append(answer)
    if elsewhere == [broken, broken] or isinstance((yield Question(MAX_ID, 1)), Unread):
        return None
    return (yield from _search_another(broken, start, reach, elsewhere))


def _search_another(
    broken: Unread, start: int, reach: int, elsewhere: Iterable[Unread]
) -> _Part[int | None]:
    """An id from where on the answer is another: a page, or other damage that two ids have alike.

    Damage that differs with every question is no event's.
    """
    others, step = {broken, *elsewhere}, 1
    while step <= reach and start + step <= MAX_ID:
        answer = yield Question(start + step, 1)
        if isinstance(answer, Shown) or (answer != broken and answer in others):
            return start + step
        others.add(answer)
        step *= 2
    return None


def _search_upwards(start: int, reach: int) -> _Part[Shown | None]:
    """A page that can be read, not too far from `start`."""
    step = 1
    while step <= reach and start + step <= MAX_ID:
        answer = yield Question(start + step, 1)
        if isinstance(answer, Shown):
            return answer
        step *= 2
    return None


def _find_last(broken: Unread, start: int, beyond: int) -> _Part[int]:
    """The last id below `beyond` from which the answer is the same as from `start`."""
    same, other, step = start, beyond, 1
    while other - same > 1:
        at = same + min(step, (other - same) // 2)
        if (yield from _is_same(broken, at)):
            same, step = at, step * 2
        else:
            other = at
    return same


def _is_same(broken: Unread, at: int) -> _Part[bool]:
    """Whether the page from `at` on is that one. To show nothing, or another one, takes two."""
    answer = yield Question(at, 1)
    if answer == broken or _has_events(answer):
        return answer == broken
    again = yield Question(at, 1)
    return again != answer and not _has_events(again)


def _has_events(answer: Answer) -> bool:
    return isinstance(answer, Shown) and bool(answer.ids)
