# ruff: noqa: ARG001 - autojump_clock works by being asked for
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import trio

from scand.simulator import Clock, DataFaults, World, WorldPlan
from scand.simulator.scans import instant

MakeWorld = Callable[..., World]


def events(world: World, from_id: int = 1, limit: int = 10_000) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(world.page(from_id, limit).body)["ScanEvents"]
    return found


def ids(world: World, from_id: int = 1, limit: int = 10_000) -> list[int]:
    return [event["EventId"] for event in events(world, from_id, limit)]


# --- Parcels -----------------------------------------------------------------


def test_an_event_has_the_shape_of_the_carriers_sample(make_world: MakeWorld) -> None:
    """Every field of the sample is there, in its order and with its types."""
    event = events(make_world(), limit=1)[0]
    assert [*event] == [
        "EventId",
        "ParcelId",
        "Type",
        "CreatedDateTimeUtc",
        "StatusCode",
        "Device",
        "User",
    ]
    assert event["Device"] == {"DeviceTransactionId": 1, "DeviceId": event["Device"]["DeviceId"]}
    assert [*event["User"]] == ["UserId", "CarrierId", "RunId"]
    assert re.fullmatch(r"2021-05-11T2\d:\d\d:\d\d\.\d{7}Z", event["CreatedDateTimeUtc"])


def test_parcels_live_as_parcels_do(make_world: MakeWorld) -> None:
    """A life begins with the order, meets one pickup and one delivery, and ends there."""
    lives = defaultdict(list)
    for event in events(make_world(events=3_000)):
        lives[event["ParcelId"]].append(event["Type"])
    finished = [life for life in lives.values() if "DELIVERY" in life]
    assert len(finished) > 100
    for life in finished:
        assert life[:3] == ["STATUS", "STATUS", "PICKUP"]
        assert Counter(life)["PICKUP"] == Counter(life)["DELIVERY"] == 1
        assert life[-1] == "DELIVERY"


def test_parcels_are_interleaved_and_of_several_carriers(make_world: MakeWorld) -> None:
    """Neighbouring events belong to different parcels, carriers and runs."""
    page = events(make_world(), limit=200)
    assert len({event["ParcelId"] for event in page}) > 50
    assert {event["User"]["CarrierId"] for event in page} == {"NC", "PH", "CP", "NW"}
    assert len({event["User"]["RunId"] for event in page}) > 20


def test_known_pairs_only_without_faults(make_world: MakeWorld) -> None:
    """A world without faults stays within the carrier's catalogue."""
    pairs = {(event["Type"], event["StatusCode"]) for event in events(make_world(events=5_000))}
    assert pairs == {
        ("STATUS", "ORDER_RECEIVED"),
        ("STATUS", "PREPARING"),
        ("PICKUP", "DISPATCHED"),
        ("STATUS", "IN_TRANSIT"),
        ("STATUS", "OUT_FOR_DELIVERY"),
        ("DELIVERY", "DELIVERED"),
        ("PICKUP", ""),
        ("STATUS", ""),
        ("DELIVERY", ""),
    }


def test_the_seed_makes_the_world(make_world: MakeWorld) -> None:
    """The same plan gives the same bytes, another seed others."""
    faults = DataFaults(missing=0.1, malformed=0.1, unknown=0.1, duplicates=0.1, out_of_order=0.5)
    one, same, other = (make_world(seed=seed, faults=faults) for seed in (1, 1, 2))
    assert one.page(1, 500) == same.page(1, 500)
    assert one.oracle() == same.oracle()
    assert one.page(1, 500).body != other.page(1, 500).body


def test_faults_leave_the_traffic_alone(make_world: MakeWorld) -> None:
    """With faults, the same parcels are scanned in the same order."""
    calm, rough = make_world(), make_world(faults=DataFaults(missing=0.3, duplicates=0.3))
    parcels = [event["ParcelId"] for event in events(calm)]
    seen = {event["EventId"]: event["ParcelId"] for event in events(rough)}
    assert [*seen.values()] == parcels


