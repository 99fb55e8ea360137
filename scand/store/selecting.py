"""Which dead letters are meant, as SQL."""

from typing import Any

from scand.core.review import Selection
from scand.store.transaction import as_json


def matching(selection: Selection) -> tuple[str, list[Any]]:
    """A condition on rows of `dead_letters`, and the values of its parameters."""
    given = {
        "id > ?": selection.after,
        "id <= ?": selection.up_to,
        "id IN (SELECT value FROM json_each(?))": None
        if selection.ids is None
        else as_json(selection.ids),
        "state = ?": selection.state and selection.state.value,
        "reason = ?": selection.reason and selection.reason.value,
        "parcel_id = ?": selection.parcel,
        "last_seen >= ?": selection.since and int(selection.since * 1000),
    }
    wanted = {condition: value for condition, value in given.items() if value is not None}
    return " AND ".join(wanted), list(wanted.values())
