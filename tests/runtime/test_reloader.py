"""A file that is read again: applied whole, or not at all."""

import os
import shutil
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from scand.config import AtStart, Config, load_file, marks
from scand.live import Live
from scand.records import ReloadBegun, Reloaded
from scand.runtime.reloading import Reloader
from tests.store.privileges import without_privileges
from tests.support.parts import Recorder

URL = "https://carrier.test/scans"
AFTER = {
    "feed.name": '"other"',
    "feed.url": '"https://other.test/scans"',
    "feed.id_kind": '"opaque"\norder = "created_at"',
    "feed.order": '"created_at"',
    "feed.start_from": "7",
    "feed.from": '"inclusive"',
    "processors.shards": "8",
    "store.path": '"/elsewhere/scand.db"',
    "supervisor.intensity": "9",
    "supervisor.period": '"9m"',
    "admin.listen": '"127.0.0.1:9999"',
    "admin.socket": '"/elsewhere/scand.sock"',
    "metrics.listen": '"127.0.0.1:9998"',
}
"""Another value, in TOML, for what takes a restart."""

FIXED = [key for key, mark in marks() if isinstance(mark, AtStart)]


def written(key: str, value: str) -> str:
    section, _, name = key.rpartition(".")
    feed = f'[feed]\nurl = "{URL}"\nlimit = 50\n'
    if section == "feed":
        return feed.replace(f'url = "{URL}"\n', "" if name == "url" else f'url = "{URL}"\n') + (
            f"{name} = {value}\n"
        )
    return f"{feed}[{section}]\n{name} = {value}\n"


class File:
    """A configuration file, and a daemon's settings that came from it."""

    def __init__(self, path: Path) -> None:
        self.path, self.recorder = path, Recorder()
        path.write_text(f'[feed]\nurl = "{URL}"\n')
        loaded = load_file(path)
        self.settings: Live[Config] = Live(loaded.config)
        self.reloader = Reloader(loaded, self.settings)

    async def reload(self, text: str) -> dict[str, Any]:
        """What comes of a reload when the file has this text."""
        self.path.write_text(text)
        document = (await self.reloader.reload(self.recorder)).document()
        assert self.recorder.records[-2] == ReloadBegun()
        assert self.recorder.of(Reloaded)[-1].outcome == document["outcome"]
        return document


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> File:
    for name in [name for name in os.environ if name.startswith("SCAND_")]:
        monkeypatch.delenv(name)
    return File(tmp_path / "scand.toml")


@pytest.mark.parametrize("key", FIXED)
async def test_what_takes_a_restart_is_refused(file: File, key: str) -> None:
    """It is named with its reason, and what could be applied is not applied either."""
    before = file.settings.now
    document = await file.reload(written(key, AFTER.get(key, '"Other.Name"')))
    assert document["outcome"] == "refused"
    changes = {change["key"]: change["at_start"] for change in document["changes"]}
    assert changes[key]
    assert changes["feed.limit"] == ""
    (record,) = file.recorder.of(Reloaded)
    assert any(error.startswith(f"{key}: ") for error in record.errors)
    assert any(changes[key] in error for error in record.errors)
    assert file.settings.now is before


async def test_all_is_applied(file: File) -> None:
    """What differs is told as it was and as it is now, in the words of a configuration."""
    document = await file.reload(
        f'[feed]\nurl = "{URL}"\npoll_interval = "1500ms"\n[feed.retry]\ncap = "2m"\n'
        '[catalogue]\nmode = "strict"\n[store]\nkeep_events = "90d"\n'
    )
    assert document["outcome"] == "applied"
    told = [(each["key"], each["old"], each["new"]) for each in document["changes"]]
    assert told == [
        ("feed.poll_interval", "2s", "1500ms"),
        ("feed.retry.cap", "1m", "2m"),
        ("catalogue.mode", "open", "strict"),
        ("store.keep_events", "forever", "90d"),
    ]
    assert file.settings.now.feed.poll_interval == 1.5
    assert file.settings.now.catalogue.mode == "strict"
    assert (await file.reload(file.path.read_text()))["outcome"] == "unchanged"


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (f'[feed]\nurl = "{URL}"\nlimit = 0\nlimt = 5\n', ["feed.limit: ", "feed.limt: unknown"]),
        ("[feed]\nlimit = 5\n", ["feed.url: required"]),
        ("[feed\n", ["not TOML"]),
    ],
)
async def test_an_invalid_file_changes_nothing(file: File, text: str, errors: list[str]) -> None:
    """All its mistakes are told at once, and the next good file is applied."""
    before = file.settings.now
    document = await file.reload(text)
    assert document["outcome"] == "invalid"
    assert len(document["errors"]) == len(errors)
    for error in errors:
        assert any(error in each for each in document["errors"])
    assert file.settings.now is before
    good = await file.reload(f'[feed]\nurl = "{URL}"\nlimit = 5\n')
    assert (good["outcome"], file.settings.now.feed.limit) == ("applied", 5)


@pytest.mark.parametrize(
    "what", ["gone", "a folder", "not text", "a pipe", "an endless device", "too large"]
)
async def test_an_unreadable_file_changes_nothing(file: File, what: str) -> None:
    """It is no reason to stop."""
    before = file.settings.now
    file.path.unlink()
    if what == "a folder":
        file.path.mkdir()
    if what == "not text":
        file.path.write_bytes(b"\xff\xfe\x00")
    if what == "a pipe":
        os.mkfifo(file.path)
    if what == "an endless device":
        file.path.symlink_to("/dev/zero")
    if what == "too large":
        file.path.write_text("#" * (256 << 10) + "#")
    found = await file.reloader.reload(file.recorder)
    assert found.outcome == "invalid"
    assert str(file.path) in found.errors[0]
    assert file.settings.now is before
    if what == "a folder":
        shutil.rmtree(file.path)


