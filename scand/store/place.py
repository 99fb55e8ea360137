"""Where the feed is followed from: read by every generation, moved by every commit."""

from collections.abc import Sequence

from scand.core.course import Position
from scand.core.event import EventId
from scand.core.ledger import Gap
from scand.ports import Checkpoint, PageResult
from scand.store.pruning import NEWEST
from scand.store.rows import SELECT_EVENTS, event_from_row
from scand.store.transaction import Statement, Transaction

SELECT_SALT = "SELECT salt FROM tracing"

_POSITION = """SELECT cursor, anchored, inclusive, high, coalesce(head_at, -9e999), attempts
    FROM feed"""  # -9e999 is minus infinity
_NEWEST = f"{SELECT_EVENTS} WHERE event_id IN ({NEWEST}) ORDER BY event_id DESC"

_MOVE = """UPDATE feed SET cursor = ?1, anchored = ?2, inclusive = ?3, high = ?4,
    head_at = ?5, attempts = CASE WHEN cursor IS ?1 THEN attempts ELSE 0 END"""


def begin() -> Transaction[Checkpoint]:
    """Count a generation, and say where the last commit left off."""
    yield Statement("UPDATE feed SET attempts = attempts + 1")
    (feed,) = yield Statement(_POSITION)
    ((salt,),) = yield Statement(SELECT_SALT)
    gaps = yield Statement("SELECT low, high, since FROM gaps ORDER BY low")
    cursor, anchored, inclusive, high, head_at, attempts = feed
    if cursor is None:
        return Checkpoint(None, [], attempts, salt=salt)
    newest = yield Statement(_NEWEST)
    known = None if inclusive is None else bool(inclusive)
    position = Position[EventId](cursor, bool(anchored), known, high, head_at)
    events = [event_from_row(row) for row in newest]
    return Checkpoint(position, [Gap(*row) for row in gaps], attempts, events, salt)


def write_position(pages: Sequence[PageResult]) -> Transaction[None]:
    """Move to where the last of `pages` leads, and count what was history in them."""
    history = sum(page.history for page in pages)
    if history:
        yield Statement("UPDATE feed SET missing_history = missing_history + ?", [history])
    positions = [page.position for page in pages if page.position is not None]
    if positions:
        cursor, anchored, inclusive, high, head_at = positions[-1]
        covered = max(cursor, high) if isinstance(cursor, int) else high
        yield Statement(_MOVE, [cursor, anchored, inclusive, covered, head_at])
