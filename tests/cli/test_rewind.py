"""`scand rewind` on a store at rest."""

import json
from typing import Any

import pytest

from tests.support.commands import Call, Shop
from tests.support.scans import scan


@pytest.fixture
def kept(shop: Shop) -> Shop:
    shop.keep(scan(5), scan(7), scan(9))
    return shop


def position(shop: Shop, call: Call) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(call("cursor", "show", "--json", *shop.options).out)
    return document


def test_goes_back(kept: Shop, call: Call) -> None:
    """The event that is named is the first to be read again, and the audit says so."""
    done = call("rewind", "--to", 7, "--yes", *kept.options)
    assert done == (0, "reading again from 7 on (the cursor was 9)\n", "")
    document = position(kept, call)
    ((action, was, now),) = [(row["action"], row["was"], row["now"]) for row in document["audit"]]
    assert (action, was, now) == ("rewind", 9, 6)
    assert (document["cursor"], document["high"]) == (6, 9)


def test_the_last_event_can_be_read_again(kept: Shop, call: Call) -> None:
    """And so can the first of all."""
    assert call("rewind", "--to", 9, "--yes", *kept.options).status == 0
    assert position(kept, call)["cursor"] == 8
    assert call("rewind", "--to", 1, "--yes", *kept.options).status == 0
    assert position(kept, call)["cursor"] == 0


def test_every_time_is_in_the_audit(kept: Shop, call: Call) -> None:
    """Also when the same is done twice, with the feed read again in between."""
    for _ in range(2):
        call("rewind", "--to", 7, "--yes", *kept.options)
        kept.keep(scan(9))
    assert [row["action"] for row in position(kept, call)["audit"]] == ["rewind", "rewind"]


@pytest.mark.parametrize("wrong", [10, 2**63 - 1, -1, 2**63, "first"])
def test_goes_back_only(kept: Shop, call: Call, wrong: object) -> None:
    """What was not read yet cannot be read again, and the message names what goes forward."""
    done = call("rewind", "--yes", *kept.options, "--to", wrong)
    assert done.status == 2
    assert "--to" in done.err
    assert "Traceback" not in done.err
    assert position(kept, call)["cursor"] == 9
    assert position(kept, call)["audit"] == []


def test_a_store_that_has_seen_nothing(kept: Shop, call: Call) -> None:
    """There is nothing to be read again."""
    kept.tamper("UPDATE feed SET cursor = NULL")
    done = call("rewind", "--to", 1, "--yes", *kept.options)
    assert done.status == 2
    assert "nowhere" in done.err


def test_nothing_is_done_unasked(kept: Shop, call: Call) -> None:
    """Without a terminal to answer at, only --yes is a yes."""
    done = call("rewind", "--to", 7, *kept.options)
    assert done.status == 2
    assert "from 7 to 9" in done.err
    assert position(kept, call)["cursor"] == 9
