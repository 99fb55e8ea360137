"""The breaker against a model that is as plain as the table in its module."""

# ruff: noqa: ARG001 - a test asks for a clock by naming it

from collections import deque
from dataclasses import dataclass, field
from typing import get_args

import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from scand.feed.breaker import CLOSED, HALF_OPEN, OPEN, VERDICTS, Breaker, Verdict
from scand.ports import Outcome

SUCCESS, FAILURE, NEUTRAL = Verdict.SUCCESS, Verdict.FAILURE, Verdict.NEUTRAL


async def one(breaker: Breaker, verdict: Verdict) -> None:
    async with breaker.admission() as permit:
        permit.settle(verdict)


async def opened(failures: int = 2, reset_after: float = 10) -> Breaker:
    breaker = Breaker(failures, reset_after)
    for _ in range(failures):
        await one(breaker, FAILURE)
    assert breaker.state == OPEN
    return breaker


async def half_opened() -> Breaker:
    breaker = await opened()
    await one(breaker, NEUTRAL)
    assert breaker.state == HALF_OPEN
    return breaker


# --- the table ---------------------------------------------------------------


def test_every_outcome_has_a_verdict() -> None:
    """No outcome of a feed is left without a word on the carrier's health."""
    assert set(VERDICTS) == set(get_args(Outcome))


async def test_opens_after_consecutive_failures() -> None:
    """N failures in a row open the circuit, and a success in between starts the count again."""
    breaker = Breaker(3, 10)
    for verdict in (FAILURE, FAILURE, SUCCESS, FAILURE, FAILURE):
        await one(breaker, verdict)
    assert (breaker.state, breaker.consecutive_failures) == (CLOSED, 2)
    await one(breaker, FAILURE)
    assert breaker.state == OPEN


async def test_neutral_neither_counts_nor_clears() -> None:
    """Between two failures, a neutral verdict changes nothing."""
    breaker = Breaker(2, 10)
    for verdict in (FAILURE, NEUTRAL, NEUTRAL):
        await one(breaker, verdict)
    assert (breaker.state, breaker.consecutive_failures) == (CLOSED, 1)
    await one(breaker, FAILURE)
    assert breaker.state == OPEN


async def test_silent_while_open(autojump_clock: MockClock) -> None:
    """No request begins before reset_after has passed; then one does."""
    breaker = await opened(reset_after=10)
    start = trio.current_time()
    assert breaker.reopens_in() == 10
    async with breaker.admission():
        assert trio.current_time() == start + 10
        assert breaker.state == HALF_OPEN
        assert breaker.reopens_in() == 0


async def test_a_successful_probe_closes(autojump_clock: MockClock) -> None:
    """A probe that succeeds closes the circuit and clears the count."""
    breaker = await opened()
    await one(breaker, SUCCESS)
    assert (breaker.state, breaker.consecutive_failures) == (CLOSED, 0)


async def test_a_failed_probe_opens_again(autojump_clock: MockClock) -> None:
    """A probe that fails opens the circuit for the whole time again."""
    breaker = await opened(reset_after=10)
    await one(breaker, FAILURE)
    assert (breaker.state, breaker.reopens_in()) == (OPEN, 10)


async def test_a_throttled_probe_stays_half_open(autojump_clock: MockClock) -> None:
    """A neutral probe neither closes nor opens, and the next probe goes at once."""
    breaker = await half_opened()
    start = trio.current_time()
    await one(breaker, NEUTRAL)
    assert (breaker.state, trio.current_time()) == (HALF_OPEN, start)
    await one(breaker, SUCCESS)
    assert breaker.state == CLOSED


async def test_one_probe_at_a_time(autojump_clock: MockClock) -> None:
    """While a probe is in flight nobody else goes; once it succeeds all go, in order of arrival."""
    breaker = await half_opened()
    order: list[int] = []

    async def ask(number: int) -> None:
        async with breaker.admission():
            order.append(number)

    async with trio.open_nursery() as nursery, breaker.admission() as probe:
        for number in range(5):
            nursery.start_soon(ask, number)
            await wait_all_tasks_blocked()
        await trio.sleep(1000)
        assert order == []
        probe.settle(SUCCESS)
    assert order == [0, 1, 2, 3, 4]


async def test_stale_verdicts_are_ignored(autojump_clock: MockClock) -> None:
    """What was in flight when the circuit opened can neither close it nor open it once more."""
    breaker = Breaker(1, 10)
    async with breaker.admission() as early, breaker.admission() as late:
        await one(breaker, FAILURE)
        early.settle(SUCCESS)
        assert breaker.state == OPEN
        async with breaker.admission() as probe:
            late.settle(FAILURE)
            assert breaker.state == HALF_OPEN
            probe.settle(SUCCESS)
    assert (breaker.state, breaker.consecutive_failures) == (CLOSED, 0)


