"""One store, one carrier, and a daemon that is ended and started again and again."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scand.simulator import Clock, TransportFaults, World, WorldPlan, create_app
from tests.chaos.evidence import left_behind
from tests.chaos.small_disk import SmallDisk
from tests.chaos.witness import Witness
from tests.support.processes import Running, Setup
from tests.support.server import served

DEBUG = '[logs]\nlevel = "debug"\n'


class Lives:
    """The daemon's lives; each has a token of its own, so that the carrier knows who asks."""

    def __init__(
        self, folder: Path, url: str, witness: Witness, text: str, disk: SmallDisk | None
    ) -> None:
        self.witness = witness
        self.token = ""
        self.lived = 0
        self._file = folder / "token"
        settings = f'token_file = "{self._file}"\n{text}'
        store = (disk.path if disk else folder) / "s.db"
        self.setup = Setup(folder, url, settings, poll_interval="2ms", store=store)
        self.setup.prefix = disk.prefix if disk else ()
        self.setup.add(DEBUG)
        self.file = disk.outside / "s.db" if disk else store  # where this process finds it

    @contextmanager
    def begin(self, *options: object) -> Iterator[Running]:
        """One life, until the block ends it."""
        self.lived += 1
        self.token = f"life-{self.lived}"
        self._file.write_text(self.token)
        with self.setup.running("run", *options) as daemon:
            yield daemon

    def assert_goes_on_from(self, cursor: int) -> None:
        """This life asked for nothing beyond what is durable before it had asked from there."""
        asked = self.witness.asked[self.token]
        assert asked[0] <= cursor
        assert next(each for each in asked if each >= cursor) == cursor

    def assert_left_in_order(self) -> int:
        """Nothing that was served is lost or half there. Returns the durable cursor."""
        evidence = left_behind(self.file)
        evidence.assert_never_ahead(set(self.witness.api.stats.distinct_ids))
        return evidence.cursor

    def follow_to_the_end(self) -> None:
        """Run until every event of the carrier is accounted for, then stop."""
        world = self.witness.api.world
        with self.begin() as daemon:
            daemon.line("feed.caught_up")
            while _accounted(self.setup.ask("/api/status").json()) < world.events:
                daemon.line("commit ")
            assert daemon.end(signal.SIGTERM) == 0
        assert "Traceback" not in daemon.output

    def assert_right(self) -> None:
        """On a good day, it goes on to the head, equals the oracle, and agrees with itself."""
        world = self.witness.api.world
        self.witness.api.faults = TransportFaults()
        with self.begin("--until-caught-up") as daemon:
            assert daemon.end() == 0, daemon.output
        oracle = world.oracle()
        assert self.setup.parcels() == [dict(oracle[number]) for number in sorted(oracle)]
        verified = self.setup.scand("verify", "--json")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        malformed = {scan.raw for scan in world._arrived if not scan.valid}
        assert left_behind(self.file).dead_letters == malformed
        assert json.loads(verified.stdout)["events"] == world.events - len(malformed)


def _accounted(status: dict[str, Any]) -> int:
    return int(status["events"]) + int(status["dead_letters"]["open"])


@contextmanager
def lives(
    folder: Path,
    plan: WorldPlan,
    text: str = "",
    transport: TransportFaults | None = None,
    disk: SmallDisk | None = None,
) -> Iterator[Lives]:
    """A carrier of this world, and a daemon that has not lived yet."""
    world = World(plan, Clock(seconds=time.monotonic))
    witness = Witness(create_app(world, transport))
    with served(witness) as url:
        yield Lives(folder, url, witness, text, disk)
