"""Power cuts at any moment: what was acknowledged is there, the rest whole or not at all."""

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scand.core.coverage import Position
from scand.core.event import ScanEvent
from scand.core.ledger import Gap, LedgerChange, Outcome, Settled
from scand.core.parcel import ORDERS
from scand.ports import PageResult
from scand.store.commit import commit
from scand.store.opening import Identity, prepare
from scand.store.place import begin
from scand.store.reading import open_reader
from scand.store.rows import SELECT_EVENTS, event_from_row
from scand.store.transaction import Transaction, _drive, run
from scand.store.verify import verify
from tests.store.pages import FEED, contents, expected_parcels, page
from tests.support.power import Connection, Disk, PowerCut
from tests.support.scans import scan

KEY = ORDERS["event_id"]
TRIALS, CHUNK, CUTS = 100, 10, 5
"""Each trial is a store that loses its power CUTS times before its feed is at an end."""

PAGES = 24
WIDTH = 100
"""Ids a page spans: its cursor tells how many pages came before."""

START = Position(0, anchored=False)

Runs = Callable[[Any, Transaction[Any]], Any]


def feed_of(rng: random.Random) -> list[PageResult]:
    """Pages with all that a commit can meet: late and repeated ids, conflicts, refusals, gaps."""
    served: dict[int, dict[str, Any]] = {}
    pages = []
    for number in range(PAGES):
        low = number * WIDTH + 1
        ids = rng.sample(range(low, low + WIDTH), rng.randint(0, 20))
        if number:
            ids += rng.sample(range(1, low), rng.choice((0, 0, 3)))
        kinds = ("PICKUP", "STATUS", "DELIVERY")
        scans = [scan(one, rng.randint(1, 25), rng.choice(kinds)) for one in ids]
        if served:
            scans += rng.choices(list(served.values()), k=rng.choice((0, 0, 5)))
        served |= {one["EventId"]: one for one in scans}
        if rng.random() < 0.3:
            scans.append(scan(low, ParcelId="?" * rng.choice((1, 9_000))))
        gap = Gap(low, low + 9, float(number))
        before = low - WIDTH
        ledger = LedgerChange(
            [before], [gap], [Settled(Outcome.FILLED, before, before + 9, 1.0, 2.0)]
        )
        pages.append(page(*scans, cursor=low + WIDTH - 1, ledger=ledger, history=1))
    return pages


def truth_of(pages: list[PageResult]) -> tuple[dict[int, ScanEvent], dict[int, int]]:
    """The first content of each id, and how many dead letters there are by id."""
    first: dict[int, ScanEvent] = {}
    letters: Counter[int] = Counter()
    for one in pages:
        letters.update(rejected.event_id or 0 for rejected in one.rejected)
        for event in one.events:
            if first.setdefault(event.event_id, event) != event:
                letters[event.event_id] += 1
    return first, letters


def assert_holds(connection: Any, pages: list[PageResult]) -> None:
    """The store holds what these pages say, by the words of the design, and nothing else."""
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    first, letters = truth_of(pages)
    found = connection.execute(f"{SELECT_EVENTS} ORDER BY seq").fetchall()
    assert [event_from_row(row) for row in found] == list(first.values())
    parcels = connection.execute("SELECT * FROM parcels ORDER BY parcel_id").fetchall()
    assert parcels == expected_parcels(first.values(), "event_id")
    found = connection.execute("SELECT event_id, sum(attempts) FROM dead_letters GROUP BY 1")
    assert dict(found.fetchall()) == letters
    checkpoint = run(connection, begin())
    assert (checkpoint.position or [None])[0] == (pages[-1].position.cursor if pages else None)
    assert checkpoint.gaps == [gap for one in pages[-1:] for gap in one.ledger.put]
    ((settled,),) = connection.execute("SELECT count(*) FROM settled_gaps").fetchall()
    ((history,),) = connection.execute("SELECT missing_history FROM feed").fetchall()
    assert settled == history == len(pages)


