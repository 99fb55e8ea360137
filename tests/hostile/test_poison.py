"""Pages whose framing one event breaks: that event is found, and everything else is applied."""

from math import log2

import httpx
import pytest

from scand.core.errors import FeedHaltedError
from scand.records import BreakerChanged, FeedBetrayed
from tests.hostile.carrier import RawCarrier, answer, good, page_of
from tests.hostile.conftest import Follow

BREAKS = {
    "a quote too many": b'{"EventId":%d,"ParcelId":1,"Type":"STA"TUS"}',
    "a quote too few": b'{"EventId":%d,"ParcelId":1,"Type":"STATUS}',
    "a brace too few": b'{"EventId":%d,"ParcelId":1,"User":{"RunId":"1"',
    "a brace too many": b'{"EventId":%d,"ParcelId":1}}',
    "the wrong bracket": b'{"EventId":%d,"ParcelId":1]',
}
kinds = pytest.mark.parametrize("kind", BREAKS)


class Exclusive(RawCarrier):
    """Leaves FromEventId out, and says 404 where nothing is new."""

    def page(self, from_id: int, limit: int) -> httpx.Response:
        chosen = self.chosen(from_id + 1, limit)
        return answer(page_of(chosen)) if chosen else answer(b"no", 404)


def elements(count: int, step: int, broken: dict[int, bytes]) -> dict[int, bytes]:
    """Events with ids 1, 1 + step, …; the broken ones are numbered by their place in the feed."""
    ids = [1 + step * number for number in range(count)]
    feed = {event_id: good(event_id) for event_id in ids}
    return feed | {ids[place]: raw % ids[place] for place, raw in broken.items()}


def expected(feed: dict[int, bytes], broken: set[int]) -> set[int]:
    return set(feed) - broken


@kinds
@pytest.mark.parametrize("limit", [1, 2, 7, 100, 1000])
@pytest.mark.parametrize("server", [RawCarrier, Exclusive])
def test_costs_itself(follow: Follow, kind: str, limit: int, server: type[RawCarrier]) -> None:
    """Whatever the Limit, and with ids far apart, in few requests and with the breaker closed."""
    feed = elements(300, 1000, {150: BREAKS[kind]})
    poison = 150_001
    carrier = server(feed)
    said = "exclusive" if server is Exclusive else "auto"
    followed = follow(carrier, limit=limit, **{"from": said})
    assert followed.events.keys() == expected(feed, {poison})
    assert [(reason, event_id) for reason, _, event_id in followed.dead] == [("unreadable", poison)]
    assert feed[poison] in followed.dead[0][1]
    assert len(carrier.asked) <= 300 / limit + 12 * (log2(limit) + log2(1000)) + 30
    assert followed.recorder.of(BreakerChanged) == []


@kinds
@pytest.mark.parametrize("place", [0, 299])
def test_at_either_end_of_the_feed(follow: Follow, kind: str, place: int) -> None:
    """The first event of all, or the newest, is set aside like any other."""
    feed = elements(300, 3, {place: BREAKS[kind]})
    followed = follow(RawCarrier(feed))
    assert followed.events.keys() == expected(feed, {1 + 3 * place})
    assert len(followed.dead) == 1
    assert followed.cursor == 898


def test_several_in_a_page(follow: Follow) -> None:
    """Neighbours too; each has a dead letter of its own."""
    raws = list(BREAKS.values())
    places = {10: raws[0], 50: raws[2], 51: raws[2], 52: raws[4], 99: raws[3]}
    feed = elements(200, 5, places)
    broken = {1 + 5 * place for place in places}
    followed = follow(RawCarrier(feed))
    assert followed.events.keys() == expected(feed, broken)
    assert {event_id for _, _, event_id in followed.dead} == broken


def test_a_body_cut_off_at_a_size_is_asked_for_in_parts(follow: Follow) -> None:
    """A proxy that cuts every body costs no event: smaller pages come through."""

    class Cutting(RawCarrier):
        def page(self, from_id: int, limit: int) -> httpx.Response:
            return answer(page_of(self.chosen(from_id, limit))[:5000])

    feed = elements(300, 1, {})
    followed = follow(Cutting(feed))
    assert followed.events.keys() == set(feed)
    assert followed.dead == []


def test_the_same_from_everywhere_blames_nobody(follow: Follow) -> None:
    """A carrier that only ever says one broken thing makes no dead letter and no progress."""
    carrier = RawCarrier(elements(10, 1, {}))
    carrier.always = lambda _from_id, _limit: answer(b'{"ScanEvents":[{"EventId":1')
    with pytest.raises(FeedHaltedError, match="cannot be read"):
        follow(carrier, max_id_jump=1000)


def test_a_policy_can_forbid_it(follow: Follow) -> None:
    """With on_poison = "halt" the feed waits, and says why."""
    feed = elements(30, 1, {9: BREAKS["a quote too few"]})
    with pytest.raises(FeedHaltedError, match="cannot be read"):
        follow(RawCarrier(feed), on_poison="halt")


def test_it_is_told(follow: Follow) -> None:
    """Once, with what is wrong; the breaker is as it was."""
    followed = follow(RawCarrier(elements(30, 1, {9: BREAKS["a brace too few"]})))
    (told,) = followed.recorder.of(FeedBetrayed)
    assert (told.finding, told.policy) == ("poison", "isolate")
    assert "event 10 breaks" in told.said
