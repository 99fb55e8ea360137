"""The rows of dead letters: read, changed as `core.dead_letters` says, and written."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import msgspec

from scand.core.dead_letters import Act, Content, Letter, State, receive
from scand.core.event import EventId, Rejected
from scand.store.transaction import Statement, Transaction, as_json, bulk

_LETTERS = """SELECT json_group_array(json_array(
    id, identity, event_id, state, json_array(reason, detail, digest),
    json((SELECT json_group_array(json_array(reason, detail, digest)) FROM dead_letter_history
        WHERE letter = dead_letters.id AND digest IS NOT NULL)))) FROM dead_letters"""
# All in one value, for the reason given in `bulk`.
_read_letters = msgspec.json.Decoder(list[Letter]).decode

_PUT = """INSERT INTO dead_letters (id, identity, event_id, parcel_id, asked_from, raw, digest,
    reason, detail, state, attempts, first_seen, last_seen, closed_at, trace_id)"""
_CHANGE = """ON CONFLICT (identity) DO UPDATE SET
    parcel_id = coalesce(excluded.parcel_id, parcel_id),
    trace_id = coalesce(trace_id, excluded.trace_id),
    raw = CASE WHEN digest = excluded.digest THEN raw ELSE excluded.raw END,
    closed_at = CASE WHEN state = excluded.state THEN closed_at ELSE excluded.closed_at END,
    digest = excluded.digest, reason = excluded.reason, detail = excluded.detail,
    state = excluded.state, attempts = attempts + excluded.attempts,
    last_seen = max(last_seen, excluded.last_seen)"""
_TELL = """INSERT INTO dead_letter_history
    (letter, at, act, reason, detail, digest, raw, asked_from)"""
_KEEP_RAW = """UPDATE dead_letter_history
    SET raw = (SELECT raw FROM dead_letters WHERE dead_letters.id = letter)
    WHERE id IN (SELECT min(told.id) FROM dead_letter_history AS told
        JOIN dead_letters AS kept ON kept.id = told.letter AND kept.digest = told.digest
        WHERE kept.id IN (SELECT value FROM json_each(?)) GROUP BY kept.id)"""


class Arrival(NamedTuple):
    """What was turned away, the FromEventId of its page, and its trace, if it has one."""

    asked_from: EventId
    rejected: Rejected
    trace_id: bytes | None = None


class _Entry(NamedTuple):
    identity: str
    act: Act
    content: Content | None = None
    asked_from: EventId | None = None


def letters(
    column: Literal["id", "identity"], keys: Iterable[str | int]
) -> Transaction[list[Letter]]:
    """The letters with these keys, as far as there are any, by number."""
    where = f" WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608 - two names
    ((packed,),) = yield Statement(_LETTERS + where, [as_json(keys)])
    return sorted(_read_letters(packed), key=attrgetter("id"))


class Desk:
    """Some letters, and what becomes of them in one transaction at `at`, in ms since 1970.

    `numbers` are for those that are new.
    """

    def __init__(
        self, known: Iterable[Letter], at: int, numbers: Iterator[int] | None = None
    ) -> None:
        self.letters = {letter.identity: letter for letter in known}
        self._known = dict(self.letters)
        self._at, self._numbers = at, numbers or iter(())
        self._origins: dict[str, Arrival] = {}
        self._raws: dict[str, bytes] = {}  # by digest
        self._failures: Counter[str] = Counter()
        self._entries: list[_Entry] = []

    def take(self, arrival: Arrival) -> None:
        """An event was turned away."""
        asked_from, rejected, _ = arrival
        identity, digest = rejected.identity, rejected.digest
        content = Content(rejected.reason, rejected.detail, digest)
        self._origins.setdefault(identity, arrival)
        self._raws[digest] = rejected.raw
        if identity not in self.letters:
            number, event_id = next(self._numbers), rejected.event_id
            self.letters[identity] = Letter(number, identity, event_id, State.OPEN, content)
        self.fail(identity, content, asked_from)

    def fail(self, identity: str, content: Content, asked_from: EventId | None = None) -> None:
        """A letter's event was turned away, once more perhaps."""
        self._failures[identity] += 1
        self.letters[identity], act = receive(self.letters[identity], content)
        if act is not None:
            self._entries.append(_Entry(identity, act, content, asked_from))

    def do(self, identity: str, act: Act) -> None:
        """Change the state of a letter, which may be changed so."""
        self.letters[identity] = self.letters[identity].after(act)
        self._entries.append(_Entry(identity, act))

    def supersede(self, applied: Collection[EventId]) -> int:
        """Close the letters of these events. Returns how many that were."""
        due = [
            letter.identity
            for letter in self.letters.values()
            if letter.event_id in applied and letter.may(Act.SUPERSEDED)
        ]
        for identity in due:
            self.do(identity, Act.SUPERSEDED)
        return len(due)

    def write(self) -> Transaction[None]:
        """Make it durable, history and all."""
        replaced = [
            letter.id
            for letter in self._known.values()
            if letter.content.digest != self.letters[letter.identity].content.digest
        ]
        if replaced:
            yield Statement(_KEEP_RAW, [as_json(replaced)])
        yield from bulk(_PUT, [self._row(letter) for letter in self.letters.values()], _CHANGE)
        yield from bulk(_TELL, [self._told(entry) for entry in self._entries])

    def _row(self, letter: Letter) -> tuple[Any, ...]:
        reason, detail, digest = letter.content
        origin, failures = self._origins.get(letter.identity), self._failures[letter.identity]
        return (
            letter.id,
            letter.identity,
            letter.event_id,
            origin and origin.rejected.parcel_id,
            origin.asked_from if origin else 0,  # what is there already stays
            self._raws.get(digest, b""),  # as above
            digest,
            reason.value,
            detail,
            letter.state.value,
            failures,
            self._at,
            self._at if failures else 0,
            None if letter.state is State.OPEN else self._at,
            origin and origin.trace_id,
        )

    def _told(self, entry: _Entry) -> tuple[Any, ...]:
        identity, act, content, asked_from = entry
        letter, raw = self.letters[identity], None
        reason, detail, digest = content or (None, None, None)
        if digest is not None and digest != letter.content.digest:
            raw = self._raws[digest]
        return (letter.id, self._at, act.value, reason, detail, digest, raw, asked_from)
