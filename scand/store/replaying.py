"""Dead letters are tried again, or given up: in one transaction with what that changes.

An event is applied as a fresh one is, but moves no cursor. If its id is an open gap, the gap stays
in the ledger, of which a running fetcher holds its own copy: the next look at it fills it if the
carrier shows the event by now, and gives it up when `late_window` is over if not.
"""

from collections.abc import Iterable, Sequence

from scand.core.dead_letters import Act, Content, Letter
from scand.core.event import Reason, Rejected, ScanEvent
from scand.core.parcel import Key, fold
from scand.core.review import Chosen, Item, Outcome, Review, Selection
from scand.core.traces import Traced
from scand.store.commit import DISPUTED, deduplicate, write_fresh
from scand.store.desk import Desk, letters
from scand.store.filing import supersede
from scand.store.place import SELECT_SALT
from scand.store.pruning import known_as_pruned
from scand.store.selecting import matching
from scand.store.transaction import Statement, Transaction, as_json

AT_ONCE = 100
"""Letters in one transaction at the most: it bounds how long ingest waits."""

MAX_VOLUME = 16 << 20
"""Bytes of their events, unless one alone has more: it bounds the memory that they take."""

_SIZES = "SELECT id, length(raw) FROM dead_letters"
_RAWS = "SELECT raw FROM dead_letters WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"

_HAVE_TRACES = """SELECT trace_id IS NOT NULL FROM dead_letters
    WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"""


def choose(selection: Selection) -> Transaction[Chosen]:
    """The first letters of a selection, no more than fit into a transaction."""
    where, values = matching(selection)
    rows = yield Statement(f"{_SIZES} WHERE {where} ORDER BY id LIMIT ?", [*values, AT_ONCE])
    numbers: list[int] = []
    volume = 0
    for number, size in rows:
        volume += size
        if numbers and volume > MAX_VOLUME:
            return Chosen(numbers, complete=False)
        numbers.append(number)
    return Chosen(numbers, complete=len(rows) < AT_ONCE)


def replay(numbers: Sequence[int], review: Review, key: Key, now: float) -> Transaction[list[Item]]:
    """Try letters again at `now` (seconds since 1970); those that are closed are left alone."""
    at = int(now * 1000)
    known = yield from letters("id", numbers)
    due = [letter for letter in known if letter.may(Act.REPLAYED)]
    rows = yield Statement(_RAWS, [as_json(letter.id for letter in due)])
    found = review([raw for (raw,) in rows], now)
    events = [each for each in found if isinstance(each, ScanEvent)]
    fresh, conflicts = yield from deduplicate(events)
    traced = yield from _traced(due, found)
    yield from write_fresh(fresh, fold(fresh, key), key, at, traced)
    outcomes = dict.fromkeys(map(id, events), Outcome.ALREADY_KNOWN)
    outcomes |= dict.fromkeys(map(id, fresh), Outcome.APPLIED)
    disputed = yield from _disputed(due, found)
    outcomes |= dict.fromkeys(map(id, [*conflicts, *disputed]), Outcome.FAILED_AGAIN)
    desk = Desk(due, at)
    tried = [
        _told(desk, letter, each, outcomes.get(id(each), Outcome.FAILED_AGAIN))
        for letter, each in zip(due, found, strict=True)
    ]
    yield from desk.write()
    yield from supersede([event.event_id for event in fresh], at)
    return _in_order(tried, known)


def _traced(
    due: Sequence[Letter], found: Sequence[ScanEvent | Rejected]
) -> Transaction[Traced | None]:
    """Those whose letters have a trace go on with it."""
    rows = yield Statement(_HAVE_TRACES, [as_json(letter.id for letter in due)])
    each = [event.event_id for event, (has,) in zip(found, rows, strict=True) if has]
    ids = frozenset(event_id for event_id in each if event_id is not None)
    ((salt,),) = yield Statement(SELECT_SALT)
    return Traced(salt, ids) if ids else None


def _disputed(
    due: Iterable[Letter], found: Iterable[ScanEvent | Rejected]
) -> Transaction[list[ScanEvent | Rejected]]:
    """Events known to differ from the one that was first, which is pruned: nothing has changed."""
    pairs = zip(due, found, strict=True)
    conflicts = [each for letter, each in pairs if letter.content.reason is Reason.CONFLICT]
    ids = [each.event_id for each in conflicts if each.event_id is not None]
    pruned = (yield from known_as_pruned(ids)) if ids else set()
    return [each for each in conflicts if each.event_id in pruned]


def _told(desk: Desk, letter: Letter, found: ScanEvent | Rejected, outcome: Outcome) -> Item:
    """Change a letter by what came of it, and say so."""
    if outcome is not Outcome.FAILED_AGAIN:
        desk.do(letter.identity, Act.REPLAYED)
        return Item(letter.id, outcome, found.event_id)
    content = _content(letter.content, found)
    desk.fail(letter.identity, content)
    return Item(letter.id, outcome, letter.event_id, content.reason, content.detail)


def _content(before: Content, found: ScanEvent | Rejected) -> Content:
    """What is wrong now with the bytes of a letter."""
    if before.reason is Reason.UNREADABLE:  # they are no event's, but the page's that it broke
        return before
    if isinstance(found, Rejected):
        return before._replace(reason=found.reason, detail=found.detail)
    return before._replace(reason=Reason.CONFLICT, detail=DISPUTED)


def discard(numbers: Sequence[int], now: float) -> Transaction[list[Item]]:
    """Give letters up at `now` (seconds since 1970); those that are closed are left alone."""
    known = yield from letters("id", numbers)
    due = [letter for letter in known if letter.may(Act.DISCARDED)]
    desk = Desk(due, int(now * 1000))
    for letter in due:
        desk.do(letter.identity, Act.DISCARDED)
    yield from desk.write()
    done = [Item(letter.id, Outcome.DISCARDED, letter.event_id) for letter in due]
    return _in_order(done, known)


def _in_order(done: Iterable[Item], known: Iterable[Letter]) -> list[Item]:
    """What was done, and of the other letters that there was nothing to do, by number."""
    items = {item.id: item for item in done}
    closed = (Item(one.id, Outcome.CLOSED, one.event_id, detail=one.state.value) for one in known)
    return [items.get(item.id, item) for item in closed]