async def test_a_failure_costs_one_reload(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised on the way: the outcome is told, and the next reload is as any other."""

    def fail(_: Path) -> str:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr("scand.runtime.reloading.read", fail)
        found = await file.reloader.reload(file.recorder)
    assert (found.outcome, found.errors) == ("invalid", ["scand fails of it: MemoryError()"])
    assert [type(each) for each in file.recorder.records] == [ReloadBegun, Reloaded]
    assert (await file.reloader.reload(file.recorder)).outcome == "unchanged"


async def test_a_disk_that_does_not_answer(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a reload can be told to end, whatever the disk does."""
    reading, answered = trio.Event(), threading.Event()
    begun = partial(trio.from_thread.run_sync, reading.set)

    def read(_: Path) -> str:
        begun()
        answered.wait()
        return ""

    monkeypatch.setattr("scand.runtime.reloading.read", read)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(file.reloader.serve, file.recorder)
        file.reloader.ask()
        await reading.wait()
        nursery.cancel_scope.cancel()
    answered.set()
    assert file.recorder.records == [ReloadBegun()]


async def test_our_own_file_is_read_with_our_own_rights(file: File) -> None:
    """Whoever asks what a reload would do may read a file that we may not."""
    file.path.chmod(0)
    link = file.path.with_name("link")
    link.symlink_to(file.path)
    real = str(link.resolve())
    text = f'[feed]\nurl = "{URL}"\nlimit = 5\n'
    with without_privileges():
        found = await file.reloader.compare(text, real)
        other = await file.reloader.compare(text, str(file.path.with_name("other.toml")))
    assert (found.outcome, other.outcome) == ("invalid", "applied")
    assert f"{file.path}: Permission denied, for uid" in found.errors[0]


async def test_another_token_file_holds_a_token(file: File) -> None:
    """A feed that goes on is not stopped for a file that has none; and is told which, and why."""
    token, before = file.path.with_name("token"), file.settings.now
    text = f'[feed]\nurl = "{URL}"\ntoken_file = "{token}"\n'
    document = await file.reload(text)
    assert document["outcome"] == "invalid"
    said = f"feed.token_file: token file '{token}': "
    assert document["errors"] == [said + "No such file or directory"]
    assert file.settings.now is before
    token.write_text("")
    assert (await file.reload(text))["errors"] == [said + "is empty"]
    token.write_text("hunter2hunter2")
    assert (await file.reload(text))["outcome"] == "applied"
    token.unlink()  # which is told as a refusal: it is not the reload that does it
    assert (await file.reload(text))["outcome"] == "unchanged"


async def test_what_the_environment_overrides_is_shadowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays as the environment says; that the file changes it is told once."""
    monkeypatch.setenv("SCAND_FEED__LIMIT", "70")
    monkeypatch.setenv("SCAND_FEED__RETRY", '{"cap": "9s"}')
    file = File(tmp_path / "scand.toml")
    text = f'[feed]\nurl = "{URL}"\nlimit = 50\n[feed.retry]\ncap = "2m"\nbase = "1s"\n'
    document = await file.reload(text)
    assert document["outcome"] == "applied"
    assert [each["key"] for each in document["changes"]] == ["feed.retry.base"]
    assert [each["key"] for each in document["shadowed"]] == ["feed.limit", "feed.retry.cap"]
    assert file.recorder.of(Reloaded)[0].shadowed == ["feed.limit", "feed.retry.cap"]
    assert (file.settings.now.feed.limit, file.settings.now.feed.retry.cap) == (70, 9.0)
    assert (await file.reload(text))["shadowed"] == []


async def test_looking_changes_nothing(file: File) -> None:
    """What would come of a text is told, and neither applied nor remembered."""
    before = file.settings.now
    found = await file.reloader.compare(f'[feed]\nurl = "{URL}"\nlimit = 5\n', "/n.toml")
    assert (found.outcome, [change.key for change in found.changes]) == ("applied", ["feed.limit"])
    assert (await file.reloader.compare("[feed]\n", "/new.toml")).outcome == "invalid"
    named = await file.reloader.compare("[feed\n", "/new.toml")
    assert named.errors[0].startswith("/new.toml: not TOML")
    assert file.settings.now is before
    assert file.recorder.records == []


async def test_many_at_once(file: File) -> None:
    """One after the other, and asked for again before it begins is asked once."""
    text = f'[feed]\nurl = "{URL}"\nlimit = 5\n'
    file.path.write_text(text)
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(file.reloader.reload, file.recorder)
    outcomes = [record.outcome for record in file.recorder.of(Reloaded)]
    assert sorted(outcomes) == ["applied"] + 19 * ["unchanged"]
    assert [type(each) for each in file.recorder.records] == 20 * [ReloadBegun, Reloaded]
    for _ in range(5):
        file.reloader.ask()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(file.reloader.serve, file.recorder)
        await trio.testing.wait_all_tasks_blocked(0.2)
        nursery.cancel_scope.cancel()
    assert len(file.recorder.of(Reloaded)) == 21
