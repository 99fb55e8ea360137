"""Reloads of a real daemon: by signal and by command, in the middle of work."""

import json
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import pytest
import trio
from starlette.types import Receive, Scope, Send

from scand.simulator import DataFaults, WorldPlan
from tests.support.collector import collecting
from tests.support.processes import PATIENCE, Running, Setup, environment
from tests.support.server import Watched, carrier, served


@pytest.fixture
def api() -> Watched:
    return carrier(WorldPlan(events=50))


def outcomes(daemon: Running) -> list[str]:
    """What the log says of each reload."""
    said = [line.split("reload.")[1].split()[0] for line in daemon.lines if "reload." in line]
    return [each.strip("\x1b[0m") for each in said]


def rewrite(setup: Setup, old: str, new: str) -> None:
    text = setup.path.read_text()
    assert old in text
    setup.path.write_text(text.replace(old, new))


def test_a_signal(tmp_path: Path, api: Watched) -> None:
    """SIGHUP applies the file, with the same process; log and status tell what came of it."""
    with served(api) as url:
        setup = Setup(tmp_path, url)
        setup.add("[logs]\nlevel = 'info'\n")
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            rewrite(setup, "'info'", "'debug'\nformat = 'json'")
            daemon.process.send_signal(signal.SIGHUP)
            daemon.line('"reload.applied"', "logs.level", "logs.format")
            daemon.line('"page.fetched"')
            rewrite(setup, "[admin]", "[processors]\nshards = 7\n[admin]")
            rewrite(setup, "50ms", "60ms")
            daemon.process.send_signal(signal.SIGHUP)
            refused = json.loads(daemon.line('"reload.refused"'))
            assert refused["errors"] == [
                "processors.shards: 4 -> 7 takes a restart: as many processors were started"
            ]
            rewrite(setup, "60ms", "soon")
            daemon.process.send_signal(signal.SIGHUP)
            daemon.line('"reload.invalid"', "feed.poll_interval")
            status = setup.ask("/api/status").json()
            assert status["reload"]["outcome"] == "invalid"
            assert "feed.poll_interval" in status["reload"]["errors"][0]
            assert (status["shards"], status["daemon"]["pid"]) == (4, daemon.pid)
            assert daemon.end(signal.SIGTERM) == 0


def test_the_command(tmp_path: Path, api: Watched) -> None:
    """It says what came of it, key by key, and exits 0, 1 or 2."""
    with served(api) as url:
        setup = Setup(tmp_path, url)
        alone = setup.scand("reload")
        assert (alone.returncode, "no scand runs" in alone.stderr) == (1, True)
        with setup.running("run", env=environment({"SCAND_FEED__LIMIT": "90"})) as daemon:
            daemon.line("feed.caught_up")
            assert "nothing differs" in setup.scand("reload").stdout
            rewrite(setup, '"50ms"', '"60ms"\nlimit = 80')
            done = setup.scand("reload")
            assert (done.returncode, done.stderr) == (0, "")
            assert '  feed.poll_interval: "50ms" -> "60ms"  (live)' in done.stdout
            assert "  feed.limit: unset -> 80  (shadowed: " in done.stdout
            shown = setup.scand("status").stdout
            assert "reload        applied" in shown
            assert "feed.poll_interval; shadowed by the environment: feed.limit" in shown
            rewrite(setup, "[admin]", "[processors]\nshards = 7\n[admin]")
            done = setup.scand("reload", "--json")
            assert (done.returncode, json.loads(done.stdout)["outcome"]) == (1, "refused")
            rewrite(setup, "shards = 7", "shards = 'x'")
            done = setup.scand("reload")
            assert (done.returncode, "processors.shards" in done.stderr) == (2, True)
            assert "Traceback" not in daemon.output + done.stderr
            assert daemon.end(signal.SIGTERM) == 0


def test_what_a_reload_would_do(tmp_path: Path, api: Watched) -> None:
    """Compared with the daemon that runs and its environment, or else with another file."""
    with served(api) as url:
        setup = Setup(tmp_path, url)
        other = tmp_path / "new.toml"
        other.write_text(setup.path.read_text().replace('"50ms"', '"60ms"\nlimit = 80'))

        def check(*options: object) -> Any:
            return setup.scand("check-config", "--diff", other, *options)

        done = check()
        assert f"compared with {setup.path}, for no scand runs on {setup.store}: " in done.stdout
        assert "feed.limit: 100 -> 80  (live)" in done.stdout
        compared_with = json.loads(check("--json").stdout)["compared_with"]
        assert compared_with == f"{setup.path}, for no scand runs on {setup.store}"
        with setup.running("run", env=environment({"SCAND_FEED__LIMIT": "90"})) as daemon:
            daemon.line("feed.caught_up")
            done = check()
            assert done.returncode == 0
            assert "the running scand: a reload would apply this" in done.stdout
            assert "feed.limit: unset -> 80  (shadowed" in done.stdout
            other.write_text(other.read_text() + "[processors]\nshards = 7\n")
            done = check()
            assert done.returncode == 1
            assert "processors.shards: 4 -> 7  (takes a restart: " in done.stdout
            other.write_text(other.read_text() + "[x]\ny = 1\n")
            done = check("--json")
            assert (done.returncode, json.loads(done.stdout)["outcome"]) == (2, "invalid")
            assert setup.status()["reload"] is None
            assert daemon.end(signal.SIGTERM) == 0
        assert check().returncode == 2


