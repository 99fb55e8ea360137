"""What is done to the files of a store while it is open."""

import filecmp
import shutil
from pathlib import Path

import pytest

from scand.core.errors import StaleStoreError, StoreError
from scand.store.backup import back_up
from scand.store.lock import beside, instance_lock
from scand.store.reading import open_reader
from scand.store.sqlite import open_store
from tests.store.pages import many, page


async def test_a_log_that_is_deleted_under_the_daemon(path: Path) -> None:
    """Neither it nor a reader takes that for a failing disk, and at its end nothing is lost."""
    async with open_store(path, "event_id") as store:
        await store.commit([page(*many(1, 20))])
        beside(path, "-wal").unlink()
        with pytest.raises(StaleStoreError, match="-wal was deleted"):
            await store.commit([page(*many(21, 20))])
        with pytest.raises(StoreError, match="-wal was deleted"), open_reader(path) as reader:
            reader.summary()
    with open_reader(path) as reader:
        assert reader.summary()["events"] == 20


async def test_a_backup_copied_over_a_store_in_use(path: Path, tmp_path: Path) -> None:
    """It is not written to, and the next start says what is left to do."""
    async with open_store(path, "event_id") as store:
        await store.commit([page(*many(1, 20))])
        back_up(path, tmp_path / "copy")
        await store.commit([page(*many(21, 20))])
        shutil.copyfile(tmp_path / "copy", path)
        with pytest.raises(StoreError, match="was overwritten") as caught:
            await store.commit([page(*many(41, 20))])
    assert f"remove {path}-wal and {path}-shm" in caught.value.hint
    assert filecmp.cmp(path, tmp_path / "copy", shallow=False)
    with pytest.raises(StoreError, match="belongs to the store that was"), instance_lock(path):
        pass
    for suffix in ("-wal", "-shm"):
        beside(path, suffix).unlink()
    with open_reader(path) as reader:
        assert reader.summary()["events"] == 20
