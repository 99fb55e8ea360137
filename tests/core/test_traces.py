"""The ids of traces, and who is traced."""

import re

from scand.core.event import Reason, Rejected
from scand.core.traces import Sampler, Traced, root_span_id, traceparent
from tests.support.scans import event_of

SALT = bytes(range(16))


def events(count: int) -> list[object]:
    return [event_of(number) for number in range(1, count + 1)]


def chosen(sampler: Sampler, count: int, now: float) -> int:
    """How many of so many events are traced."""
    return len(sampler.choose(events(count), now).events)  # type: ignore[arg-type]


def test_an_event_has_one_trace_wherever_it_is_met() -> None:
    """The id follows from the store's salt and the EventId, and from nothing else."""
    once, again = Traced(SALT), Traced(SALT, frozenset({7}))
    other = Traced(SALT[::-1])
    assert once.trace_id(7) == again.trace_id(7)
    assert len({once.trace_id(7), once.trace_id(8), other.trace_id(7), once.trace_id("x")}) == 4
    assert len(once.trace_id(7)) == 16


def test_a_dead_letter_is_in_the_trace_of_its_event() -> None:
    """So it is still when the event is applied; without an EventId its bytes are what it is."""
    traced = Traced(SALT)
    assert traced.trace_id_of(Rejected(Reason.CONFLICT, "", b"x", 7)) == traced.trace_id(7)
    one, other = (Rejected(Reason.NOT_JSON, "", raw) for raw in (b"x", b"y"))
    assert traced.trace_id_of(one) == traced.trace_id_of(one) != traced.trace_id_of(other)


def test_whoever_receives_an_event_goes_on_from_its_root() -> None:
    """The form is that of W3C Trace Context, level 1."""
    trace = Traced(SALT).trace_id(7)
    header = traceparent(trace)
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", header)
    assert header.split("-")[1:3] == [trace.hex(), root_span_id(trace).hex()]


def test_a_usual_rate_is_traced_whole() -> None:
    """What comes at the rate that is allowed is traced, to the last event."""
    sampler = Sampler(SALT, 100.0, 4.0)
    assert [chosen(sampler, 100, second) for second in range(2, 60)] == [100] * 58


def test_more_is_traced_in_part() -> None:
    """What is allowed in bursts is used up once; from then on it is the rate."""
    sampler = Sampler(SALT, 100.0, 4.0)
    moments = [1000 + tenth / 10 for tenth in range(101)]
    assert sum(chosen(sampler, 500, moment) for moment in moments) == 400 + 10 * 100


def test_the_first_of_a_page_are_chosen() -> None:
    """No event is looked at to decide."""
    traced = Sampler(SALT, 1.0, 2.0).choose(events(5), 100.0)  # type: ignore[arg-type]
    assert traced.events == {1, 2}


def test_all_or_nobody() -> None:
    """Without a limit everything is traced; with 0, nothing but what always is."""
    assert chosen(Sampler(SALT, None, 1.0), 5000, 0.0) == 5000
    assert chosen(Sampler(SALT, 0.0, 1.0), 5000, 1e6) == 0