def test_instants_have_seven_digits() -> None:
    """The last tick of the calendar is not rounded away."""
    assert instant(16_207_674_941_506_147) == "2021-05-11T21:11:34.1506147Z"
    assert instant(2_534_023_007_999_999_999) == "9999-12-31T23:59:59.9999999Z"


# --- Pages -------------------------------------------------------------------


def test_a_page_is_the_lowest_ids_from_one_on(make_world: MakeWorld) -> None:
    """FromEventId is inclusive, and nothing is left out."""
    world = make_world(events=100, start_id=1_000)
    assert ids(world, 1, 3) == [1000, 1001, 1002]
    assert ids(world, 1001, 2) == [1001, 1002]
    assert ids(world, 1099) == [1099]
    assert ids(world, 1100) == []
    assert world.page(1100, 10).body == b'{"ScanEvents":[]}'
    assert (world.head, world.visible, world.events) == (1099, 100, 100)


def test_missing_ids_never_exist(make_world: MakeWorld) -> None:
    """There are as many events as asked for, with holes between their ids."""
    world = make_world(events=500, faults=DataFaults(missing=0.2))
    assert len(set(ids(world))) == 500
    assert world.head == 500 + world.data_faults["missing"] > 550


def test_duplicates_come_on_top(make_world: MakeWorld) -> None:
    """The page holds its lowest ids all the same, some of them twice."""
    world = make_world(events=500, faults=DataFaults(duplicates=0.3))
    page = world.page(1, 100)
    counts = Counter(ids(world, 1, 100))
    assert sorted(counts) == page.ids == [*range(1, 101)]
    assert set(counts.values()) == {1, 2}
    assert page.events == counts.total()


def test_a_shuffled_page_holds_the_same_events(make_world: MakeWorld) -> None:
    """Out of order is a matter of the page, and of one page in two here."""
    world = make_world(faults=DataFaults(out_of_order=0.5))
    pages = [ids(world, first, 10) for first in range(1, 1_000, 10)]
    assert all(
        sorted(page) == [*range(first, first + 10)]
        for page, first in zip(pages, range(1, 1_000, 10), strict=True)
    )
    assert 30 < sum(page != sorted(page) for page in pages) < 70


def test_malformed_events_keep_their_id_in_most_cases(make_world: MakeWorld) -> None:
    """A broken field, and now and then the id itself."""
    world = make_world(events=1_000, faults=DataFaults(malformed=1))
    readable = [event for event in events(world) if isinstance(event["EventId"], int)]
    assert 700 < len(readable) < 950
    assert world.oracle() == {}


def test_unknown_pairs_count_as_latest(make_world: MakeWorld) -> None:
    """An open catalogue takes what it has never heard of."""
    world = make_world(events=300, faults=DataFaults(unknown=1))
    assert {event["Type"] for event in events(world)} > {"RETURN", "PICKUP"}
    latest = {each["latest"]["status_code"] for each in world.oracle().values()}
    assert "HELD_AT_CUSTOMS" in latest
    assert "IN_TRANSIT" not in latest


# --- Time --------------------------------------------------------------------


def test_a_backlog_is_history_that_ends_at_the_start(make_world: MakeWorld) -> None:
    """Its instants lie before the start, over the time that it is said to span."""
    created = sorted(
        event["CreatedDateTimeUtc"] for event in events(make_world(history=3 * 86_400.0))
    )
    assert created[0].startswith("2021-05-08T21:1")
    assert "2021-05-11T21:06" < created[-1] <= "2021-05-11T21:11:34.1506140Z"


async def test_events_arrive_at_their_rate(autojump_clock: trio.testing.MockClock) -> None:
    """A backlog first, then `rate` per second, then no more."""
    world = World(WorldPlan(events=30, backlog=10, rate=4))
    seen = [world.visible]
    for _ in range(7):
        await trio.sleep(1.001)
        seen.append(world.visible)
    assert seen == [10, 14, 18, 22, 26, 30, 30, 30]
    assert world.settled


