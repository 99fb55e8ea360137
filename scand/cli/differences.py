"""What a reload does or would do, for people: the words, and the exit status."""

import json
from collections.abc import Iterator
from typing import Any

from scand.cli.text import printable

STATUS = {"applied": 0, "unchanged": 0, "refused": 1, "invalid": 2}
"""The exit status by outcome: done, not done, and a configuration that cannot be used."""

DONE = {
    "applied": "applied",
    "unchanged": "nothing differs from what is in force",
    "refused": "refused, nothing is applied: restart scand, or set these back",
    "invalid": "cannot be used, nothing is applied",
}
WOULD = {
    "applied": "a reload would apply this",
    "unchanged": "a reload would change nothing",
    "refused": "a reload would be refused, whole: it takes a restart",
    "invalid": "cannot be used; a reload would change nothing",
}


def told(document: dict[str, Any], said: str) -> Iterator[str]:
    """A comparison, a line for each setting."""
    yield said
    for change in document["changes"]:
        how = f"takes a restart: {change['at_start']}" if change["at_start"] else "live"
        yield f"  {_difference(change)}  ({how})"
    for change in document["shadowed"]:
        yield f"  {_difference(change)}  (shadowed: the environment says otherwise)"
    if document["outcome"] == "invalid":
        yield from (f"  {printable(error)}" for error in document["errors"])


def _difference(change: dict[str, Any]) -> str:
    return f"{change['key']}: {_value(change['old'])} -> {_value(change['new'])}"


def _value(value: object) -> str:
    return "unset" if value is None else json.dumps(value, ensure_ascii=False)
