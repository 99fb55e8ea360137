"""The store in figures, each of them cheap however much the store holds: for frequent looks."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scand.core.event import EventId
from scand.store.accounts import complete_up_to, lateness
from scand.store.lock import beside
from scand.store.reading import Reader, open_reader

_FIGURES = """SELECT cursor, missing_history,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'journal'), 0),
    (SELECT count(*) FROM gaps), (SELECT coalesce(sum(high - low + 1), 0) FROM gaps),
    (SELECT min(low) FROM gaps) FROM feed"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a store says, as of `read_at` (seconds since 1970).

    `journal_rows` were ever written; `complete_up_to` is None in a new store; `open_letters` are by
    reason; `late` are seconds by rank (p50, p99, max), None where nothing was late.
    """

    read_at: float
    complete_up_to: EventId | None
    journal_rows: int
    missing_history: int
    open_gaps: int
    open_gap_ids: int
    open_letters: Mapping[str, int]
    late: Mapping[str, float | None]
    size_bytes: int
    free_bytes: int


def read_figures(path: Path, late_window: float) -> Figures:
    """Read them; blocks. Raises StoreError."""
    with open_reader(path) as reader, reader.snapshot():
        return Figures(
            **_counted(reader),
            read_at=time.time(),
            open_letters=reader.dead_letters.open_by_reason(),
            late=_ranked(lateness(reader.query, late_window)),
            size_bytes=sum(_size(beside(path, suffix)) for suffix in ("", "-wal")),
            free_bytes=_free_bytes(path.parent),
        )


def _counted(reader: Reader) -> dict[str, Any]:
    ((cursor, missing, rows, gaps, ids, lowest),) = reader.query(_FIGURES)
    return {
        "complete_up_to": complete_up_to(cursor, lowest),
        "missing_history": missing,
        "journal_rows": rows,
        "open_gaps": gaps,
        "open_gap_ids": ids,
    }


def _ranked(lateness: Mapping[str, Any]) -> dict[str, float | None]:
    return {rank: lateness[rank] for rank in ("p50", "p99", "max")}


def _size(path: Path) -> int:
    with suppress(OSError):  # the log comes and goes
        return path.stat().st_size
    return 0


def _free_bytes(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
