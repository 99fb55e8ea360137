"""Spans, made after the fact from what is known of a page.

scan_page    fetch  decode  process  commit                  a trace of its own
scan_event   fetch ──link──> scan_page                       a trace per event that is traced
             queue  process  commit
"""

from collections.abc import Iterator, Mapping
from random import getrandbits
from typing import Any, NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from scand import __version__
from scand.core.event import ScanEvent
from scand.core.traces import root_span_id
from scand.core.trail import Sighting
from scand.telemetry.traces import Happening, PageTrace

MAX_TEXT = 300
"""Signs kept of what a carrier wrote."""

_SCOPE = InstrumentationScope("scand", __version__)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)

Attributes = Mapping[str, Any]


class _Child(NamedTuple):
    """A part of what a root span covers, between two moments of trio's clock."""

    name: str
    begun: float
    ended: float
    attributes: Attributes | None = None
    links: tuple[Link, ...] = ()


def spans_of(told: PageTrace, resource: Resource) -> Iterator[ReadableSpan]:
    """The page's span and its children, and those of its events that are traced."""
    page = _context(told.page.id.trace, told.page.id.span)
    yield from _Family(page, told.zero, resource).spans(
        "scan_page",
        told.page.trail.begun,
        told.ended,
        _page_attributes(told),
        _page_children(told),
        events=[*told.page.happenings, *told.happenings],
        status=Status(StatusCode.ERROR, told.failure) if told.failure else Status(),
    )
    for sighting in told.passage.sightings if told.passage else ():
        trace_id = sighting.trace_id
        # A second sighting is another root of the same trace: there is one of each id.
        first = sighting.outcome == "applied"
        span_id = int.from_bytes(root_span_id(trace_id)) if first else _new_span_id()
        root = _context(int.from_bytes(trace_id), span_id)
        yield from _Family(root, told.zero, resource).spans(
            "scan_event",
            told.page.trail.asked,
            told.ended,
            _event_attributes(sighting),
            _event_children(told, sighting, page),
        )


class _Family:
    """A root span and its children."""

    def __init__(self, root: SpanContext, zero: int, resource: Resource) -> None:
        self._root, self._zero, self._resource = root, zero, resource

    def spans(
        self,
        name: str,
        begun: float,
        ended: float,
        attributes: Attributes,
        children: Iterator[_Child],
        events: list[Happening] | None = None,
        status: Status | None = None,
    ) -> Iterator[ReadableSpan]:
        """The root first."""
        happened = [
            Event(one.name, _shown(one.attributes), self._at(one.at)) for one in events or ()
        ]
        root = _Child(name, begun, ended, attributes)
        yield self._span(root, self._root, None, happened, status or Status())
        for child in children:
            own = _context(self._root.trace_id, _new_span_id())
            yield self._span(child, own, self._root, [], Status())

    def _span(
        self,
        what: _Child,
        own: SpanContext,
        parent: SpanContext | None,
        events: list[Event],
        status: Status,
    ) -> ReadableSpan:
        return ReadableSpan(
            name=what.name,
            context=own,
            parent=parent,
            resource=self._resource,
            attributes=_shown(what.attributes or {}),
            events=events,
            links=what.links,
            kind=SpanKind.CLIENT if what.name == "fetch" else SpanKind.INTERNAL,
            status=status,
            start_time=self._at(what.begun),
            end_time=self._at(what.ended),
            instrumentation_scope=_SCOPE,
        )

    def _at(self, moment: float) -> int:
        return self._zero + round(moment * 1e9)


def _page_attributes(told: PageTrace) -> Attributes:
    record = told.page.record
    return {
        "scand.asked_from": record.from_id,
        "scand.events": record.events,
        "scand.rejected": record.rejected,
        "scand.reread": record.reread,
        "scand.at_head": record.at_head,
        "scand.new": record.sequence is not None,
        "scand.cursor": record.cursor,
    }


def _page_children(told: PageTrace) -> Iterator[_Child]:
    trail = told.page.trail
    yield _Child("fetch", trail.asked, trail.answered)
    yield _Child("decode", trail.answered, trail.decoded)
    if told.passage and told.passage.work:
        yield _Child("process", *told.passage.work)
    if told.commit:
        yield _Child("commit", *told.commit)


def _event_attributes(sighting: Sighting) -> Attributes:
    event, change = sighting.event, sighting.change
    known: Attributes = {}
    if isinstance(event, ScanEvent):
        known = {
            "scand.type": event.type,
            "scand.status_code": event.status_code,
            "scand.created_at": event.created_at,
        }
    return {
        "scand.event_id": event.event_id,
        "scand.parcel_id": event.parcel_id,
        **known,
        "scand.outcome": sighting.outcome,
        "scand.reason": sighting.reason or None,
        "scand.milestone": change and change.milestone.value,
        "scand.corrects": change.old.created_at if change and change.old else None,
    }


def _event_children(told: PageTrace, sighting: Sighting, page: SpanContext) -> Iterator[_Child]:
    trail, work = told.page.trail, sighting.work
    yield _Child("fetch", trail.asked, trail.decoded, links=(Link(page),))
    if work:
        yield _Child("queue", trail.decoded, work.begun)
        yield _Child("process", *work)
    if told.commit:
        yield _Child("commit", *told.commit)


def _shown(attributes: Attributes) -> dict[str, Any]:
    """Those that are known, and no text without an end."""
    return {
        name: value[:MAX_TEXT] if isinstance(value, str) else value
        for name, value in attributes.items()
        if value is not None
    }


def _context(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED)


def _new_span_id() -> int:
    return getrandbits(64) or 1
