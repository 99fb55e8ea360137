"""The configuration file of a simulated daemon: what it may say, and what must come of reading it.

A file says all of its settings, so that two of them differ in what they say and in nothing else.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from scand.config import Config
from scand.core.catalogue import SHIPPED
from tests.simulation.scans import UNLISTED
from tests.support.parts import URL, settings

Said = Mapping[str, Any]
"""Settings by their keys, as they are written."""

PATH = Path("scand.toml")
STORE = Path("scand.db")

LIVE: Mapping[str, Sequence[Any]] = {
    "feed.limit": (1, 2, 3, 5, 8, 13, 20),
    "feed.poll_interval": ("2s", "5s"),
    "feed.timeout": ("5s", "15s"),
    "feed.late_window": ("5s", "20s", "60s"),
    "feed.max_id_jump": (200, 1000, 5000),
    "feed.max_future": ("1d", "7d"),
    "feed.on_reset": ("halt", "continue"),
    "feed.on_retention_gap": ("halt", "continue"),
    "feed.breaker.failures": (1, 2, 5),
    "feed.breaker.reset_after": ("3s", "20s"),
    "feed.retry.base": ("100ms", "1s"),
    "feed.retry.cap": ("2s", "15s"),
    "feed.retry.retry_after_cap": ("10s", "30s"),
    "feed.retry.refused_pause": ("2s", "15s"),
    "catalogue.mode": ("open", "strict"),
    "catalogue.known": (SHIPPED, (*SHIPPED, "/".join(UNLISTED))),
    "store.keep_events": ("forever", "1s", "20s", "2m"),
    "store.keep_dead_letters": ("90d", "1s", "20s", "2m"),
    "supervisor.drain_timeout": ("0.5s", "20s"),
    "traces.endpoint": ("", "http://collector.test:4318"),
    "traces.events_per_second": (1, 100, "all"),
}
"""What a reload applies. Of waits, the longest is the last."""

PRUNING = ("store.keep_events", "store.keep_dead_letters")

FIXED: Mapping[str, Sequence[Any]] = {
    "processors.shards": (1, 2, 3, 4),
    "supervisor.intensity": (2, 5, 1000),
    "supervisor.period": ("60s", "90s"),
    "metrics.listen": ("", "127.0.0.1:9999"),
}
"""What takes a restart."""

MISTAKES: Sequence[tuple[str, Any]] = (
    ("feed.limit", 0),
    ("feed.limit", "many"),
    ("feed.late_windows", "5s"),
    ("feed.retry.cap", "soon"),
    ("catalogue.mode", "closed"),
    ("store.keep_events", "-1s"),
)
"""What no file may say."""


@cache
def _built(*items: tuple[str, Any]) -> Config:
    """The same values come again and again, and validating them takes its time."""
    sections: dict[str, dict[str, Any]] = {}
    for name, value in items:
        *folders, key = name.split(".")
        place = sections
        for folder in folders:
            place = place.setdefault(folder, {})
        place[key] = value
    return settings(STORE, **sections)


def built(said: Said) -> Config:
    """The settings that these words mean."""
    return _built(*{"store.path": str(STORE), **said}.items())


def toml(said: Said) -> str:
    """The text of a file."""
    sections: dict[str, list[str]] = {}
    for key, value in {"feed.url": URL, "store.path": str(STORE), **said}.items():
        section, _, name = key.rpartition(".")
        sections.setdefault(section, []).append(f"{name} = {json.dumps(value)}")
    return "\n".join("\n".join([f"[{name}]", *lines]) for name, lines in sections.items())


class File:
    """What the file says now, what it said when it was last read, and what of that is in force."""

    def __init__(self, said: Said) -> None:
        self.said = self.read_last = self.in_force = said

    def read(self, _: Path) -> str:
        """Its text, as somebody reads it."""
        self.read_last = self.said
        return toml(self.said)

    def mend(self) -> None:
        """With a mistake in it, no process starts: somebody takes it out."""
        self.said = {
            key: self.in_force[key] if (key, value) in MISTAKES else value
            for key, value in self.said.items()
            if key in self.in_force
        }

    def outcome(self) -> str:
        """What must have come of a reload."""
        said, before = self.read_last, self.in_force
        if any(said.get(key) == wrong for key, wrong in MISTAKES):
            return "invalid"
        if any(said[key] != before[key] for key in FIXED):
            return "refused"
        return "unchanged" if said == before else "applied"
