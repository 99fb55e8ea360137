"""What an answer shows, by its ids: what is new, what is to be believed, what it leaves open."""

from bisect import bisect_left, bisect_right
from itertools import pairwise

from scand.core.course import Ask, Seen
from scand.core.covered import Covered, Found
from scand.core.event import MAX_ID
from scand.core.server import Server


class Answer:
    """An answer to a question, from a feed that was covered so far, on a server known so well.

    `ids` ascend; `size` counts the elements from the id on that was asked for.
    """

    def __init__(self, ask: Ask[int], seen: Seen[int], covered: Covered, server: Server) -> None:
        self._ask, self._covered, self._server = ask, covered, server
        self._found = sorted(dict(seen.ids).items())
        self.ids = [found_id for found_id, _ in self._found]
        self.unreadable = seen.unreadable
        self.size = len(self.ids) - bisect_left(self.ids, ask.from_id) + seen.unreadable

    @property
    def is_regular(self) -> bool:
        """Whether its first id is what comes first from the id on that was asked for.

        An element without id may be the cursor's event, and an id from below belongs elsewhere.
        """
        return not (self.unreadable or (self.ids and self.ids[0] < self._ask.from_id))

    @property
    def news(self) -> int:
        """How many elements may lie from the cursor on."""
        ids = self.ids
        below = bisect_left(ids, self._covered.cursor) - bisect_left(ids, self._ask.from_id)
        return self.size - max(below, 0)

    @property
    def is_full(self) -> bool:
        """Whether it has as many elements as the server grants, as far as is known."""
        return self.size >= self._server.granted(self._ask.limit)

    @property
    def is_unclear(self) -> bool:
        """Whether a page that looked at near gaps may have had no room for what is new."""
        return self._ask.near and (self.is_full or self._covered.cursor not in self.ids)

    @property
    def hides_next(self) -> bool:
        """Whether the page has room for one event only, and that is the cursor's."""
        cursor, granted = self._covered.cursor, self._server.granted(self._ask.limit)
        return self.size == granted == 1 and self.ids[-1:] == [cursor] and cursor < MAX_ID

    @property
    def reached(self) -> int:
        """The elements lie at least so far, whatever their ids are."""
        return self._server.reach(self._ask.from_id, self.size)

    def above(self, place: int) -> list[int]:
        """Its ids beyond one."""
        return self.ids[bisect_right(self.ids, place) :]

    def believable(self, max_jump: int, gathered: int = 0) -> list[Found]:
        """What extends the cover: up to the first jump too far, or a full page beyond it.

        Nothing does where the answer does not begin at the cursor. `gathered` ids beyond the jump
        are known in all. A jump that was followed before the cursor was moved back is none.
        """
        covered, ask = self._covered, self._ask
        at = bisect_right(self._found, covered.cursor, key=_id_of)
        fresh = self._found[at:] if ask.from_id <= covered.cursor + 1 else []
        if not fresh or fresh[-1][0] - covered.cursor <= max_jump:
            return fresh
        steps = enumerate(pairwise([covered.cursor, *map(_id_of, fresh)]))
        known = covered.high
        jumps = (place for place, (low, high) in steps if high - low > max_jump and high > known)
        ends = [*jumps, len(fresh)]
        if ends[0] == 0:
            # the cursor's event takes a place as well
            beyond = max(len(fresh), gathered) + (at > 0)
            proven = not ask.reread and beyond >= self._server.full(ask.limit)
            if proven or not covered.anchored:
                del ends[0]
        return fresh[: ends[0]]

    def shown(self, top: int, *, empty: bool) -> tuple[int, int]:
        """The ids of which it shows all that are visible, `top` being the last of use.

        `empty`: the feed is known to have no events now.
        """
        least = self._ask.from_id + (not self._server.inclusive)
        covered = self._covered
        known = covered.cursor if covered.anchored else covered.before
        if not self.size and known >= least and not empty:  # contradicts what was seen
            return least, least - 1
        if not self.size:
            return least, covered.cursor
        greatest = [0, *self.ids][bisect_right(self.ids, top)]
        return least, min(top, max(greatest, self.reached))


def _id_of(found: Found) -> int:
    return found[0]