async def test_a_live_event_is_created_about_when_it_appears(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The wall clock is anchored at the start and goes with the simulated time."""
    world = World(WorldPlan(events=None, rate=1), Clock(wall=lambda: 1_000_000_000.0))
    await trio.sleep(3_600.5)
    last = events(world, from_id=world.head)[0]["CreatedDateTimeUtc"]
    created = datetime.fromisoformat(last).timestamp()
    assert 1_000_003_598 < created <= 1_000_003_600


async def test_a_world_without_end_goes_on(autojump_clock: trio.testing.MockClock) -> None:
    """It is never settled, and its oracle is that of what has arrived."""
    world = World(WorldPlan(events=None, rate=50))
    await trio.sleep(20.01)
    assert (world.visible, world.settled) == (1_000, False)
    assert max(each["latest"]["event_id"] for each in world.oracle().values()) == 1_000


async def test_late_ids_appear_after_their_successor(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """They are holes first, and filled within `late_by` of the successor."""
    world = World(WorldPlan(events=200, rate=10, faults=DataFaults(late=0.2, late_by=3.0)))
    holes: dict[int, float] = {}
    filled: dict[int, float] = {}
    while not world.settled:
        await trio.sleep(0.05)
        now, visible = trio.current_time(), {*ids(world)}
        for each in range(1, world.head):
            if each not in visible:
                holes.setdefault(each, now)
            elif each in holes:
                filled.setdefault(each, now)
    assert len(filled) == len(holes) > 20
    assert all(0 < filled[each] - holes[each] <= 3.1 for each in holes)
    assert max(filled[each] - holes[each] for each in holes) > 2
    assert ids(world) == [*range(1, 201)]


async def test_a_late_backlog_appears_after_the_start(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """What is missing of the backlog comes within `late_by`; what is old is not missing."""
    faults = DataFaults(late=0.5, late_by=4)
    world = World(WorldPlan(events=400, faults=faults, history=400, late_horizon=60))
    first = ids(world)
    assert 20 < 400 - len(first) < 40
    assert first[:339] == [*range(1, 340)]
    await trio.sleep(4.01)
    assert world.settled
    assert len(ids(world)) == 400


async def test_freezing_stops_the_feed_and_reveals_what_is_late(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """After it the world is settled, and its oracle is that of what is visible."""
    world = World(WorldPlan(events=500, rate=10, faults=DataFaults(late=0.5, late_by=60)))
    await trio.sleep(10.05)
    assert world.visible < world.events == 100
    assert world.oracle(visible_only=True) != world.oracle()
    world.freeze()
    assert (world.visible, world.head, world.settled) == (100, 100, True)
    assert world.oracle(visible_only=True) == world.oracle()
    await trio.sleep(10)
    assert world.visible == 100


async def test_asking_the_oracle_changes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """It sees the future of a finite world; the feed does not."""
    asked, left = (World(WorldPlan(events=60, rate=10, starts_at=None)) for _ in range(2))
    assert max(each["latest"]["event_id"] for each in asked.oracle().values()) == 60
    assert asked.visible == 0
    await trio.sleep(3.01)
    assert ids(asked) == ids(left) == [*range(1, 31)]
    asked.freeze()
    assert max(each["latest"]["event_id"] for each in asked.oracle().values()) == 30


@pytest.mark.parametrize(
    "plan",
    [
        {"events": None},
        {"events": 5, "backlog": 6, "rate": 1.0},
        {"backlog": -1},
        {"rate": -1.0},
        {"history": -1.0},
        {"start_id": 0},
        {"parcels": 0},
        {"starts_at": datetime(2021, 5, 11)},  # noqa: DTZ001 - what is refused
    ],
)
def test_an_impossible_plan_is_refused(plan: dict[str, Any]) -> None:
    """It says so where it is made."""
    with pytest.raises(ValueError, match=r"rate|backlog|start_id|time zone"):
        WorldPlan(**plan)
