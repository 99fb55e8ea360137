"""Dead letters that were closed long ago are removed, and counted."""

from scand.store.transaction import Statement, Transaction

_REMOVE = """DELETE FROM dead_letters WHERE id IN
    (SELECT id FROM dead_letters WHERE closed_at < ? ORDER BY closed_at LIMIT ?)"""


def prune_dead_letters(before: float, limit: int) -> Transaction[int]:
    """Remove letters closed `before` (seconds since 1970), the oldest ones, `limit` at the most.

    Their history goes with them. Open letters stay for ever. Returns how many were removed.
    """
    yield Statement(_REMOVE, [int(before * 1000), limit])
    ((removed,),) = yield Statement("SELECT changes()")
    if removed:
        yield Statement("UPDATE feed SET pruned_dead_letters = pruned_dead_letters + ?", [removed])
    return int(removed)
