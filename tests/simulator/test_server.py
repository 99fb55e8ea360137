import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx
import pytest
import trio

from scand.simulator import ScanApi, TransportFaults, World, create_app, serve

MakeWorld = Callable[..., World]
PATH = "/v1/scans/scanevents"


@dataclass
class Running:
    api: ScanApi
    client: httpx.AsyncClient
    port: int

    async def outcomes(self, requests: int) -> list[httpx.Response | Exception]:
        return [await self._outcome() for _ in range(requests)]

    async def _outcome(self) -> httpx.Response | Exception:
        try:
            return await self.client.get(PATH)
        except httpx.TransportError as error:
            return error


@asynccontextmanager
async def running(world: World, faults: TransportFaults | None = None) -> AsyncIterator[Running]:
    async with trio.open_nursery() as nursery:
        api = create_app(world, faults)
        port: int = await nursery.start(serve, api)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield Running(api, client, port)
        nursery.cancel_scope.cancel()


async def test_a_page_over_the_wire(make_world: MakeWorld) -> None:
    """Byte by byte what the world renders."""
    world = make_world()
    async with running(world) as carrier:
        response = await carrier.client.get(PATH, params={"FromEventId": 5, "Limit": 500})
    assert response.content == world.page(5, 500).body


async def test_errors(make_world: MakeWorld) -> None:
    """500, 502 and 503, and the connection survives them."""
    async with running(make_world(), TransportFaults(error=1)) as carrier:
        answers = await carrier.outcomes(20)
    statuses = {each.status_code for each in answers if isinstance(each, httpx.Response)}
    assert statuses == {500, 502, 503}


async def test_throttling(make_world: MakeWorld) -> None:
    """429, and Retry-After in seconds or as a date."""
    async with running(make_world(), TransportFaults(throttle=1, retry_after=7)) as carrier:
        answers = [each for each in await carrier.outcomes(30) if isinstance(each, httpx.Response)]
    waits = [each.headers["retry-after"] for each in answers]
    dates = [parsedate_to_datetime(wait) for wait in waits if wait != "7"]
    assert {each.status_code for each in answers} == {429}
    assert 0 < len(dates) < 20
    sent = parsedate_to_datetime(answers[0].headers["date"])
    assert all(5 <= (date - sent).total_seconds() < 60 for date in dates)


async def test_resets(make_world: MakeWorld) -> None:
    """The connection breaks before any answer, or within one."""
    async with running(make_world(), TransportFaults(reset=1)) as carrier:
        errors = await carrier.outcomes(40)
    kinds = {type(each) for each in errors}
    assert kinds == {httpx.ReadError, httpx.RemoteProtocolError}
    assert any("without sending a response" in str(each) for each in errors)


async def test_truncation(make_world: MakeWorld) -> None:
    """The body is shorter than announced, or announced as short as it is."""
    async with running(make_world(), TransportFaults(truncated=1)) as carrier:
        outcomes = await carrier.outcomes(30)
    errors = [each for each in outcomes if isinstance(each, Exception)]
    assert errors
    assert all("without sending complete message body" in str(each) for each in errors)
    complete = [each for each in outcomes if isinstance(each, httpx.Response)]
    assert complete
    for each in complete:
        assert each.headers["content-type"] == "application/json"
        with pytest.raises(json.JSONDecodeError):
            each.json()


async def test_html(make_world: MakeWorld) -> None:
    """A page for people, and a cheerful 200."""
    async with running(make_world(), TransportFaults(html=1)) as carrier:
        response = await carrier.client.get(PATH)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "<html>" in response.text


async def test_faults_are_quiet_and_pass(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is logged for a fault on demand, and afterwards all is well."""
    caplog.set_level(logging.WARNING)
    async with running(make_world(), TransportFaults(reset=0.5, truncated=0.5)) as carrier:
        await carrier.outcomes(40)
        await carrier.client.post("/faults", content="none")
        responses = await carrier.outcomes(3)
    assert all(isinstance(each, httpx.Response) for each in responses)
    assert caplog.records == []


async def test_a_client_that_gives_up_harms_nobody(make_world: MakeWorld) -> None:
    """The next request is answered as if nothing had happened."""
    async with running(make_world(), TransportFaults(latency=3_600)) as carrier:
        async with trio.open_nursery() as impatient:
            for _ in range(5):
                impatient.start_soon(carrier.client.get, PATH)
            while carrier.api.stats.in_flight < 5:
                await trio.lowlevel.checkpoint()
            impatient.cancel_scope.cancel()
        carrier.api.faults = TransportFaults()
        assert (await carrier.client.get(PATH)).status_code == 200


async def test_it_stops_at_once(make_world: MakeWorld) -> None:
    """Neither a slow answer nor a client that does not read holds it up."""
    world = make_world(events=50_000)
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            api = create_app(world)
            port = await nursery.start(serve, api)
            deaf = await trio.open_tcp_stream("127.0.0.1", port)
            waiting = await trio.open_tcp_stream("127.0.0.1", port)
            async with deaf, waiting:
                await deaf.send_all(request(limit=50_000))
                assert await deaf.receive_some(1)
                api.faults = TransportFaults(latency=3_600)
                await waiting.send_all(request(limit=1))
                while not api.stats.in_flight:
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()


def request(limit: int) -> bytes:
    return f"GET {PATH}?Limit={limit} HTTP/1.1\r\nHost: carrier\r\n\r\n".encode()


async def test_a_port_of_choice(make_world: MakeWorld) -> None:
    """The port that is given is the port that is reported, and one that is taken is refused."""
    async with running(make_world()) as carrier:
        with pytest.raises(OSError, match=r"in use"):
            await serve(create_app(make_world()), "127.0.0.1", carrier.port)
    async with trio.open_nursery() as nursery:
        again = await nursery.start(serve, create_app(make_world()), "127.0.0.1", carrier.port)
        assert again == carrier.port
        nursery.cancel_scope.cancel()


async def test_a_name_with_two_addresses_has_one_free_port(make_world: MakeWorld) -> None:
    """Whatever localhost resolves to, the reported port answers."""
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve, create_app(make_world()), "localhost", 0)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://localhost:{port}{PATH}")).status_code == 200
        nursery.cancel_scope.cancel()
