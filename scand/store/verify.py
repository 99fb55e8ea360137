"""Proves that the parcels are the fold of base and journal: rebuilds each and compares digests."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

import msgspec

from scand.core.parcel import ParcelState, fold, merge
from scand.store.accounts import pruned_events
from scand.store.reading import BEFORE_ALL, Reader
from scand.store.rows import SELECT_BASE, parcel_from_row, parcel_row
from scand.store.trouble import require_sound

STEP = 2_000
"""Parcels rebuilt at a time."""

MAX_NAMED = 20
"""Differing parcels that are named; the rest is counted."""


@dataclass
class Verification:
    """What was compared. `digest` covers all parcels as stored, `rebuilt` as refolded.

    `events` are in the journal; `pruned` ones are known by the base that they were folded into.
    """

    parcels: int = 0
    events: int = 0
    pruned: int = 0
    different: int = 0
    named: list[int] = field(default_factory=list)
    digest: str = ""
    rebuilt: str = ""

    @property
    def ok(self) -> bool:
        """Whether every parcel is what its events say."""
        return self.digest == self.rebuilt


def verify(reader: Reader) -> Verification:
    """Compare all parcels with base and journal, in one state of the store.

    Raises sqlite3.DatabaseError where SQLite finds the file itself damaged.
    """
    with reader.snapshot():
        require_sound(reader.query)
        return _verify(reader)


def _verify(reader: Reader) -> Verification:
    result, key = Verification(pruned=pruned_events(reader.query)), reader.key()
    stored_digest, rebuilt_digest = hashlib.sha256(), hashlib.sha256()
    after: float = BEFORE_ALL
    for stored, last in _steps(reader.parcels()):
        events = reader.events_of_parcels(after, last)
        rebuilt = merge(chain(_base(reader, after, last), fold(events, key).items()), key)
        result.parcels += len(stored)
        result.events += len(events)
        for parcel_id in sorted(stored.keys() | rebuilt.keys()):
            ours, theirs = _line(parcel_id, stored), _line(parcel_id, rebuilt)
            stored_digest.update(ours)
            rebuilt_digest.update(theirs)
            if ours != theirs:
                result.different += 1
                result.named += [parcel_id] if len(result.named) < MAX_NAMED else []
        after = last
    result.digest, result.rebuilt = stored_digest.hexdigest(), rebuilt_digest.hexdigest()
    return result


def _base(reader: Reader, after: float, up_to: int) -> list[tuple[int, ParcelState]]:
    """What was pruned, folded, of the parcels with `after` < ParcelId <= `up_to`."""
    sql = SELECT_BASE + " WHERE parcel_id > ? AND parcel_id <= ?"
    return [parcel_from_row(row) for row in reader.query(sql, after, up_to)]


def _steps(
    parcels: Iterable[tuple[int, ParcelState]],
) -> Iterator[tuple[dict[int, ParcelState], int]]:
    """Chunks of parcels, each with the ParcelId up to which it speaks; the last one for all."""
    parcels = iter(parcels)
    while chunk := dict(islice(parcels, STEP)):
        yield chunk, max(chunk) if len(chunk) == STEP else 2**63 - 1
        if len(chunk) < STEP:
            return
    yield {}, 2**63 - 1


def _line(parcel_id: int, parcels: dict[int, ParcelState]) -> bytes:
    state = parcels.get(parcel_id)
    return msgspec.json.encode(parcel_row(parcel_id, state) if state else [parcel_id]) + b"\n"
