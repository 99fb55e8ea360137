"""Whether a stage gets on, as the watchdog sees it."""

from contextlib import suppress

from scand.core.pulse import Pulse, Vigil

NOW = 1000.0


def looks(pulse: Pulse, times: int, after: int = 3, now: float = NOW) -> list[str]:
    """What the last of so many looks finds, of a vigil that waits for `after` in a row."""
    vigil, found = Vigil(after), list[str]()
    for _ in range(times):
        found = vigil.stalled([pulse], now)
    return found


def test_at_rest_without_work_is_in_order() -> None:
    """A stage for which nothing is queued may rest for ever."""
    assert looks(Pulse("writer"), times=100) == []


def test_at_rest_with_work_is_not() -> None:
    """A stage that does not take what is queued for it is stalled, until it has nothing queued."""
    pulse = Pulse("writer")
    with pulse.fed(lambda: 1):
        assert looks(pulse, times=3) == []
        assert looks(pulse, times=4) == ["writer (at rest)"]
    assert looks(pulse, times=4) == []


def test_work_that_lasts_is_not() -> None:
    """One turn that does not end is a stall, however little is queued."""
    pulse = Pulse("writer")
    with pulse.working():
        assert looks(pulse, times=4) == ["writer (at work)"]


def test_turns_are_progress() -> None:
    """A stage that is seen at work every time, but at another turn, gets on."""
    pulse, vigil = Pulse("writer"), Vigil(1)
    for _ in range(10):
        with pulse.working():
            assert vigil.stalled([pulse], NOW) == []


def test_a_wait_is_excused_until_the_moment_it_named() -> None:
    """A wait with a name is in order, and overdue afterwards."""
    pulse = Pulse("fetcher")
    with pulse.waiting("the next try", until=NOW):
        assert looks(pulse, times=4, now=NOW) == []
        assert looks(pulse, times=4, now=NOW + 1) == ["fetcher (waiting for the next try)"]


def test_the_state_before_comes_back() -> None:
    """Inside a turn of work there may be waits; also when what is waited for fails."""
    pulse = Pulse("fetcher")
    with pulse.working():
        with pulse.waiting("the carrier"):
            assert looks(pulse, times=4) == []
        with suppress(ValueError), pulse.waiting("the next try"):
            raise ValueError
        assert looks(pulse, times=4) == ["fetcher (at work)"]
    assert looks(pulse, times=4) == []


def test_only_the_stalled_are_named() -> None:
    """Stages are judged one by one, and what stalled may recover."""
    good, bad, vigil = Pulse("router"), Pulse("writer"), Vigil(1)
    with bad.working():
        vigil.stalled([good, bad], NOW)
        assert vigil.stalled([good, bad], NOW) == ["writer (at work)"]
    assert vigil.stalled([good, bad], NOW) == []
