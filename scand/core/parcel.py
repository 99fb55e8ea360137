"""What is known of a parcel: a fold over its events, and the fold is a join.

`join` is commutative, associative and idempotent. So any permutation and any duplication of the
same events gives the same state, and redelivery, parallel shards, retries and late arrivals are
safe by algebra.

    latest       the event with the greatest key
    picked_up    the PICKUP event with the least key
    delivered    the DELIVERY event with the least key
    key          EventId, or (CreatedDateTimeUtc, EventId): the setting `feed.order`
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import msgspec

from scand.core.event import EventId, ScanEvent
from scand.core.instant import Instant

Order = Literal["event_id", "created_at"]
Key = Callable[[Any], Any]

ORDERS: dict[Order, Key] = {
    "event_id": attrgetter("event_id"),
    "created_at": attrgetter("created_at", "event_id"),
}


class Mark(NamedTuple):
    """The event that reached a milestone, and when."""

    event_id: EventId
    created_at: Instant


class ParcelState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The state of one parcel. Of `latest`, the store keeps what `scand parcel` prints."""

    latest: ScanEvent
    picked_up: Mark | None = None
    delivered: Mark | None = None


class Milestone(StrEnum):
    """What an event can cause. The first of its kind for a parcel is announced."""

    PICKED_UP = "picked_up"
    DELIVERED = "delivered"


MILESTONES = {"PICKUP": Milestone.PICKED_UP, "DELIVERY": Milestone.DELIVERED}
"""The event types that reach a milestone."""


class Change(NamedTuple):
    """A milestone reached, or corrected from `old` by an event that came late."""

    milestone: Milestone
    mark: Mark
    old: Mark | None


def lift(event: ScanEvent) -> ParcelState:
    """The state of a parcel of which one event is known."""
    milestone = MILESTONES.get(event.type)
    if milestone is None:
        return ParcelState(event)
    mark = Mark(event.event_id, event.created_at)
    if milestone is Milestone.PICKED_UP:
        return ParcelState(event, picked_up=mark)
    return ParcelState(event, delivered=mark)


def join(one: ParcelState, other: ParcelState, key: Key) -> ParcelState:
    """What is known of a parcel when both are known."""
    latest = one.latest if key(one.latest) >= key(other.latest) else other.latest
    picked_up = one.picked_up or other.picked_up
    if one.picked_up and other.picked_up:
        picked_up = min(one.picked_up, other.picked_up, key=key)
    delivered = one.delivered or other.delivered
    if one.delivered and other.delivered:
        delivered = min(one.delivered, other.delivered, key=key)
    return ParcelState(latest, picked_up, delivered)


def fold(events: Iterable[ScanEvent], key: Key) -> dict[int, ParcelState]:
    """The parcels of `events`, by ParcelId."""
    return merge(((event.parcel_id, lift(event)) for event in events), key)


def merge(states: Iterable[tuple[int, ParcelState]], key: Key) -> dict[int, ParcelState]:
    """Join states by ParcelId."""
    parcels: dict[int, ParcelState] = {}
    for parcel_id, state in states:
        known = parcels.get(parcel_id)
        parcels[parcel_id] = state if known is None else join(known, state, key)
    return parcels


def changes(before: ParcelState | None, after: ParcelState) -> list[Change]:
    """The milestones that a step from `before` to `after` reached or corrected."""
    if before is None:
        before = ParcelState(after.latest)
    found = []
    if after.picked_up is not None and after.picked_up != before.picked_up:
        found.append(Change(Milestone.PICKED_UP, after.picked_up, before.picked_up))
    if after.delivered is not None and after.delivered != before.delivered:
        found.append(Change(Milestone.DELIVERED, after.delivered, before.delivered))
    return found
