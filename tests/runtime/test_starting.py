"""A start whose store is blocked: it waits, says what for, and ends when it is told to."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest
import trio

from scand.core.errors import StoreBlockedError, StoreError
from scand.feed.pacing import Backoff
from scand.records import Lifecycle, Record, StoreBlocked, StoreFreed
from scand.runtime.notify import Notifier
from scand.runtime.starting import PatientStart
from scand.store.opening import Prepared
from tests.support.notified import Notified, notified

READY = Prepared(None, None)
FULL = StoreBlockedError("no room", "make some")


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Notified]:
    with notified(str(tmp_path / "notify")) as systemd:
        yield systemd


class Starting:
    """A start that is watched; `failures` are what happens to it before it succeeds."""

    def __init__(self, systemd: Notified, *failures: StoreError, wait: float = 0.001) -> None:
        self.records: list[Record] = []
        self.stopping, self.root = trio.Event(), trio.CancelScope()
        self._failures = iter(failures)
        self.start = partial(
            PatientStart(
                Notifier(systemd.address),
                Backoff(wait, wait, Random(1)),
                self.records.append,
                self.stopping,
                self.root,
                "opening a store",
            ),
            self._make_ready,
        )

    def _make_ready(self) -> Prepared:
        for failure in self._failures:
            raise failure
        return READY


async def test_it_waits_for_room(systemd: Notified) -> None:
    """What is blocked is tried again until it succeeds; log and status line say what it is."""
    starting = Starting(systemd, FULL, FULL)
    assert await starting.start() == READY
    kinds = [type(record) for record in starting.records]
    assert kinds == [StoreBlocked, StoreBlocked, StoreFreed]
    told = systemd.messages()
    assert {"STATUS": "waiting: no room; make some"} in told
    extended = [message for message in told if "EXTEND_TIMEOUT_USEC" in message]
    assert extended[0]["STATUS"] == "opening a store"


async def test_what_needs_somebody_is_not_waited_for(systemd: Notified) -> None:
    """A store that stays unusable ends the start."""
    starting = Starting(systemd, FULL, StoreError("damaged"))
    with pytest.RaisesGroup(pytest.RaisesExc(StoreError, match="damaged"), flatten_subgroups=True):
        await starting.start()


async def test_a_stop_does_not_wait_for_room(systemd: Notified) -> None:
    """Asked to stop, it ends well, and what would have come after the start does not."""
    starting = Starting(systemd, FULL, wait=1e9)
    begun = False
    async with trio.open_nursery() as nursery:

        async def daemon() -> None:
            nonlocal begun
            with starting.root:
                await starting.start()
                begun = True

        nursery.start_soon(daemon)
        while not starting.records:
            await trio.lowlevel.checkpoint()
        starting.stopping.set()
    assert starting.root.cancelled_caught
    assert not begun
    assert starting.records[1:] == [Lifecycle("stopped", {"drained": True})]
