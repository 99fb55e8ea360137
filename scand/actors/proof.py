"""Watches whether the feed is still the same, by what its answers repeat and leave out."""

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

import trio

from scand.actors.continuity import Policies, Policy, establish, is_replaced, replaced_by
from scand.core.continuity import WITNESSES, Finding, Verdict, Witnesses, tell
from scand.core.course import Ask, Course, Seen, seen_in
from scand.core.event import EventId, ScanEvent
from scand.feed.reader import PageReader, Reading
from scand.live import Live
from scand.ports import Observer, Request
from scand.records import FeedBetrayed

PROOF_EVERY = 30.0
"""Seconds after which the feed has to prove again that it is the same."""


class Standing(Enum):
    """What an answer is worth."""

    SAME = auto()
    UNPROVEN = auto()  # it may be another feed's: it is asked again


class Betrayal(NamedTuple):
    """The feed is not what it was; what it is now, and what is to be done."""

    verdict: Verdict
    policy: Policy


class Proof:
    """Remembers what proves the feed, and when it last did."""

    def __init__(
        self,
        reader: PageReader,
        coverage: Course[Any],
        policies: Live[Policies],
        newest: Sequence[ScanEvent],
        observer: Observer,
    ) -> None:
        self._reader, self._coverage = reader, coverage
        self._policies, self._observer = policies, observer
        self._witnesses = Witnesses(newest, WITNESSES if coverage.ordered else 0)
        self._proven_at = float("-inf")
        self._believed_until = 0.0

    @property
    def is_stale(self) -> bool:
        """Whether the feed has to prove itself with the next answer."""
        return trio.current_time() - self._proven_at > PROOF_EVERY

    def note(self, events: Iterable[ScanEvent]) -> None:
        """These have come, from a feed that is the same."""
        self._witnesses.note(events)

    def forget(self) -> None:
        """The feed begins anew."""
        self._witnesses.forget()

    async def examine(
        self, ask: Ask[Any], asked_at: float, seen: Seen[Any], events: Sequence[ScanEvent]
    ) -> Standing | Betrayal:
        """Look into it if an event that proves the feed is missing, or another."""
        now, coverage = trio.current_time(), self._coverage
        if ask.reread or now < self._believed_until:
            return Standing.SAME
        if not coverage.proves(ask):  # after an outage, ask again for a proof
            return Standing.SAME if now - asked_at <= PROOF_EVERY else Standing.UNPROVEN
        stale, self._proven_at = self.is_stale, now
        if await self._is_replaced(events):
            verdict = await replaced_by(self._reader, coverage)
        elif coverage.unproven and (stale or coverage.inclusive is None):
            verdict = await self._establish(coverage.unproven)
            if verdict.finding is Finding.SAME and coverage.inclusive is None:
                await self._learn_manners(coverage.unproven)
        elif coverage.misses_cursor(ask, seen):
            verdict = await self._establish(coverage.cursor)
            if verdict.finding is Finding.SAME:
                coverage.learn_manners(inclusive=False)
        else:
            return Standing.SAME
        return self._conclude(verdict)

    async def _is_replaced(self, events: Sequence[ScanEvent]) -> bool:
        if not self._witnesses.contradicted(events):
            return False
        return await is_replaced(self._reader, self._coverage, self._witnesses, events)

    async def _establish(self, event: EventId) -> Verdict:
        return await establish(self._reader, self._coverage, event, self._policies.now)

    async def _learn_manners(self, event: EventId) -> None:
        """Ask from an event that is there whether the server shows it, or leaves it out."""
        reading = await self._reader.read(Request(event, 1), may_be_idle=True)
        if isinstance(reading, Reading):
            shown = [found for found, _ in seen_in(reading.decoded).ids]
            self._coverage.learn_manners(inclusive=event in shown)

    def _conclude(self, verdict: Verdict) -> Standing | Betrayal:
        """Whether the feed goes on as it was, after what was found out."""
        aged = verdict.finding is Finding.RETENTION_GAP and self._coverage.knows(verdict.lowest)
        if aged or verdict.finding is Finding.WITHDRAWN:  # nothing is lost with it
            self._coverage.let_go()
        if verdict.finding is Finding.EMPTY:  # to be asked again, but not at every poll
            self._tell_of_empty(verdict)
            self._believed_until = trio.current_time() + self._policies.now.halt_pause
        policy = self._policies.now.by_finding.get(verdict.finding)
        return Standing.SAME if aged or policy is None else Betrayal(verdict, policy)

    def _tell_of_empty(self, verdict: Verdict) -> None:
        if not self._coverage.empty:
            said = tell(verdict, self._coverage.cursor)
            self._observer(FeedBetrayed(verdict.finding.value, "continue", said))
        self._coverage.note_empty()
