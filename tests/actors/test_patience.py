# ruff: noqa: ARG001 - autojump_clock works by being asked for
"""Waiting for a store that is blocked."""

from collections.abc import Sequence
from random import Random

import pytest
import trio
from trio.testing import MockClock

from scand.actors.patience import PatientStore
from scand.core.errors import StoreBlockedError, StoreError
from scand.feed.pacing import Backoff
from scand.ports import Checkpoint, PageResult, Receipt
from scand.records import StoreBlocked, StoreFreed
from tests.support.parts import Recorder


class FullDisk:
    """Takes nothing before it is `free`."""

    def __init__(self, free: float) -> None:
        self.free, self.tries = free, 0

    def _use(self) -> None:
        self.tries += 1
        if trio.current_time() < self.free:
            raise StoreBlockedError("s.db cannot grow: the disk is full", "make room")

    async def begin(self) -> Checkpoint:
        self._use()
        return Checkpoint(None, [])

    async def commit(self, pages: Sequence[PageResult]) -> Receipt:
        self._use()
        return Receipt(applied=len(pages))


def patient(store: FullDisk, recorder: Recorder) -> PatientStore:
    return PatientStore(store, Backoff(0.5, 10.0, Random(1)), recorder)


async def test_a_full_disk_is_waited_for(autojump_clock: MockClock) -> None:
    """The commit is tried until there is room, ever more rarely; both ends are told."""
    store, recorder = FullDisk(free=300.0), Recorder()
    receipt = await patient(store, recorder).commit([])
    blocked = recorder.of(StoreBlocked)
    (freed,) = recorder.of(StoreFreed)
    assert receipt == Receipt()
    assert "the disk is full" in blocked[0].reason
    assert [one.attempt for one in blocked] == list(range(1, len(blocked) + 1))
    assert len(blocked) == store.tries - 1 < 120
    assert max(one.wait for one in blocked) <= 10.0
    assert freed.seconds >= 300.0


async def test_the_next_trouble_is_tried_soon(autojump_clock: MockClock) -> None:
    """The back-off begins anew after a success, and a start waits as a commit does."""
    store, recorder = FullDisk(free=100.0), Recorder()
    waiting = patient(store, recorder)
    await waiting.begin()
    store.free = trio.current_time() + 1.0
    await waiting.commit([])
    restarted = [one for one in recorder.of(StoreBlocked) if one.attempt == 1]
    assert len(restarted) == 2
    assert restarted[1].wait <= 0.5


async def test_what_will_not_pass_is_not_waited_for() -> None:
    """A store that is gone stays an error."""

    class Gone(FullDisk):
        def _use(self) -> None:
            raise StoreError("deleted")

    with pytest.raises(StoreError):
        await patient(Gone(0.0), Recorder()).commit([])


async def test_a_wait_can_be_cancelled(autojump_clock: MockClock) -> None:
    """The end of the drain deadline ends the wait as well."""
    with trio.move_on_after(5.0) as scope:
        await patient(FullDisk(free=1e9), Recorder()).commit([])
    assert scope.cancelled_caught
