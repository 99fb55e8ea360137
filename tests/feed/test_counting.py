"""Every request and every byte is told, however it ends."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from trio.testing import MockClock

from scand.feed.http import HttpFeed
from scand.ports import (
    Answered,
    Failed,
    NotFound,
    NothingNew,
    Outcome,
    Refused,
    Request,
    Throttled,
    TooLarge,
)
from scand.records import Answer, BodyRead, RequestEnded
from tests.feed.conftest import Carrier
from tests.support.following import page, reader_of
from tests.support.parts import Recorder, ScriptedFeed

PAGE = b'{"ScanEvents": []}' + b" " * 1000
PACKED = gzip.compress(PAGE)


@pytest.mark.parametrize(
    ("answer", "received", "decompressed"),
    [
        ({"body": PAGE}, len(PAGE), len(PAGE)),
        ({"body": PACKED, "content_encoding": "gzip"}, len(PACKED), len(PAGE)),
        ({"body": PACKED[:-9], "content_encoding": "gzip"}, len(PACKED) - 9, None),
        ({"status": "500 Internal Server Error", "body": b"sorry"}, 5, 5),
    ],
)
async def test_bytes_are_counted(
    open_feed: Callable[..., HttpFeed],
    carrier: Carrier,
    answer: dict[str, Any],
    received: int,
    decompressed: int | None,
) -> None:
    """On the wire and unpacked, of pages, damaged ones, and what is only quoted."""
    recorder = Recorder()
    carrier.answers(**answer)
    await open_feed(observer=recorder).ask(Request(1, 100))
    (record,) = recorder.of(BodyRead)
    assert record.received == received
    assert decompressed in {None, record.decompressed}


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        (page(1, 2), Answer.PAGE),
        (NothingNew(), Answer.NOTHING_NEW),
        (NotFound("HTTP 404"), Answer.NOTHING_NEW),
        (TooLarge("too large"), Answer.TOO_LARGE),
        (Throttled("HTTP 429", 1.0), Answer.THROTTLED),
        (Refused("HTTP 401"), Answer.REFUSED),
        (Failed("HTTP 500"), Answer.FAILED),
        (Answered(b"<html>"), Answer.FAILED),
    ],
)
async def test_requests_are_counted(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being asked for
    outcome: Outcome,
    answer: Answer,
) -> None:
    """Each attempt by how it ended, and then the one that brought a page."""
    recorder = Recorder()
    reader = reader_of(ScriptedFeed(outcome, page(3)), recorder)
    await reader.read(Request(1, 10), may_be_idle=True)
    assert recorder.of(RequestEnded)[0].answer == answer


async def test_a_wrong_address_is_no_idle_feed(
    autojump_clock: MockClock,  # noqa: ARG001 - as above
) -> None:
    """A 404 counts as one where it cannot mean that there is nothing new."""
    recorder = Recorder()
    reader = reader_of(ScriptedFeed(NotFound("HTTP 404"), page(3)), recorder)
    await reader.read(Request(1, 10), may_be_idle=False)
    assert [each.answer for each in recorder.of(RequestEnded)] == [Answer.NOT_FOUND, Answer.PAGE]
