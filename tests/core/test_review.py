"""Events looked at again, by the rules in force now."""

import json

import msgspec
import pytest

from scand.core.catalogue import Catalogue
from scand.core.dead_letters import State
from scand.core.event import Reason, Rejected, ScanEvent
from scand.core.judge import Judge
from scand.core.review import Selection, refuse, review
from tests.support.parts import NOON
from tests.support.scans import DECODER, scan

STRICT = Judge(Catalogue.of(strict=True))


def raw(**fields: object) -> bytes:
    return json.dumps(scan(7, 5) | fields).encode()


def test_each_on_its_own() -> None:
    """What is fine comes back as an event, everything else with its reason and its bytes."""
    raws = [raw(), raw(ParcelId="?"), raw(Type="RETURN"), b"{"]
    good, malformed, unknown, garbage = review(DECODER, STRICT, raws, NOON)
    assert isinstance(good, ScanEvent)
    for each, reason, served in (
        (malformed, Reason.INVALID_PARCEL_ID, raws[1]),
        (unknown, Reason.NOT_IN_CATALOGUE, raws[2]),
        (garbage, Reason.NOT_JSON, raws[3]),
    ):
        assert isinstance(each, Rejected)
        assert (each.reason, each.raw) == (reason, served)


def test_the_rules_of_now() -> None:
    """What a catalogue turned away, an extended one accepts."""
    extended = Judge(Catalogue.of(["RETURN"], strict=True))
    (event,) = review(DECODER, extended, [raw(Type="RETURN")], NOON)
    assert isinstance(event, ScanEvent)


def test_the_time_of_now() -> None:
    """What was too far in the future is judged by the time at which it is looked at again."""
    judge = Judge(Catalogue.of(), max_future=60.0, future_is_fatal=True)
    served = raw(CreatedDateTimeUtc="2021-05-12T13:00:00Z")
    (early,), (later,) = (
        review(DECODER, judge, [served], NOON),
        review(DECODER, judge, [served], NOON + 3600),
    )
    assert isinstance(early, Rejected)
    assert early.reason is Reason.FAR_FUTURE
    assert isinstance(later, ScanEvent)


def test_what_is_known_to_fail() -> None:
    """It fails with what is known."""
    (failed,) = refuse("no room", [raw()], NOON)
    assert isinstance(failed, Rejected)
    assert (failed.reason, failed.detail) == (Reason.PROCESSING_FAILED, "no room")


@pytest.mark.parametrize(
    "wrong",
    [
        {"ids": [0.5]},
        {"ids": [2**63]},
        {"reason": "bad"},
        {"state": "shut"},
        {"parcel": -1},
        {"since": "yesterday"},
        {"since": 1e300},
        {"colour": "red"},
        [],
    ],
)
def test_what_is_no_selection(wrong: object) -> None:
    """It is refused before anything is looked for."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Selection)


def test_a_selection_is_plain_data() -> None:
    """It goes over the daemon's socket and comes back the same."""
    selection = Selection(ids=(1, 2), state=State.OPEN, reason=Reason.CONFLICT, since=1.5, after=3)
    assert msgspec.convert(msgspec.to_builtins(selection), Selection) == selection