# --- leaving without a verdict -----------------------------------------------


async def test_cancelled_in_flight_while_closed() -> None:
    """A cancelled request is no failure."""
    breaker = Breaker(1, 10)
    with trio.CancelScope() as scope:
        async with breaker.admission():
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert (breaker.state, breaker.consecutive_failures) == (CLOSED, 0)


async def test_cancelled_while_waiting_for_an_open_circuit(autojump_clock: MockClock) -> None:
    """A cancelled wait ends at once, and the next in line takes its place."""
    breaker = await opened(reset_after=10)
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as first:
            nursery.start_soon(one, breaker, SUCCESS)
            first.deadline = trio.current_time() + 5
            await one(breaker, FAILURE)
        assert first.cancelled_caught
        assert (breaker.state, breaker.reopens_in()) == (OPEN, 5)
    assert breaker.state == CLOSED


async def test_cancelled_probe_frees_its_slot(autojump_clock: MockClock) -> None:
    """A cancelled probe leaves the circuit half-open, and the next waiter becomes the probe."""
    breaker = await half_opened()

    async def probe(cancel_scope: trio.CancelScope) -> None:
        with cancel_scope:
            async with breaker.admission():
                await trio.sleep_forever()

    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(probe, scope)
        await wait_all_tasks_blocked()
        nursery.start_soon(one, breaker, SUCCESS)
        await wait_all_tasks_blocked()
        assert breaker.state == HALF_OPEN
        scope.cancel()
    assert breaker.state == CLOSED


async def test_an_exception_is_neutral_and_passes(autojump_clock: MockClock) -> None:
    """A bug in the request is raised as it is and says nothing about the carrier."""
    breaker = await half_opened()
    with pytest.raises(ZeroDivisionError):
        async with breaker.admission():
            raise ZeroDivisionError
    assert breaker.state == HALF_OPEN
    await one(breaker, SUCCESS)
    assert breaker.state == CLOSED


async def test_a_verdict_counts_even_if_an_exception_follows() -> None:
    """What was settled stays settled when the rest of the work is cancelled."""
    breaker = Breaker(1, 10)

    async def fail_and_crash() -> None:
        async with breaker.admission() as permit:
            permit.settle(FAILURE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_and_crash()
    assert breaker.state == OPEN


async def test_settling_twice_is_a_bug() -> None:
    """One request has one verdict; a second one is refused loudly."""
    breaker = Breaker(2, 10)
    async with breaker.admission() as permit:
        permit.settle(FAILURE)
        with pytest.raises(RuntimeError):
            permit.settle(FAILURE)
    with pytest.raises(RuntimeError):
        permit.settle(FAILURE)
    assert breaker.consecutive_failures == 1


# --- the rest of the interface ------------------------------------------------


async def test_transitions_are_told(autojump_clock: MockClock) -> None:
    """Every transition is told once, when the new state can already be read."""
    told: list[tuple[str, str, str]] = []
    breaker = Breaker(1, 10, lambda old, new: told.append((old, new, breaker.state)))
    for verdict in (FAILURE, FAILURE, NEUTRAL, SUCCESS, SUCCESS):
        await one(breaker, verdict)
    assert told == [
        (CLOSED, OPEN, OPEN),
        (OPEN, HALF_OPEN, HALF_OPEN),
        (HALF_OPEN, OPEN, OPEN),
        (OPEN, HALF_OPEN, HALF_OPEN),
        (HALF_OPEN, CLOSED, CLOSED),
    ]


async def test_a_reload_shortens_a_wait(autojump_clock: MockClock) -> None:
    """A new reset_after holds for those who wait already."""
    breaker = await opened(reset_after=1e6)
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one, breaker, SUCCESS)
        await trio.sleep(3)
        breaker.reconfigure(2, 10)
    assert trio.current_time() == start + 10
    assert breaker.state == CLOSED


async def test_a_reload_lowers_the_threshold() -> None:
    """A new threshold holds with the next failure."""
    breaker = Breaker(5, 10)
    await one(breaker, FAILURE)
    breaker.reconfigure(2, 10)
    assert breaker.state == CLOSED
    await one(breaker, FAILURE)
    assert breaker.state == OPEN


@pytest.mark.parametrize(("failures", "reset_after"), [(0, 1), (-1, 1), (1, -1), (1, float("nan"))])
def test_nonsense_is_refused(failures: int, reset_after: float) -> None:
    """A threshold below one, and a time that is negative or no number, are errors."""
    with pytest.raises(ValueError, match="at least"):
        Breaker(failures, reset_after)


