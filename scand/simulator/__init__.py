"""The carrier's scan event API with realistic parcels and faults on demand, and the oracle to it.

It imports nothing else of scand: what it expects of a parcel is computed on its own.

    api = create_app(World(WorldPlan(events=1_000)), parse_faults("all").transport)
    port = await nursery.start(serve, api)
"""

from scand.simulator.app import ScanApi, Stats, create_app
from scand.simulator.dialect import Dialect, parse_dialect
from scand.simulator.faults import DataFaults, Faults, TransportFaults, parse_faults
from scand.simulator.oracle import Order, Parcel, json_lines
from scand.simulator.plan import WorldPlan
from scand.simulator.server import serve
from scand.simulator.world import Clock, Page, World

__all__ = [
    "Clock",
    "DataFaults",
    "Dialect",
    "Faults",
    "Order",
    "Page",
    "Parcel",
    "ScanApi",
    "Stats",
    "TransportFaults",
    "World",
    "WorldPlan",
    "create_app",
    "json_lines",
    "parse_dialect",
    "parse_faults",
    "serve",
]