class Trial:
    """A store on a disk that loses its power now and then, and the daemon's way with it."""

    def __init__(self, root: Path, seed: int, runs: Runs = run, *pragmas: str) -> None:
        self.rng = random.Random(seed)
        self.path = root / f"{seed}" / "scand.db"
        self.disk = Disk(self.path.parent, self.rng)
        prepare(self.path, FEED)
        self.pages = feed_of(self.rng)
        self.acknowledged = 0
        self.under_way = 0
        self.outcomes: Counter[str] = Counter()
        self._run, self._pragmas = runs, pragmas

    def go_through(self) -> None:
        """Follow the feed to its end, through all the power cuts."""
        for _ in range(CUTS):
            self.disk.cut_after(self.rng.randint(1, 160))
            self._live_until_cut()
            self.disk.cut()
            self._recover()
        with closing(self._open()) as connection:
            self._follow(connection)
            assert_holds(connection, self.pages)
        with open_reader(self.path) as reader:
            assert verify(reader).ok

    def _live_until_cut(self) -> None:
        with suppress(PowerCut), closing(self._open()) as connection:
            self._follow(connection)

    def _open(self) -> Connection:
        connection = self.disk.connect(self.path.name)
        # So that what takes thousands of pages in production happens in these small stores.
        for pragma in (
            f"PRAGMA wal_autocheckpoint = {self.rng.choice((3, 20, 1_000))}",
            f"PRAGMA journal_size_limit = {self.rng.choice((0, 40_000, 67_108_864))}",
            f"PRAGMA cache_size = {self.rng.choice((1, 10, -2_000))}",
            *self._pragmas,
        ):
            connection.execute(pragma)
        return connection

    def _follow(self, connection: Connection) -> None:
        while self.acknowledged < PAGES:
            batch = self.pages[self.acknowledged :][: self.rng.randint(1, 4)]
            self.under_way = len(batch)
            self._run(connection, commit(batch, KEY, 1.0))
            self.acknowledged += self.under_way
            self.under_way = 0

    def _recover(self) -> None:
        if self.rng.random() < 0.5:  # by the SQLite of production, which checkpoints all
            prepare(self.path, FEED)
            with open_reader(self.path) as reader:
                assert verify(reader).ok
        with closing(self.disk.connect(self.path.name)) as connection:
            position = run(connection, begin()).position or START  # type: ignore[arg-type]
            pages = position.cursor // WIDTH
            assert pages in {self.acknowledged, self.acknowledged + self.under_way}
            assert_holds(connection, self.pages[:pages])
            if self.rng.random() < 0.3:
                self.disk.cut()  # before the log was written back
        outcome = "not at all" if pages == self.acknowledged else "whole"
        self.outcomes[outcome if self.under_way else "none was under way"] += 1
        self.acknowledged, self.under_way = pages, 0


@contextmanager
def naming(seed: int) -> Iterator[None]:
    """Say in a failure which seed it was."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"seed {seed}")
        raise


@pytest.mark.parametrize("first", range(0, TRIALS, CHUNK))
def test_power_cuts(tmp_path: Path, first: int) -> None:
    """Through all power cuts a store keeps what it acknowledged, and its feed comes to an end."""
    outcomes: Counter[str] = Counter()
    for seed in range(first, first + CHUNK):
        with naming(seed):
            trial = Trial(tmp_path, seed)
            trial.go_through()
            outcomes += trial.outcomes
    assert outcomes.total() == CHUNK * CUTS
    assert outcomes.keys() >= {"not at all", "whole"}


def statements_apart(connection: sqlite3.Connection, transaction: Transaction[Any]) -> Any:
    """What a commit without a transaction would be."""
    return _drive(connection, transaction)


@pytest.mark.parametrize(
    ("runs", "pragma"),
    [(statements_apart, "PRAGMA synchronous = FULL"), (run, "PRAGMA synchronous = NORMAL")],
)
def test_faults_are_found(tmp_path: Path, runs: Runs, pragma: str) -> None:
    """These trials find a store that commits in parts, and one that syncs too seldom."""
    failed = 0
    for seed in range(CHUNK):
        try:
            Trial(tmp_path, seed, runs, pragma).go_through()
        except AssertionError:
            failed += 1
    assert failed > CHUNK / 2


def prepare_on(disk: Disk, path: Path, identity: Identity = FEED) -> str | None:
    """What `prepare` does, on a disk that can lose power."""
    connect = sqlite3.connect

    def on_disk(file: Path | str, **_: object) -> Any:
        return connect(file) if file == ":memory:" else disk.open(Path(file).name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", on_disk)
        return prepare(path, identity).former_url


def operations_of(root: Path, path: Path, identity: Identity = FEED) -> range:
    """When the power can go while a store is made ready."""
    disk = Disk(root, random.Random(0))
    prepare_on(disk, path, identity)
    return range(1, disk.operations + 1)


def test_cut_at_creation(tmp_path: Path) -> None:
    """Whenever power goes while a store is created, the next start creates it."""
    whole = tmp_path / "whole" / "scand.db"
    moments = operations_of(whole.parent, whole)
    assert len(moments) > 20
    for moment in moments:
        for seed in range(3):
            with naming(seed):
                path = tmp_path / f"{moment}-{seed}" / "scand.db"
                disk = Disk(path.parent, random.Random(seed))
                disk.cut_after(moment)
                with pytest.raises(PowerCut):
                    prepare_on(disk, path)
                disk.cut_after(disk.rng.choice(moments))
                with suppress(PowerCut):
                    prepare_on(disk, path)
                disk.cut()
                assert prepare_on(disk, path) is None
                assert contents(path) == contents(whole)


def test_cut_at_move(tmp_path: Path) -> None:
    """Whenever power goes while a new url is recorded, the store has the old one or the new."""
    moved = replace(FEED, url="https://elsewhere.test/scans")
    path = tmp_path / "scand.db"
    prepare(path, FEED)
    urls = set()
    for moment in operations_of(tmp_path, path, moved):
        for seed in range(5):
            prepare(path, FEED)
            disk = Disk(tmp_path, random.Random(seed))
            disk.cut_after(moment)
            with naming(seed), pytest.raises(PowerCut):
                prepare_on(disk, path, moved)
            urls.add(prepare(path, moved).former_url)
    assert urls == {FEED.url, None}
