"""Files of another user, full disks, and what is gone."""

import errno
import fcntl
import os
import pwd
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from scand.core.errors import StoreBlockedError
from scand.store.lock import beside, holder, instance_lock
from scand.store.opening import prepare
from scand.store.reading import open_reader
from tests.store.pages import FEED
from tests.store.privileges import without_privileges
from tests.store.refusals import refused


@pytest.fixture
def public(path: Path) -> Iterator[Path]:
    """Return a store in a folder of its own that anybody may read, and nobody else write."""
    del path  # its first use has imported what would not be readable
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = folder / "scand.db"
        prepare(store, FEED)
        folder.chmod(0o555)
        store.chmod(0o444)
        yield store
        folder.chmod(0o755)


def test_no_permission(public: Path) -> None:
    """A folder and a file that may not be written are refused in clear words."""
    with without_privileges():
        with refused("Permission denied"), instance_lock(public):
            pass
        with refused(str(public)):
            prepare(public, FEED)
        assert holder(public) is None
        with open_reader(public) as reader:
            assert reader.summary()["cursor"] is None


def test_hidden_folder(public: Path) -> None:
    """A folder that may not be searched is refused, not taken for an empty one."""
    public.parent.chmod(0o000)
    with without_privileges():
        with refused("Permission denied"), open_reader(public):
            pass
        with refused("Permission denied"), instance_lock(public):
            pass
        with refused("cannot be opened"):
            prepare(public, FEED)
        assert holder(public) is None


def test_file_that_may_not_be_read(public: Path) -> None:
    """A file of another user is refused to readers."""
    public.chmod(0o000)
    with without_privileges(), refused("denied to read", "uid 0"), open_reader(public):
        pass


OWNER = f"its owner is {pwd.getpwuid(os.getuid()).pw_name} (uid {os.getuid()})"


@pytest.mark.parametrize(
    ("mode", "log", "said"),
    [(0o000, b"", "read it"), (0o000, b"of before", "read it"), (0o444, b"", "write it")],
)
def test_a_store_of_another_user(public: Path, mode: int, log: bytes, said: str) -> None:
    """What somebody else has put there is refused with whose it is, log or not; it stays."""
    with closing(sqlite3.connect(public)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")  # as a backup has it
    before = public.read_bytes()
    beside(public, "-wal").write_bytes(log)
    public.parent.chmod(0o777)
    public.chmod(mode)
    with (
        without_privileges(),
        refused(f"{public}: Permission denied to {said}", OWNER, f"(uid {os.geteuid()})"),
        instance_lock(public),
    ):
        prepare(public, FEED)
    public.chmod(0o600)
    assert public.read_bytes() == before


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_a_log_of_another_user(public: Path, suffix: str) -> None:
    """What lies beside a store is named where that is what cannot be used."""
    public.parent.chmod(0o777)
    public.chmod(0o666)
    beside(public, suffix).write_bytes(bytes(64))
    beside(public, suffix).chmod(0o000)
    with without_privileges(), refused(f"scand.db{suffix}: Permission denied", OWNER):
        prepare(public, FEED)


def test_no_room_for_the_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That may be over at any time, which the exit status says."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(StoreBlockedError, match="No space left") as caught, instance_lock(path):
        pass
    assert (caught.value.exit_status, caught.value.hint) == (1, "make room, and try again")


def test_a_file_system_without_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that cannot be had is refused, not a crash."""

    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with refused("scand.db.lock: No locks available"), instance_lock(path):
        pass


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ([], "no such file"),
        ([".lock"], "is gone, but it held a store before"),
        (["-wal"], "is gone, but its log"),
        ([".lock", "-wal"], "is gone, but its log"),
    ],
)
def test_a_store_that_is_gone(path: Path, left: Sequence[str], said: str) -> None:
    """Readers say by what lies beside it whether there ever was one."""
    with instance_lock(path):
        prepare(path, FEED)
    beside(path, "-wal").write_bytes(b"log")
    path.unlink()
    for suffix in {".lock", "-wal"}.difference(left):
        beside(path, suffix).unlink()
    with refused(said, str(path)), open_reader(path):
        pass


def test_lock_of_another_user(public: Path) -> None:
    """A lock file that somebody else made is refused with its name; who holds it can be seen."""
    public.parent.chmod(0o777)
    public.chmod(0o666)
    with instance_lock(public):
        beside(public, ".lock").chmod(0o444)
        with without_privileges():
            assert holder(public) == os.getpid()
            with refused("scand.db.lock", "Permission denied"), instance_lock(public):
                pass