HANGS_UP = """
import os, signal, sys
os.kill(os.getpid(), signal.SIGHUP)
sys.path.remove(os.path.dirname(__file__))
del sys.modules["typer"]
import typer
"""
"""A library of the command line's, as one that takes until somebody asks for a reload."""


def test_a_signal_during_the_start(tmp_path: Path, api: Watched) -> None:
    """A reload that is asked for before the daemon runs is done when it does."""
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    (libraries / "typer.py").write_text(HANGS_UP)
    with served(api) as url:
        setup = Setup(tmp_path, url)
        with setup.running("run", env=environment({"PYTHONPATH": str(libraries)})) as daemon:
            daemon.line("reload.unchanged")
            assert daemon.end(signal.SIGTERM) == 0


def test_signals_until_the_end(tmp_path: Path, api: Watched) -> None:
    """A reload that is asked for while the daemon stops does not end it, at no moment."""
    with served(api) as url:
        setup = Setup(tmp_path, url)
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            daemon.process.send_signal(signal.SIGTERM)
            while daemon.process.poll() is None:
                daemon.process.send_signal(signal.SIGHUP)
                with suppress(TimeoutExpired):
                    daemon.process.wait(0.001)
            assert daemon.process.returncode == 0


def test_a_pipe_in_the_place_of_the_file(tmp_path: Path, api: Watched) -> None:
    """A reload finds no file there, the next good one is applied, and the daemon ends when told."""
    with served(api) as url:
        setup = Setup(tmp_path, url)
        text = setup.path.read_text()
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            setup.path.unlink()
            os.mkfifo(setup.path)
            daemon.process.send_signal(signal.SIGHUP)
            daemon.line("reload.invalid", "is not a regular file")
            done = setup.scand("reload")
            assert (done.returncode, "is not a regular file" in done.stderr) == (2, True)
            setup.path.unlink()
            setup.path.write_text(text.replace("50ms", "60ms"))
            assert setup.scand("reload").returncode == 0
            daemon.line("reload.applied", f"uid={os.getuid()}")
            assert daemon.end(signal.SIGTERM) == 0


def test_a_file_that_leads_elsewhere(tmp_path: Path, api: Watched) -> None:
    """Where another store or socket stands in the file, who asks is told why nobody answers."""
    with served(api) as url:
        setup = Setup(tmp_path, url)
        edited = tmp_path / "edited.toml"
        with setup.running("run") as daemon:
            daemon.line("feed.caught_up")
            for section, key, old, new in (
                ("store", "path", setup.store, tmp_path / "other.db"),
                ("admin", "socket", setup.socket, tmp_path / "other.sock"),
            ):
                text = setup.path.read_text()
                changed = text.replace(f'path = "{old}"', f'path = "{new}"')
                changed = changed.replace("[admin]", f'[admin]\nsocket = "{setup.socket}"')
                if key == "socket":
                    changed = text.replace("[admin]", f'[admin]\nsocket = "{new}"')
                edited.write_text(changed)
                done = setup.scand("check-config", "--diff", edited)
                assert (done.returncode, done.stderr) == (1, "")
                assert "compared with the running scand: a reload would be refused" in done.stdout
                assert f"{section}.{key}: " in done.stdout
                setup.path.write_text(changed.replace(f'socket = "{setup.socket}"\n', ""))
                asked = setup.scand("check-config", "--diff", setup.path)
                assert (asked.returncode, asked.stdout) == (1, "")
                assert f"{setup.path} was compared with nothing: " in asked.stderr
                for said in (asked, setup.scand("reload")):
                    assert said.returncode == 1
                    assert f"if {section}.{key} was changed, set it back" in said.stderr
                setup.path.write_text(text)
            assert f"kill -HUP {daemon.pid}" in asked.stderr
            assert setup.scand("reload").returncode == 0
            assert daemon.end(signal.SIGTERM) == 0


