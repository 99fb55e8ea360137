"""One scand at a time, and no store taken for a new one."""

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import scand
from scand.store.lock import beside, holder, instance_lock
from scand.store.opening import prepare
from scand.store.reading import open_reader
from tests.store.pages import FEED, names_in
from tests.store.refusals import refused

HOLDER = """
import sys
from pathlib import Path
from scand.store.lock import instance_lock
with instance_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the store."""
    root = Path(scand.__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(root)},
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        try:
            yield child
        finally:
            child.kill()


def test_second_instance(path: Path) -> None:
    """A second daemon is refused and told the first one's pid; the first is not disturbed."""
    with instance_lock(path):
        for _ in range(3):
            with refused(f"pid {os.getpid()}", str(path)), instance_lock(path):
                pass
            assert holder(path) == os.getpid()
    assert holder(path) is None
    with instance_lock(path):
        assert holder(path) == os.getpid()


def test_second_process(path: Path) -> None:
    """The lock holds between processes, and ends with a process that is killed."""
    with other_process(path) as child:
        assert holder(path) == child.pid
        with refused(f"pid {child.pid}"), instance_lock(path):
            pass
        child.kill()
        child.wait()
        assert holder(path) is None
        with instance_lock(path):
            assert holder(path) == os.getpid()


def test_two_stores(path: Path) -> None:
    """Stores in one folder do not lock each other."""
    with instance_lock(path), instance_lock(path.with_name("other.db")):
        pass


def test_nobody_holds(path: Path) -> None:
    """Asking who holds a store that nobody ever held leaves no lock file."""
    assert holder(path) is None
    assert names_in(path.parent) == {"scand.db"}


def test_strange_lock_file(path: Path) -> None:
    """A lock file with anything in it can be locked, and a reader of it does not stumble."""
    lock_file = beside(path, ".lock")
    lock_file.write_bytes(b"\xff\xfe rubbish that is longer than a pid")
    assert holder(path) is None
    with instance_lock(path):
        assert lock_file.read_text().splitlines()[0] == f"{os.getpid()}"
    lock_file.write_bytes(b"\xff\xfe")
    with lock_file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with refused("in use"), instance_lock(path):
            pass
        assert holder(path) == 0


def test_looking_does_not_refuse(path: Path) -> None:
    """A daemon that starts while somebody looks who holds the store is not refused."""
    with instance_lock(path):
        pass
    with ExitStack() as stack:
        lock = stack.enter_context(beside(path, ".lock").open("rb"))
        fcntl.flock(lock, fcntl.LOCK_SH)
        timer = threading.Timer(0.02, fcntl.flock, [lock, fcntl.LOCK_UN])
        timer.start()
        with instance_lock(path):
            timer.join()
            assert holder(path) == os.getpid()


def test_lock_under_watch(path: Path) -> None:
    """However often others look who holds a store, it can be locked."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.0001):
            holder(path)

    watchers = [threading.Thread(target=look) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(50):
            with instance_lock(path):
                pass
    finally:
        over.set()
        for watcher in watchers:
            watcher.join()


def test_an_emptied_store_is_no_new_one(path: Path) -> None:
    """A file that lost its content is refused, not begun anew; without its lock file it is new."""
    with instance_lock(path):
        prepare(path, FEED)
    path.write_bytes(b"")
    with refused("empty"), instance_lock(path):
        pass
    assert path.read_bytes() == b""
    path.unlink()
    with refused("gone"), instance_lock(path):
        pass
    beside(path, ".lock").unlink()
    with instance_lock(path):
        prepare(path, FEED)


def test_a_start_that_got_no_further_than_an_empty_file_is_repeated(path: Path) -> None:
    """Killed before the store was set up, scand sets it up the next time."""
    path.touch()
    with instance_lock(path):
        prepare(path, FEED)
    with open_reader(path) as reader:
        assert reader.summary()["events"] == 0
