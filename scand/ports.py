"""The few protocols that have a real and a second implementation.

A `Feed` returns what happened as a value; an exception out of it is a bug or a cancellation.
"""

from dataclasses import dataclass
from typing import Protocol

# --- Feed: the carrier's API -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """`FromEventId` and `Limit` of one question to the carrier."""

    from_id: int
    limit: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A complete JSON body, decompressed. Whether it decodes is for `core.decode` to say."""

    body: bytes


@dataclass(frozen=True, slots=True)
class NothingNew:
    """204: the carrier says that there is nothing at or after the id asked for."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """404: an idle feed for some carriers, a wrong address for others. The fetcher decides."""

    reason: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """429, or 503 with Retry-After: wait `retry_after` seconds (None: not told), nothing is wrong."""

    reason: str
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class Refused:
    """401, 403, a redirect, any other 4xx: an operator has to act; asking faster does not help."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """5xx, timeout, reset, wrong content type, damaged body: transport or carrier trouble."""

    reason: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The body passed the cap, on the wire or after decompression: ask for fewer events."""

    reason: str


Outcome = Answered | NothingNew | NotFound | Throttled | Refused | Failed | TooLarge


class Feed(Protocol):
    """The carrier's scan event API."""

    async def ask(self, request: Request) -> Outcome:
        """One request, bounded in time and size. Never raises for what the carrier does."""
        ...
