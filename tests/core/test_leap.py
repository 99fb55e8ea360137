"""What lies beyond a jump is gathered look by look, where the server shows little of it at once."""

from math import inf

from scand.core.event import MAX_ID
from scand.core.leap import LOOK_AGAIN, Leap


def at_a_jump(*ids: int) -> Leap:
    leap = Leap()
    leap.polled(ids, full=True)
    return leap


def test_looks_go_on_while_they_show_more() -> None:
    """Each from the last id known; then they wait, and what was seen stays known."""
    leap = at_a_jump(1000)
    assert (leap.last, leap.next_look, leap.hides_more) == (1000, -inf, True)
    leap.looked([1001, 1002], 5.0)
    assert (len(leap), leap.last, leap.next_look) == (3, 1002, 5.0)
    leap.looked([], 6.0)
    assert (leap.next_look, leap.hides_more) == (6.0 + LOOK_AGAIN, False)
    leap.polled([1000], full=True)
    assert (len(leap), leap.next_look, leap.hides_more) == (3, 6.0 + LOOK_AGAIN, False)


def test_a_page_without_room_says_nothing() -> None:
    """Of one event, the cursor's, when that had to be proven: the jump is there all the same."""
    leap = at_a_jump(1000)
    leap.looked([1001], 5.0)
    leap.polled([], full=True)
    assert len(leap) == 2
    leap.polled([], full=False)
    assert (len(leap), leap.next_look) == (0, inf)


def test_another_jump_begins_anew() -> None:
    """As it does when the cursor has gone on; and behind the greatest id there is nothing."""
    leap = at_a_jump(1000)
    leap.looked([1001], 5.0)
    leap.polled([5000], full=True)
    assert (len(leap), leap.next_look) == (1, -inf)
    leap.settle()
    assert (len(leap), leap.last, leap.hides_more) == (0, 0, False)
    assert at_a_jump(MAX_ID).next_look == inf