@given(st.floats(0, 1e9), st.floats(1e-9, 1e6))
@example(0.1, 0.2)
@settings(max_examples=30, deadline=None)
def test_rounding_never_traps_a_waiter(start: float, reset_after: float) -> None:
    """Whatever the clock's digits, the wait for a probe ends."""

    async def script() -> None:
        await trio.sleep(start)
        await one(await opened(1, reset_after), SUCCESS)

    trio.run(script, clock=MockClock(autojump_threshold=0))


# --- any sequence of events, against a model ----------------------------------

FAILURES, RESET_AFTER = 3, 10


@dataclass
class Model:
    """The table at the head of the module, for any number of requests by number."""

    now: float = 0
    state: str = CLOSED
    failures: int = 0
    opened_at: float = 0
    epoch: int = 0
    queue: deque[int] = field(default_factory=deque)
    flight: dict[int, int] = field(default_factory=dict)
    probe: int | None = None

    def go(self, state: str) -> None:
        self.state, self.epoch, self.probe = state, self.epoch + 1, None
        self.opened_at = self.now

    def admit(self) -> None:
        while self.queue and self.probe is None:
            if self.state == OPEN:
                if self.now < self.opened_at + RESET_AFTER:
                    return
                self.go(HALF_OPEN)
            number = self.queue.popleft()
            self.flight[number] = self.epoch
            if self.state == HALF_OPEN:
                self.probe = number

    def settle(self, number: int, verdict: Verdict) -> None:
        if self.flight.pop(number) != self.epoch:
            return
        if number == self.probe:
            self.probe = None
        if verdict is SUCCESS:
            self.failures = 0
            if self.state == HALF_OPEN:
                self.go(CLOSED)
        elif verdict is FAILURE:
            self.failures += 1
            if self.state == HALF_OPEN or self.failures >= FAILURES:
                self.go(OPEN)


class Real:
    """The breaker with one task per request, told what to do by number."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.breaker = Breaker(FAILURES, RESET_AFTER)
        self.nursery = nursery
        self.flight: set[int] = set()
        self.scopes: dict[int, trio.CancelScope] = {}
        self.verdicts: dict[int, trio.MemorySendChannel[Verdict]] = {}

    async def request(self, number: int) -> None:
        send, receive = trio.open_memory_channel[Verdict](1)
        self.verdicts[number] = send
        with trio.CancelScope() as self.scopes[number]:
            try:
                async with self.breaker.admission() as permit:
                    self.flight.add(number)
                    permit.settle(await receive.receive())
            finally:
                self.flight.discard(number)


pick = st.integers(0, 100)
steps = st.lists(
    st.one_of(
        st.just(("ask",)),
        st.tuples(st.just("settle"), pick, st.sampled_from(Verdict)),
        st.tuples(st.just("settle"), pick, st.just(FAILURE)),
        st.tuples(st.just("cancel_flight"), pick),
        st.tuples(st.just("cancel_wait"), pick),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 4, 10])),
    ),
    max_size=60,
)


async def follow(script: list[tuple], clock: MockClock) -> None:
    model = Model()
    async with trio.open_nursery() as nursery:
        real = Real(nursery)
        for number, step in enumerate(script):
            match step:
                case ("ask",):
                    model.queue.append(number)
                    nursery.start_soon(real.request, number)
                case ("settle", index, verdict) if model.flight:
                    chosen = sorted(model.flight)[index % len(model.flight)]
                    model.settle(chosen, verdict)
                    real.verdicts[chosen].send_nowait(verdict)
                case ("cancel_flight", index) if model.flight:
                    chosen = sorted(model.flight)[index % len(model.flight)]
                    model.settle(chosen, NEUTRAL)
                    real.scopes[chosen].cancel()
                case ("cancel_wait", index) if model.queue:
                    chosen = model.queue[index % len(model.queue)]
                    model.queue.remove(chosen)
                    real.scopes[chosen].cancel()
                case ("wait", seconds):
                    model.now += seconds
                    clock.jump(seconds)
            model.admit()
            await wait_all_tasks_blocked()
            assert real.flight == set(model.flight)
            assert real.breaker.state == model.state
            assert real.breaker.consecutive_failures == model.failures
        nursery.cancel_scope.cancel()


@given(steps)
@settings(max_examples=150, deadline=None)
def test_the_breaker_is_its_table(script: list[tuple]) -> None:
    """Whatever happens in whatever order, state, count and who may go are as the table says."""
    clock = MockClock()
    trio.run(follow, script, clock, clock=clock)
