# ruff: noqa: ARG001 - autojump_clock works by being asked for
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from scand.simulator import ScanApi, TransportFaults, World, WorldPlan, create_app

MakeWorld = Callable[..., World]
PATH = "/v1/scans/scanevents"


@asynccontextmanager
async def client_of(api: ScanApi) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(api)
    async with httpx.AsyncClient(transport=transport, base_url="http://carrier") as client:
        yield client


def ids(response: httpx.Response) -> list[int]:
    return [event["EventId"] for event in response.json()["ScanEvents"]]


async def test_the_defaults_are_the_carriers(make_world: MakeWorld) -> None:
    """From 1, a hundred."""
    async with client_of(create_app(make_world())) as client:
        response = await client.get(PATH)
    assert response.headers["content-type"] == "application/json"
    assert ids(response) == [*range(1, 101)]


async def test_the_parameters(make_world: MakeWorld) -> None:
    """FromEventId is inclusive, Limit is a maximum."""
    async with client_of(create_app(make_world())) as client:
        response = await client.get(PATH, params={"FromEventId": 998, "Limit": 2})
        assert ids(response) == [998, 999]
        response = await client.get(PATH, params={"FromEventId": 999, "Limit": 9})
        assert ids(response) == [999, 1000]
        response = await client.get(PATH, params={"FromEventId": 1001, "Limit": 9})
        assert response.json() == {"ScanEvents": []}


@pytest.mark.parametrize(
    "query",
    ["FromEventId=x", "FromEventId=-1", "Limit=0", "Limit=1e3", "Limit=", f"FromEventId={2**63}"],
)
async def test_a_bad_parameter_is_the_clients_fault(make_world: MakeWorld, query: str) -> None:
    """400, with a word on which."""
    async with client_of(create_app(make_world())) as client:
        response = await client.get(f"{PATH}?{query}")
    assert response.status_code == 400
    assert response.json()["error"].startswith(query.partition("=")[0])


async def test_the_cap(make_world: MakeWorld) -> None:
    """The server grants less than asked, never more."""
    async with client_of(create_app(make_world(), TransportFaults(cap=20))) as client:
        assert ids(await client.get(PATH)) == [*range(1, 21)]
        assert ids(await client.get(PATH, params={"Limit": 5})) == [*range(1, 6)]


async def test_latency(autojump_clock: trio.testing.MockClock) -> None:
    """Up to so many seconds pass before an answer, and they are not all the same."""
    waits = []
    async with client_of(create_app(World(WorldPlan()), TransportFaults(latency=3))) as client:
        for _ in range(20):
            before = trio.current_time()
            await client.get(PATH)
            waits.append(trio.current_time() - before)
    assert all(0 <= wait <= 3 for wait in waits)
    assert max(waits) > 2


async def test_the_stats(make_world: MakeWorld) -> None:
    """What was asked, what was answered, and what struck."""
    api = create_app(make_world(), TransportFaults(html=0.5))
    async with client_of(api) as client:
        for first in range(1, 100, 5):
            await client.get(PATH, params={"FromEventId": first, "Limit": 10})
        stats = (await client.get("/stats")).json()
    html = stats["faults"]["html"]
    assert 0 < html < 20
    assert stats["requests"] == 20 == html + stats["pages"]
    assert stats["events_served"] == 10 * stats["pages"] > stats["distinct_ids_served"]
    assert (stats["head"], stats["events"], stats["visible"]) == (1000, 1000, 1000)
    assert stats["first_from_id"] == 1
    assert stats["last_request"] == {"from_id": 96, "limit": 10}
    assert (stats["in_flight"], stats["peak_in_flight"]) == (0, 1)
    assert api.stats.requests == 20


async def test_the_peak_in_flight(autojump_clock: trio.testing.MockClock) -> None:
    """How many requests waited for their answer at the same time."""
    api = create_app(World(WorldPlan()), TransportFaults(latency=1))
    async with client_of(api) as client, trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(client.get, PATH)
    assert (api.stats.in_flight, api.stats.peak_in_flight) == (0, 5)


async def test_stats_before_the_first_request(make_world: MakeWorld) -> None:
    """Nothing was asked: null."""
    async with client_of(create_app(make_world())) as client:
        stats = (await client.get("/stats")).json()
    assert stats["first_from_id"] is stats["last_request"] is None


async def test_the_oracle(make_world: MakeWorld) -> None:
    """One parcel per line, in the order that was asked for."""
    world = make_world()
    async with client_of(create_app(world)) as client:
        by_id = await client.get("/oracle")
        by_creation = await client.get("/oracle", params={"order": "created_at"})
        refused = await client.get("/oracle", params={"order": "size"})
    lines = [json.loads(line) for line in by_id.text.splitlines()]
    assert lines == [each for _, each in sorted(world.oracle().items())]
    assert by_creation.text != by_id.text
    assert refused.status_code == 400


async def test_faults_change_while_it_runs(make_world: MakeWorld) -> None:
    """A text replaces what was in force; a bad one changes nothing."""
    api = create_app(make_world(), TransportFaults(error=1))
    async with client_of(api) as client:
        assert (await client.get(PATH)).status_code in {500, 502, 503}
        refused = await client.post("/faults", content="flood=1")
        assert (await client.get(PATH)).status_code in {500, 502, 503}
        accepted = await client.post("/faults", content="cap=7")
        assert len(ids(await client.get(PATH))) == 7
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("unknown fault 'flood'")
    assert accepted.json()["cap"] == 7
    assert api.faults == TransportFaults(cap=7)


async def test_stop(autojump_clock: trio.testing.MockClock) -> None:
    """The world stands still, and says where."""
    async with client_of(create_app(World(WorldPlan(events=None, rate=10)))) as client:
        await trio.sleep(5.01)
        stopped = (await client.post("/stop")).json()
        await trio.sleep(5)
        assert len(ids(await client.get(PATH))) == stopped["head"] == 50
    assert stopped["settled"] is True


async def test_trouble_on_the_way_does_not_change_the_world(make_world: MakeWorld) -> None:
    """Two streams of chance: the pages that do come are those of a calm feed."""
    pages: list[list[Any]] = []
    for faults in (TransportFaults(), TransportFaults(error=0.5, latency=0.0001)):
        world = make_world()
        async with client_of(create_app(world, faults)) as client:
            for _ in range(5):
                await client.get(PATH)
        pages.append(world.page(1, 1_000).ids)
    assert pages[0] == pages[1]


async def test_a_drop_without_a_server_is_a_connection_error(make_world: MakeWorld) -> None:
    """In process there is no connection to break: the error reaches the caller."""
    async with client_of(create_app(make_world(), TransportFaults(reset=1))) as client:
        for _ in range(5):
            with pytest.raises(ConnectionResetError):
                await client.get(PATH)
