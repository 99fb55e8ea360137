"""`scand events`: what is in the journal, as text and as JSON lines."""

import json
import time
from typing import Any

import pytest

from scand.core.instant import instant_at
from tests.support.commands import Call, Done, Shop
from tests.support.parts import NOON
from tests.support.scans import scan

COMMITTED = "2021-05-12T12:00:00.0000000Z"


@pytest.fixture
def kept(shop: Shop) -> Shop:
    shop.keep(
        scan(1, 5, "PICKUP", CreatedDateTimeUtc="2021-05-11T10:00:30Z"),
        scan(2, 6, StatusCode="\x1b[31mred\n"),
        scan(3, 5, "DELIVERY", StatusCode="DELIVERED"),
    )
    shop.keep(scan(0 + 4, 5, "PICKUP", CreatedDateTimeUtc="2021-05-11T10:00:10Z"))
    return shop


def documents(done: Done) -> list[dict[str, Any]]:
    assert done.status == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def test_as_text(kept: Shop, call: Call) -> None:
    """A line each in commit order, with what it caused; what cannot be printed is escaped."""
    lines = call("events", *kept.options).out.splitlines()
    assert [line.split()[2:] for line in lines[1:]] == [
        ["1", "5", "PICKUP", "picked_up"],
        ["2", "6", r"STATUS/\x1b[31mred\n"],
        ["3", "5", "DELIVERY/DELIVERED", "delivered"],
        ["4", "5", "PICKUP"],
    ]
    assert {line.split()[0] for line in lines[1:]} == {COMMITTED}


def test_as_json(kept: Shop, call: Call) -> None:
    """A line each, as the export prints it, and when it was committed."""
    listed = documents(call("events", "--json", *kept.options))
    exported = documents(call("export", "events", *kept.options))
    assert listed == [each | {"recorded_at": COMMITTED} for each in exported]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--parcel", 5], [1, 3, 4]),
        (["--type", " pickup"], [1, 4]),
        (["--parcel", 5, "--type", "DELIVERY"], [3]),
        (["--limit", 2], [1, 2]),
        (["--latest", 2], [4, 3]),
        (["--latest", 9, "--parcel", 6], [2]),
        (["--since", COMMITTED], [1, 2, 3, 4]),
        (["--since", "2021-05-12T12:00:01Z"], []),
        (["--since", "1s"], []),
    ],
)
def test_what_is_wanted(kept: Shop, call: Call, options: list[object], expected: list[int]) -> None:
    """Filters can be combined; an instant or how long ago says since when."""
    listed = documents(call("events", "--json", *options, *kept.options))
    assert [each["event_id"] for each in listed] == expected


def test_how_long_ago(kept: Shop, call: Call) -> None:
    """A duration counts back from now."""
    hours = int((time.time() - NOON) // 3600)
    for ago, count in ((hours + 1, 4), (hours - 1, 0)):
        listed = documents(call("events", "--json", "--since", f"{ago}h", *kept.options))
        assert len(listed) == count


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--since", "yesterday"], "such as"),
        (["--limit", 1, "--latest", 1], "exclude each other"),
        (["--limit", 0], "--limit"),
        (["--parcel", 0], "--parcel"),
    ],
)
def test_what_is_not_understood(kept: Shop, call: Call, options: list[object], said: str) -> None:
    """The message says what is."""
    done = call("events", *options, *kept.options)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_the_time_line_of_a_parcel(shop: Shop, call: Call) -> None:
    """A milestone that a late event corrected is shown with its old and its new value."""
    shop.keep(scan(9, 5, "PICKUP", CreatedDateTimeUtc=instant_at(NOON)))
    shop.keep(scan(3, 5, "PICKUP", CreatedDateTimeUtc=instant_at(NOON - 60)))
    old, new = "2021-05-12T12:00:00.0000000Z", "2021-05-12T11:59:00.0000000Z"
    note = f"picked_up corrected: {old} -> {new}"
    lines = call("parcel", 5, *shop.options).out.splitlines()
    assert lines[1].split() == ["picked", "up", new]
    assert [line.split()[:2] for line in lines[-2:]] == [[new, "3"], [old, "9"]]
    assert note in lines[-2]
    assert note in call("events", "--latest", 1, *shop.options).out
    history = json.loads(call("parcel", 5, "--json", *shop.options).out)["history"]
    assert [(each["milestone"], each["corrects"]) for each in history] == [
        ("picked_up", None),
        ("picked_up", old),
    ]
