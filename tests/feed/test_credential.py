"""The token file, from the request's side: what is sent, and what is said when nothing can be."""

# ruff: noqa: ASYNC240 - a test may wait for the disk

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from scand.ports import Answered, Refused, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Carrier

    from scand.feed.http import HttpFeed

    OpenFeed = Callable[..., HttpFeed]

REQUEST = Request(from_id=1, limit=100)
PAGE = b"{}"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    return tmp_path / "token"


@pytest.fixture
def unreadable(token_file: Path) -> None:
    token_file.write_text("hunter2")
    token_file.chmod(0)


@pytest.fixture
def feed(open_feed: OpenFeed, token_file: Path) -> HttpFeed:
    return open_feed(token_file=token_file)


def bearer(carrier: Carrier) -> str:
    """Return the token of the last request."""
    lines = carrier.requests[-1].split("\r\n")
    sent = [line for line in lines if line.lower().startswith("authorization:")]
    assert len(sent) == 1
    return sent[0].partition(": ")[2].removeprefix("Bearer ")


async def test_the_token_is_sent(feed: HttpFeed, carrier: Carrier, token_file: Path) -> None:
    """The token is sent without the space around it."""
    token_file.write_text(" s3cret/token==\r\n\n")
    carrier.answers(body=PAGE)
    assert await feed.ask(REQUEST) == Answered(PAGE)
    assert bearer(carrier) == "s3cret/token=="


async def test_the_token_wins_over_the_address(
    open_feed: OpenFeed, carrier: Carrier, token_file: Path
) -> None:
    """Where the address has a user and password too, it is the token that is sent."""
    token_file.write_text("s3cret")
    carrier.answers(body=PAGE)
    await open_feed(url=carrier.url.replace("//", "//u:p@"), token_file=token_file).ask(REQUEST)
    assert bearer(carrier) == "s3cret"


async def test_a_new_token_is_seen(feed: HttpFeed, carrier: Carrier, token_file: Path) -> None:
    """A file that was replaced, or written again, is read before the next request."""
    token_file.write_text("first")
    carrier.answers(body=PAGE)
    await feed.ask(REQUEST)
    replacement = token_file.with_name("new")
    replacement.write_text("other")
    replacement.rename(token_file)
    await feed.ask(REQUEST)
    assert bearer(carrier) == "other"
    token_file.write_text("a longer one")
    await feed.ask(REQUEST)
    assert bearer(carrier) == "a longer one"


async def test_an_unchanged_file_is_not_read(
    feed: HttpFeed, carrier: Carrier, token_file: Path
) -> None:
    """As long as size, time and inode are the same, the token is the known one."""
    write_unnoticed(token_file, "first")
    carrier.answers(body=PAGE)
    await feed.ask(REQUEST)
    write_unnoticed(token_file, "other")
    await feed.ask(REQUEST)
    assert bearer(carrier) == "first"


async def test_after_401_the_file_is_read_again(
    feed: HttpFeed, carrier: Carrier, token_file: Path
) -> None:
    """A token that was not accepted is read anew, even if the file does not look changed."""
    write_unnoticed(token_file, "first")
    carrier.answers("401 Unauthorized", b"token first has expired")
    carrier.answers(body=PAGE)
    outcome = await feed.ask(REQUEST)
    assert isinstance(outcome, Refused)
    assert str(token_file) in outcome.reason
    assert "token *** has expired" in outcome.reason
    write_unnoticed(token_file, "other")
    assert await feed.ask(REQUEST) == Answered(PAGE)
    assert bearer(carrier) == "other"


def write_unnoticed(path: Path, token: str) -> None:
    path.write_text(token)
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \r\n",
        b"hunter2\nsecond line",
        b"hunter2\x00",
        b"hunter2\x1b[31m",
        "hunter2\u20ac".encode(),
        "hunter2\u0430".encode(),
        "\ufeffhunter2".encode(),
        b"hunter2\xff",
        b"hunter2" * 10_000,
    ],
)
async def test_a_file_without_a_token(
    feed: HttpFeed, carrier: Carrier, token_file: Path, content: bytes
) -> None:
    """What cannot be a token is not sent; the operator is told which file, never what is in it."""
    token_file.write_bytes(content)
    outcome = await feed.ask(REQUEST)
    assert isinstance(outcome, Refused)
    assert str(token_file) in outcome.reason
    assert "hunter2" not in outcome.reason
    assert outcome.reason.isprintable()
    assert carrier.requests == []


async def test_a_missing_file_heals(feed: HttpFeed, carrier: Carrier, token_file: Path) -> None:
    """Without the file nothing is asked, and as soon as it is there the feed goes on."""
    outcome = await feed.ask(REQUEST)
    assert isinstance(outcome, Refused)
    assert str(token_file) in outcome.reason
    assert "No such file" in outcome.reason
    token_file.write_text("s3cret")
    carrier.answers(body=PAGE)
    assert await feed.ask(REQUEST) == Answered(PAGE)


async def test_a_file_that_vanishes(feed: HttpFeed, carrier: Carrier, token_file: Path) -> None:
    """A token that was taken away is not used any longer."""
    token_file.write_text("s3cret")
    carrier.answers(body=PAGE)
    await feed.ask(REQUEST)
    token_file.unlink()
    assert isinstance(await feed.ask(REQUEST), Refused)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
async def test_no_regular_file(
    feed: HttpFeed, token_file: Path, make: Callable[[Path], None]
) -> None:
    """A directory or a pipe in the file's place is refused, and stops nothing."""
    make(token_file)
    outcome = await feed.ask(REQUEST)
    assert isinstance(outcome, Refused)
    assert str(token_file) in outcome.reason


@pytest.fixture
def nobody() -> Iterator[None]:
    """The rights of an ordinary user, also where the tests run as root: root may read anything."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    yield
    os.seteuid(was)


@pytest.mark.usefixtures("unreadable", "nobody")
async def test_an_unreadable_file(feed: HttpFeed) -> None:
    """A file without the right to read it is refused in the operating system's words."""
    outcome = await feed.ask(REQUEST)
    assert isinstance(outcome, Refused)
    assert "Permission denied" in outcome.reason
