import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scand.simulator import Clock, DataFaults, Order, World, WorldPlan, json_lines
from scand.simulator.oracle import expected
from scand.simulator.scans import Scan


def scan(event_id: int, kind: str, second: int, *, parcel: int = 7, valid: bool = True) -> Scan:
    created_at = f"2021-05-11T21:11:{second:02d}.1506147Z"
    return Scan(event_id, parcel, kind, f"S{event_id}", created_at, "100", b"", 0, 0, valid=valid)


HISTORY = [
    scan(3, "PICKUP", 30),
    scan(1, "STATUS", 59),
    scan(5, "DELIVERY", 40),
    scan(2, "PICKUP", 35),
    scan(6, "DELIVERY", 38),
    scan(9, "STATUS", 59, valid=False),
    scan(4, "STATUS", 1, parcel=8),
]


def test_the_order_of_ids() -> None:
    """Latest is the greatest id; milestones are the least, whatever their instants."""
    parcels = expected(HISTORY)
    assert parcels[7] == {
        "parcel_id": 7,
        "latest": {
            "event_id": 6,
            "type": "DELIVERY",
            "status_code": "S6",
            "created_at": "2021-05-11T21:11:38.1506147Z",
            "run_id": "100",
        },
        "picked_up_at": "2021-05-11T21:11:35.1506147Z",
        "delivered_at": "2021-05-11T21:11:40.1506147Z",
    }
    assert parcels[8]["picked_up_at"] is parcels[8]["delivered_at"] is None


def test_the_order_of_creation() -> None:
    """Latest is the last instant; milestones are the first."""
    parcel = expected(HISTORY, "created_at")[7]
    assert parcel["latest"]["event_id"] == 1
    assert parcel["picked_up_at"] == "2021-05-11T21:11:30.1506147Z"
    assert parcel["delivered_at"] == "2021-05-11T21:11:38.1506147Z"


def test_one_instant_is_ordered_by_id() -> None:
    """The id decides where the instants are the same."""
    parcels = expected([scan(2, "PICKUP", 5), scan(1, "STATUS", 5)], "created_at")
    assert parcels[7]["latest"]["event_id"] == 2


def test_json_lines_are_ordered_by_parcel() -> None:
    """One object per line, as `scand export parcels` prints them."""
    parcels = expected([scan(1, "PICKUP", 1, parcel=10), scan(2, "STATUS", 2, parcel=9)])
    lines = json_lines(parcels).decode().splitlines()
    assert [json.loads(line) for line in lines] == [parcels[9], parcels[10]]
    assert lines[0].endswith('"picked_up_at": null, "delivered_at": null}')


# --- Against what is served, by brute force ----------------------------------


def is_valid(event: Any) -> bool:
    numbers = (event.get("EventId"), event.get("ParcelId"))
    texts = (event.get("Type"), event.get("StatusCode"), event.get("CreatedDateTimeUtc"))
    return (
        all(isinstance(number, int) and 1 <= number < 2**63 for number in numbers)
        and all(isinstance(text, str) for text in texts)
        and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", texts[2]) is not None
        and int(texts[2][11:13]) < 24
    )


def ticks(event: dict[str, Any]) -> int:
    whole, fraction = event["CreatedDateTimeUtc"].rstrip("Z").split(".")
    return int(datetime.fromisoformat(whole + "+00:00").timestamp()) * 10**7 + int(fraction)


KEYS: dict[Order, Callable[[dict[str, Any]], tuple[int, ...]]] = {
    "event_id": lambda event: (event["EventId"],),
    "created_at": lambda event: (ticks(event), event["EventId"]),
}


def by_brute_force(served: list[dict[str, Any]], order: Order) -> dict[int, dict[str, Any]]:
    """Goes through the events once for every parcel and question, comparing each with the best."""
    key = KEYS[order]
    parcels: dict[int, dict[str, Any]] = {}
    for parcel_id in {event["ParcelId"] for event in served}:
        latest = first = last = None
        for event in served:
            if event["ParcelId"] != parcel_id:
                continue
            if latest is None or key(event) > key(latest):
                latest = event
            if event["Type"] == "PICKUP" and (first is None or key(event) < key(first)):
                first = event
            if event["Type"] == "DELIVERY" and (last is None or key(event) < key(last)):
                last = event
        assert latest is not None
        parcels[parcel_id] = {
            "parcel_id": parcel_id,
            "latest": {
                "event_id": latest["EventId"],
                "type": latest["Type"],
                "status_code": latest["StatusCode"],
                "created_at": latest["CreatedDateTimeUtc"],
                "run_id": latest["User"]["RunId"],
            },
            "picked_up_at": first and first["CreatedDateTimeUtc"],
            "delivered_at": last and last["CreatedDateTimeUtc"],
        }
    return parcels


def served_by(world: World, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page = world.page(1, limit)
    while page.ids:
        found += json.loads(page.body)["ScanEvents"]
        page = world.page(page.ids[-1] + 1, limit)
    return [event for event in found if is_valid(event)]


some = st.sampled_from([0.0, 0.1, 0.5])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    events=st.integers(0, 120),
    parcels=st.integers(1, 6),
    limit=st.integers(1, 50),
    order=st.sampled_from(list(KEYS)),
    faults=st.builds(
        DataFaults,
        missing=some,
        late=some,
        malformed=some,
        unknown=some,
        duplicates=some,
        out_of_order=some,
    ),
)
def test_the_oracle_says_what_follows_from_what_is_served(
    *, seed: int, events: int, parcels: int, limit: int, order: Order, faults: DataFaults
) -> None:
    """Now by what is visible, and in the end by everything."""
    plan = WorldPlan(events=events, seed=seed, parcels=parcels, faults=faults)
    world = World(plan, Clock(seconds=lambda: 0.0))
    visible = by_brute_force(served_by(world, limit), order)
    assert world.oracle(order, visible_only=True) == visible
    truth = world.oracle(order)
    world.freeze()
    assert world.oracle(order) == truth == by_brute_force(served_by(world, limit), order)


@pytest.mark.parametrize("order", list(KEYS))
def test_creation_and_ids_disagree_somewhere(order: Order) -> None:
    """Otherwise a world could not tell a client's right order from the wrong one."""
    world = World(WorldPlan(events=2_000, parcels=5), Clock(seconds=lambda: 0.0))
    other: Order = "created_at" if order == "event_id" else "event_id"
    assert world.oracle(order) != world.oracle(other)