class Gated:
    """A carrier that answers nobody before it is told to, request by request."""

    def __init__(self, api: Watched) -> None:
        self._api, self._asked = api, threading.Semaphore(0)
        self._gate = trio.Semaphore(0)
        self._token: trio.lowlevel.TrioToken | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._token = trio.lowlevel.current_trio_token()
        if scope["type"] == "http":
            self._asked.release()
            await self._gate.acquire()
        await self._api(scope, receive, send)

    def wait(self) -> None:
        """Until there is a question that was not waited for yet."""
        assert self._asked.acquire(timeout=PATIENCE)

    def answer(self, count: int = 1) -> None:
        """Answer so many questions, also such as are still to come."""
        for _ in range(count):
            trio.from_thread.run_sync(self._gate.release, trio_token=self._token)


def test_a_hundred_during_a_catch_up(tmp_path: Path) -> None:
    """Each comes while a page is on its way: the state is the truth, nothing is fetched twice."""
    plan = WorldPlan(events=20_000, faults=DataFaults(missing=0.05, duplicates=0.02), history=9e6)
    api = carrier(plan)
    gate = Gated(api)
    with served(gate) as url:
        setup = Setup(tmp_path, url)
        with setup.running("run", "--until-caught-up") as daemon:
            for turn in range(100):
                gate.wait()
                lines = setup.path.read_text().splitlines()
                lines[2] = f'poll_interval = "{turn + 20}ms"\nlimit = {turn + 100}'
                setup.path.write_text("\n".join([*lines[:3], *lines[3 + bool(turn) :]]) + "\n")
                daemon.process.send_signal(signal.SIGHUP)
                daemon.line("reload.applied")
                gate.answer()
            assert 0 < setup.status()["cursor"] < api.api.world.head
            gate.answer(1000)
            assert daemon.end() == 0
        assert "Traceback" not in daemon.output
        assert daemon.output.count("scand.following") == 1
    oracle = api.api.world.oracle()
    assert setup.parcels() == [dict(oracle[number]) for number in sorted(oracle)]
    assert setup.scand("verify").returncode == 0
    assert len(set(api.asked)) >= len(api.asked) - 2  # the head is asked for twice
    assert api.api.stats.events_served <= 20_000 * 1.03 + 200


def test_another_collector(tmp_path: Path) -> None:
    """Traces begin, go elsewhere and end; headers that cannot be read are told as trouble."""
    headers = tmp_path / "headers"
    headers.write_text("Authorization: Bearer hunter2\n")
    api = carrier(WorldPlan(events=None, backlog=50, rate=100.0))
    with served(api) as url, collecting() as first, collecting() as second:
        setup = Setup(tmp_path, url)
        setup.add('[traces]\nendpoint = ""\n')
        with setup.running("run") as daemon:
            daemon.line("scand.following")
            rewrite(setup, '[traces]\nendpoint = ""', f'[traces]\nendpoint = "{first.url}"')
            assert setup.scand("reload").returncode == 0
            first.wait(lambda one: one.named("scan_event"))
            way = f'endpoint = "{second.url}"\nheaders_file = "{headers}"'
            rewrite(setup, f'endpoint = "{first.url}"', way)
            assert setup.scand("reload").returncode == 0
            second.wait(lambda one: one.named("scan_event"))
            assert second.requests[0]["authorization"] == "Bearer hunter2"
            rewrite(setup, f'"{headers}"', f'"{headers}-gone"')
            assert setup.scand("reload").returncode == 0
            daemon.line("traces.not_exported", "headers-gone")
            assert "headers-gone" in setup.status()["daemon"]["traces_trouble"]
            rewrite(setup, f'endpoint = "{second.url}"\nheaders_file = "{headers}-gone"\n', "")
            assert setup.scand("reload").returncode == 0
            assert setup.status()["daemon"]["traces_trouble"] is None
            assert daemon.end(signal.SIGTERM) == 0
        assert not {span.id for span in first.spans} & {span.id for span in second.spans}
        assert "hunter2" not in daemon.output
        assert "Traceback" not in daemon.output


def test_a_changed_token(tmp_path: Path, api: Watched) -> None:
    """A daemon that is refused asks at once after a reload, and the token is nowhere told."""
    token = tmp_path / "token"
    token.write_text("hunter2hunter2\n")
    with served(api) as url:
        setup = Setup(tmp_path, url, f'token_file = "{token}"\n[feed.retry]\nrefused_pause = "1h"')
        token.unlink()
        with setup.running("run") as daemon:
            daemon.line("feed.refused")
            token.write_text("hunter3hunter3\n")
            done = setup.scand("reload")
            assert done.returncode == 0
            daemon.line("feed.caught_up")
            said = daemon.output + done.stdout + json.dumps(setup.status())
            assert daemon.end(signal.SIGTERM) == 0
        assert "hunter" not in said
