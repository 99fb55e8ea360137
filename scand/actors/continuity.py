"""What the fetcher does when the carrier no longer shows what it showed before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import trio

from scand.actors.messages import Page
from scand.core.continuity import (
    CONFIRMATIONS,
    WITNESSES,
    Finding,
    Incident,
    Inquiry,
    Verdict,
    Witnesses,
    find_beginning,
    tell,
)
from scand.core.course import Course
from scand.core.decode import Body, Decoder
from scand.core.event import EventId, ScanEvent
from scand.core.ledger import LedgerChange
from scand.feed.reader import PageReader, Reading
from scand.ports import Request, TooLarge, Unreadable

Policy = Literal["halt", "continue"]
PoisonPolicy = Literal["isolate", "halt"]


@dataclass(frozen=True)
class Policies:
    """What is done about each finding that means a loss, and about a page that cannot be read.

    Between two polls at the head, or two looks at a doubtful feed, pass `poll_interval` seconds;
    what is found must last `halt_pause` to be believed, and is looked at again after as long while
    the feed halts.
    """

    by_finding: Mapping[Finding, Policy]
    poll_interval: float
    halt_pause: float
    on_poison: PoisonPolicy = "isolate"


async def establish(
    reader: PageReader, coverage: Course[Any], event: EventId, policies: Policies
) -> Verdict:
    """Find out what became of an event; what means a loss is looked at several times."""
    finding, times, since = None, 0, trio.current_time()
    while True:
        verdict = await _interview(reader, coverage.inquire(event))
        if verdict.finding in {Finding.SAME, Finding.EMPTY}:
            return verdict
        if verdict.finding is not finding:
            finding, times, since = verdict.finding, 0, trio.current_time()
        times += 1
        lasting = trio.current_time() - since >= policies.halt_pause
        if times >= CONFIRMATIONS and (lasting or finding not in policies.by_finding):
            return verdict
        wait = max(policies.poll_interval, policies.halt_pause / 4)
        with reader.pulse.waiting("another look", trio.current_time() + wait):
            await trio.sleep(wait)


async def is_replaced(
    reader: PageReader, coverage: Course[Any], witnesses: Witnesses, events: Sequence[ScanEvent]
) -> bool:
    """Whether another feed is behind an event that has changed: then its neighbours have as well.

    Where they have not, the carrier has corrected it.
    """
    if coverage.inclusive is None:
        return False
    from_id = max(witnesses.least - (coverage.inclusive is False), 0)
    reading = await reader.read(Request(from_id, WITNESSES + 1), may_be_idle=True)
    if not isinstance(reading, Reading):
        return False
    if witnesses.replaced(reading.decoded.events):
        return True
    witnesses.forget(witnesses.contradicted(events))
    return False


async def replaced_by(reader: PageReader, coverage: Course[Any]) -> Verdict:
    """Where the other feed begins."""
    return await _interview(reader, find_beginning(0 if coverage.inclusive is False else 1))


async def _interview(reader: PageReader, inquiry: Inquiry) -> Verdict:
    question, least = next(inquiry), reader.decoder.kind.least_limit
    while True:
        request = Request(question.from_id, question.limit)
        reading = await reader.read(request, may_be_idle=True)
        if isinstance(reading, TooLarge | Unreadable) and question.limit > least:
            question = question._replace(limit=least)
            continue
        ids, unreadable = _ids(reading)
        if unreadable and question.near:
            return Verdict(Finding.SAME)
        try:
            question = inquiry.send([*ids, question.from_id] if unreadable else ids)
        except StopIteration as done:
            verdict: Verdict = done.value
            return verdict


def _ids(reading: Reading | TooLarge | Unreadable) -> tuple[list[EventId], bool]:
    """The ids of a page, and whether it has elements without."""
    if not isinstance(reading, Reading):
        return [], True
    ids = [each.event_id for each in reading.decoded.in_order()]
    return [each for each in ids if each is not None], None in ids


def react(
    verdict: Verdict,
    policy: Policy,
    coverage: Course[Any],
    sequence: int,
    decoder: Decoder,
    now: float,
) -> tuple[Page, str]:
    """The page that makes the incident durable, and what to say of it."""
    was, said, change = coverage.cursor, tell(verdict, coverage.cursor), LedgerChange()
    if policy == "continue":
        change = coverage.carry_on(verdict, now)
    incident = Incident(verdict.finding.value, was, coverage.cursor, f"{said}; {policy}")
    page = Page(
        sequence=sequence,
        events=[],
        rejected=[],
        asked_from=was,
        body=Body(b"", decoder),
        position=coverage.position,
        ledger=change,
        history=0,
        incident=incident,
    )
    return page, said
