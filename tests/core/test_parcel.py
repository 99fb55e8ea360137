"""The fold, against an oracle that sorts all events of a parcel and takes first and last."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scand.core.event import ScanEvent
from scand.core.instant import instant_at
from scand.core.parcel import (
    ORDERS,
    Change,
    Mark,
    Milestone,
    Order,
    ParcelState,
    changes,
    fold,
    join,
    lift,
    merge,
)

KINDS = ["PICKUP", "STATUS", "DELIVERY", "RETURN"]
both_orders = pytest.mark.parametrize("order", ["event_id", "created_at"])


def scan(event_id: int, kind: str = "STATUS", at: int = 0, parcel_id: int = 1) -> ScanEvent:
    return ScanEvent(event_id, parcel_id, kind, instant_at(at))


scans = st.builds(
    scan,
    st.integers(1, 30),
    st.sampled_from(KINDS),
    st.integers(0, 5),  # many at the same instant
    st.integers(1, 3),
)
distinct = st.lists(scans, max_size=12, unique_by=lambda event: event.event_id)


def oracle(events: list[ScanEvent], order: Order) -> dict[int, ParcelState]:
    def place(event: ScanEvent) -> tuple[str | int, ...]:
        by_time = order == "created_at"
        return (event.created_at, event.event_id) if by_time else (event.event_id,)

    parcels = {}
    for parcel_id in {event.parcel_id for event in events}:
        line = sorted((event for event in events if event.parcel_id == parcel_id), key=place)
        first = {event.type: Mark(event.event_id, event.created_at) for event in reversed(line)}
        parcels[parcel_id] = ParcelState(line[-1], first.get("PICKUP"), first.get("DELIVERY"))
    return parcels


@both_orders
@given(events=distinct, data=st.data())
def test_any_order_and_any_duplication_give_the_same_state(
    order: Order, events: list[ScanEvent], data: st.DataObject
) -> None:
    """The fold is the oracle's, however often and in whatever order the events come."""
    again = data.draw(st.lists(st.sampled_from(events)) if events else st.just([]))
    line = data.draw(st.permutations([*events, *again]))
    assert fold(line, ORDERS[order]) == oracle(events, order)


@both_orders
def test_every_order_of_a_few_events(order: Order) -> None:
    """All 5,040 orders of seven events, three of which come twice, give one state."""
    events = [scan(1, "DELIVERY", 3), scan(2, "PICKUP", 2), scan(3, "PICKUP", 1), scan(4, at=0)]
    states = [fold(line, ORDERS[order]) for line in permutations([*events, *events[:3]])]
    assert all(state == states[0] for state in states)
    assert states[0] == oracle(events, order)


@both_orders
@given(events=distinct, data=st.data())
def test_parts_may_be_folded_apart(
    order: Order, events: list[ScanEvent], data: st.DataObject
) -> None:
    """Shards and commits may split the events in any way, overlapping or not."""
    key = ORDERS[order]
    parts = [
        data.draw(st.lists(st.sampled_from(events)) if events else st.just([])) for _ in range(2)
    ]
    states = (item for part in (*parts, events) for item in fold(part, key).items())
    assert merge(states, key) == oracle(events, order)


@both_orders
@given(events=distinct, data=st.data())
def test_join_is_a_join(order: Order, events: list[ScanEvent], data: st.DataObject) -> None:
    """It is commutative, associative and idempotent."""
    key = ORDERS[order]
    mine = [event for event in events if event.parcel_id == 1] or [scan(1)]
    parts = st.lists(st.sampled_from(mine), min_size=1)
    one, two, three = (fold(data.draw(parts), key)[1] for _ in range(3))
    assert join(one, two, key) == join(two, one, key)
    assert join(one, join(two, three, key), key) == join(join(one, two, key), three, key)
    assert join(one, one, key) == one
    assert join(one, join(one, two, key), key) == join(one, two, key)


@pytest.mark.parametrize(
    ("kind", "picked_up", "delivered"),
    [
        ("PICKUP", True, False),
        ("DELIVERY", False, True),
        ("STATUS", False, False),
        ("RETURN", False, False),
    ],
)
def test_lifts_one_event(kind: str, picked_up: bool, delivered: bool) -> None:  # noqa: FBT001 - parameters
    """One event is a state: the latest, and the milestone of its type."""
    event = scan(7, kind, 3)
    mark = Mark(7, event.created_at)
    assert lift(event) == ParcelState(
        event, mark if picked_up else None, mark if delivered else None
    )


@both_orders
@given(events=distinct, late=distinct)
def test_changes_are_the_milestones_reached_or_corrected(
    order: Order, events: list[ScanEvent], late: list[ScanEvent]
) -> None:
    """A step announces exactly the marks that it sets or moves, with what they were."""
    key = ORDERS[order]
    known = {event.event_id for event in events}
    late = [event for event in late if event.event_id not in known]
    before, after = oracle(events, order), oracle([*events, *late], order)
    for parcel_id, state in after.items():
        old = before.get(parcel_id)
        announced = {change.milestone: change for change in changes(old, state)}
        for milestone in Milestone:
            was, now = getattr(old, milestone, None), getattr(state, milestone)
            expected = Change(milestone, now, was) if now != was else None
            assert announced.get(milestone) == expected
            if was is not None and expected is not None:
                assert key(now) < key(was)  # a correction only ever moves back
        assert list(changes(state, state)) == []


@both_orders
def test_order_decides_what_late_means(order: Order) -> None:
    """By id the greater id is the latest; by time the later instant is, and ids break ties."""
    early, late = scan(1, "PICKUP", at=9), scan(2, "PICKUP", at=3)
    state = fold([early, late], ORDERS[order])[1]
    by_id = order == "event_id"
    assert state.latest == (late if by_id else early)
    assert state.picked_up == Mark(*((1, early.created_at) if by_id else (2, late.created_at)))
    tie = fold([scan(3, at=9), early], ORDERS[order])[1]
    assert tie.latest.event_id == 3
