"""The scan event API as an ASGI app, with a door for whoever tests against it.

GET  /v1/scans/scanevents?FromEventId=1&Limit=100   the carrier's
GET  /oracle?order=event_id                         what every parcel must look like; where ids
                                                    are opaque, the order is created_at
GET  /stats                                         what was asked and answered
POST /faults                                        faults on the way from now on, as text
POST /stop                                          no new events; what is late is visible
POST /repair                                        malformed events are served whole
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any, cast, get_args

import trio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from scand.simulator.answers import STRIKES, Struck, draw, whole_page
from scand.simulator.dialect import EventId
from scand.simulator.faults import TransportFaults, parse_faults
from scand.simulator.oracle import Order, json_lines
from scand.simulator.world import Page, UnknownIdError, World

EVENTS_PATH = "/v1/scans/scanevents"
MAX_INT64 = 2**63 - 1
OK = 200


@dataclass(slots=True)
class Stats:
    """What was asked of the events' path, and what left it whole."""

    requests: int = 0
    pages: int = 0  # answered in full
    events_served: int = 0  # in those pages, an event as often as it was served
    distinct_ids: set[EventId] = field(default_factory=set)
    faults: Counter[str] = field(default_factory=Counter)  # on the way, by kind
    first_from_id: EventId | None = None
    last_request: tuple[EventId, int] | None = None  # FromEventId and Limit
    in_flight: int = 0
    peak_in_flight: int = 0

    def asked(self, from_id: EventId, limit: int) -> None:
        if self.first_from_id is None:
            self.first_from_id = from_id
        self.last_request = (from_id, limit)

    def served(self, page: Page) -> None:
        self.pages += 1
        self.events_served += page.events
        self.distinct_ids.update(page.ids)


class BadParameterError(ValueError):
    """The client's fault: 400."""


class ScanApi:
    """An ASGI app. `world`, `stats` and `faults` are open to whoever runs it in process."""

    def __init__(self, world: World, faults: TransportFaults) -> None:
        self.world = world
        self.faults = faults
        self.stats = Stats()
        # Its own stream of chance: trouble on the way does not change the world.
        self._dice = Random(f"{world.plan.seed}/transport")  # noqa: S311 - no secret
        # Starlette's Router and not its application: that one answers 500 in place of a drop.
        self._router = Router(
            [
                Route(EVENTS_PATH, self._events),
                Route("/oracle", self._oracle),
                Route("/stats", self._stats),
                Route("/faults", self._set_faults, methods=["POST"]),
                Route("/stop", self._stop, methods=["POST"]),
                Route("/repair", self._repair, methods=["POST"]),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._router(scope, receive, send)

    def statistics(self) -> dict[str, Any]:
        """The document of `GET /stats`."""
        stats = self.stats
        return {
            "requests": stats.requests,
            "pages": stats.pages,
            "events_served": stats.events_served,
            "distinct_ids_served": len(stats.distinct_ids),
            "faults": dict(stats.faults),
            "data_faults": dict(self.world.data_faults),
            "head": self.world.head,
            "events": self.world.events,
            "visible": self.world.visible,
            "settled": self.world.settled,
            "first_from_id": stats.first_from_id,
            "last_request": stats.last_request
            and dict(zip(("from_id", "limit"), stats.last_request, strict=True)),
            "in_flight": stats.in_flight,
            "peak_in_flight": stats.peak_in_flight,
        }

    async def _events(self, request: Request) -> Response:
        stats = self.stats
        stats.requests += 1
        stats.in_flight += 1
        stats.peak_in_flight = max(stats.peak_in_flight, stats.in_flight)
        try:
            return await self._answer(request.query_params)
        finally:
            stats.in_flight -= 1

    async def _answer(self, query: Mapping[str, str]) -> Response:
        try:
            from_id = self._from_id(query)
            limit = _parameter(query, "Limit", 100, least=1)
        except BadParameterError as error:
            return JSONResponse({"error": str(error)}, 400)
        self.stats.asked(from_id, limit)
        await self._delay()
        try:
            page = self.world.page(from_id, min(limit, self.faults.cap or limit))
        except UnknownIdError:
            return JSONResponse({"error": "no such event"}, 404)
        fault = draw(self.faults, self._dice)
        if fault is not None:
            return self._strike(fault, page.body)
        self.stats.served(page)
        head = self.world.plan.dialect.head
        return whole_page(page.body) if page.ids or head == OK else Response(status_code=head)

    def _from_id(self, query: Mapping[str, str]) -> EventId:
        if self.world.plan.dialect.opaque:
            return query.get("FromEventId", "")
        return _parameter(query, "FromEventId", 1, least=0)

    def _strike(self, fault: str, body: bytes) -> Response:
        self.stats.faults[fault] += 1
        wall = self.world.clock.wall()
        return STRIKES[fault](Struck(body, self._dice, self.faults.retry_after, wall))

    async def _delay(self) -> None:
        if self.faults.latency:
            await trio.sleep(self._dice.random() * self.faults.latency)

    async def _oracle(self, request: Request) -> Response:
        usual = "created_at" if self.world.plan.dialect.opaque else "event_id"
        order = request.query_params.get("order", usual)
        if order not in get_args(Order):
            return JSONResponse({"error": "order is event_id or created_at"}, 400)
        return Response(
            json_lines(self.world.oracle(cast("Order", order))), media_type="application/jsonl"
        )

    async def _stats(self, _request: Request) -> Response:
        return JSONResponse(self.statistics())

    async def _set_faults(self, request: Request) -> Response:
        # Data faults are the world's: of a preset only the half on the way applies.
        try:
            self.faults = parse_faults((await request.body()).decode()).transport
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(asdict(self.faults))

    async def _stop(self, _request: Request) -> Response:
        self.world.freeze()
        return JSONResponse(self.statistics())

    async def _repair(self, _request: Request) -> Response:
        self.world.repair()
        return JSONResponse(self.statistics())


def create_app(world: World, faults: TransportFaults | None = None) -> ScanApi:
    """The API over this world. `faults` can be replaced while it runs: `app.faults = …`."""
    return ScanApi(world, faults or TransportFaults())


def _parameter(query: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_INT64))
    if not (digits and least <= int(text) <= MAX_INT64):
        raise BadParameterError(f"{name} is not a whole number from {least} to {MAX_INT64}")
    return int(text)
