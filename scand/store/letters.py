"""Dead letters as they are read and shown."""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from scand.core.dead_letters import State
from scand.core.instant import Instant, instant_at
from scand.core.review import Selection
from scand.store.selecting import matching

_LISTED = (
    "id",
    "state",
    "reason",
    "detail",
    "event_id",
    "parcel_id",
    "attempts",
    "asked_from",
    "first_seen",
    "last_seen",
    "closed_at",
    "trace_id",
)
_TOLD = ("at", "act", "reason", "detail", "asked_from", "raw")


def _instant(milliseconds: int) -> Instant:
    return instant_at(milliseconds / 1000)


_SHOWN: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("first_seen", "last_seen", "closed_at", "at"), _instant),
    "trace_id": bytes.hex,
}

_LETTERS = f"SELECT {', '.join(_LISTED)} FROM dead_letters"  # noqa: S608 - constant names
_COUNT = "SELECT count(*), coalesce(max(id), 0) FROM dead_letters"
_HISTORY = f"SELECT {', '.join(_TOLD)} FROM dead_letter_history"  # noqa: S608 - as above
_STATES = "SELECT state, count(*) FROM dead_letters GROUP BY state"
_REASONS = """SELECT reason, count(*) FROM dead_letters WHERE state = 'open'
    GROUP BY reason ORDER BY reason"""

Rows = Callable[..., list[tuple[Any, ...]]]
"""Runs a query with its parameters."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A letter and all that happened to it; `raw`, here and there, are bytes as served."""

    fields: dict[str, Any]
    raw: bytes
    history: list[dict[str, Any]]

    def document(self) -> dict[str, Any]:
        """As `scand dead-letters show --json` prints it."""
        history = [entry | _readable(entry["raw"]) for entry in self.history]
        return {**self.fields, **_readable(self.raw), "history": history}


class DeadLetters:
    """The dead letters of a store that is read."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def listed(self, selection: Selection, limit: int) -> list[dict[str, Any]]:
        """The first letters of a selection, by number."""
        where, values = matching(selection)
        rows = self._rows(f"{_LETTERS} WHERE {where} ORDER BY id LIMIT ?", *values, limit)
        return [_named(_LISTED, row) for row in rows]

    def count(self, selection: Selection) -> tuple[int, int]:
        """How many letters a selection has, and the number of the last one."""
        where, values = matching(selection)
        ((count, last),) = self._rows(f"{_COUNT} WHERE {where}", *values)
        return count, last

    def one(self, number: int) -> DeadLetter | None:
        """A letter by its number."""
        for fields in self.listed(Selection(ids=(number,)), 1):
            ((raw,),) = self._rows("SELECT raw FROM dead_letters WHERE id = ?", number)
            told = self._rows(f"{_HISTORY} WHERE letter = ? ORDER BY id", number)
            return DeadLetter(fields, raw, [_named(_TOLD, row) for row in told])
        return None

    def open_by_reason(self) -> dict[str, int]:
        """How many are open, by reason."""
        return dict(self._rows(_REASONS))

    def summary(self) -> dict[str, Any]:
        """How many there are in each state, why they are open, and how many were removed."""
        counted: dict[str, int] = dict(self._rows(_STATES))
        ((pruned,),) = self._rows("SELECT pruned_dead_letters FROM feed")
        states = {state.value: counted.get(state.value, 0) for state in State}
        return {**states, "by_reason": self.open_by_reason(), "pruned": pruned}


def _named(names: Iterable[str], row: Iterable[Any]) -> dict[str, Any]:
    """A row by its columns; milliseconds become instants, and the id of a trace is in hex."""
    return {
        name: _SHOWN[name](value) if name in _SHOWN and value is not None else value
        for name, value in zip(names, row, strict=True)
    }


def _readable(raw: bytes | None) -> dict[str, Any]:
    """Bytes exactly, and as text where they are text."""
    if raw is None:
        return {"raw": None, "raw_base64": None}
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = None
    return {"raw": text, "raw_base64": base64.b64encode(raw).decode("ascii")}
