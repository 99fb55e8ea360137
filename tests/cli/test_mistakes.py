"""What a user can do wrong: one clear message, exit status 2, never a traceback."""

import os
from pathlib import Path

import pytest

from scand.cli.commands import COMMANDS as ALL
from tests.store.privileges import without_privileges
from tests.support.commands import Call, Shop

READING = [["status"], ["parcel", "5002"], ["export", "parcels"], ["verify"]]
COMMANDS = [*READING, ["run"]]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    "what",
    [
        *("absent", "a directory", "a pipe", "an endless device", "too large"),
        *("broken", "not text", "too deep", "too many dots", "incomplete"),
    ],
)
def test_a_configuration_that_cannot_be_read(
    tmp_path: Path, call: Call, command: list[str], what: str
) -> None:
    """The file is named, and what is wrong with it."""
    path = tmp_path / "scand.toml"
    match what:
        case "absent":
            pass
        case "a directory":
            path.mkdir()
        case "a pipe":
            os.mkfifo(path)
        case "an endless device":
            path.symlink_to("/dev/zero")
        case "too large":
            path.write_text("#" * (256 << 10) + "#")
        case "too deep":
            path.write_text("a = " + "[" * 100_000)
        case "too many dots":
            path.write_text("# ...\n" + "a" + ".a" * 50_000 + " = 1")
        case "broken":
            path.write_text("[feed\n")
        case "not text":
            path.write_bytes(b"\xff\xfe")
        case _:
            path.write_text("")
    done = call(*command, "--config", path)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"scand: {path}")
    assert "  hint: " in done.err


@pytest.mark.parametrize("command", [*COMMANDS, ["check-config"]], ids=lambda command: command[0])
def test_a_configuration_that_is_somebody_elses(shop: Shop, call: Call, command: list[str]) -> None:
    """Who it is closed to is told, and that it may be opened: secrets belong elsewhere."""
    shop.path.chmod(0)
    options = [shop.path] if command == ["check-config"] else shop.options
    with without_privileges():
        done = call(*command, *options)
        uid = os.geteuid()
    assert (done.status, done.out) == (2, "")
    assert f"{shop.path}: Permission denied, for uid {uid}, as which this scand runs" in done.err
    assert f"`chmod 644 {shop.path}`: secrets belong into feed.token_file" in done.err


def test_the_null_device_says_nothing(
    shop: Shop, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the place of a file, or behind a link, it leaves everything to the environment."""
    monkeypatch.setenv("SCAND_FEED__URL", "http://carrier.test/scans")
    shop.path.unlink()
    shop.path.symlink_to("/dev/null")
    for path in ("/dev/null", shop.path):
        assert call("check-config", path).status == 0


def test_hundreds_of_mistakes(shop: Shop, call: Call) -> None:
    """The first twenty are told, and how many more there are; none takes more than a line."""
    shop.add("".join(f"[{'x' * 2000}{number}]\n" for number in range(100)))
    done = call("check-config", shop.path)
    assert done.status == 2
    assert done.err.count("unknown; ") == 20
    assert "\n  and 80 more\n" in done.err
    assert max(map(len, done.err.splitlines())) < 300


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
def test_a_store_that_is_absent(shop: Shop, call: Call, command: list[str]) -> None:
    """Reading creates nothing: the path is named."""
    done = call(*command, *shop.options)
    assert done.status == 2
    assert str(shop.store) in done.err
    assert not shop.store.exists()


@pytest.mark.parametrize("command", [*READING, ["run"]], ids=lambda command: command[0])
@pytest.mark.parametrize("what", ["garbage", "a directory"])
def test_a_store_that_is_none(shop: Shop, call: Call, command: list[str], what: str) -> None:
    """A file that is no store of scand's is left as it is."""
    if what == "garbage":
        shop.store.write_bytes(b"this is no database, and long enough to be taken for one" * 99)
    else:
        shop.store.mkdir()
    done = call(*command, *shop.options)
    assert done.status == 2
    assert done.err.count("scand: ") == 1
    assert str(shop.store) in done.err


def test_a_folder_that_is_not_there(tmp_path: Path, call: Call) -> None:
    """`scand run` with a store in a folder that does not exist says what is missing."""
    shop = Shop(tmp_path, "http://carrier.test/scans")
    shop.path.write_text(shop.path.read_text().replace("s.db", "no/such/folder/s.db"))
    done = call("run", *shop.options)
    assert done.status == 2
    assert "store.path must lie in a directory that exists" in done.err


def test_a_store_of_another_feed(shop: Shop, call: Call) -> None:
    """A store is bound to its feed: another name is refused with the way out."""
    shop.keep()
    shop.path.write_text(shop.path.read_text().replace("[feed]", '[feed]\nname = "other"'))
    done = call("run", *shop.options)
    assert done.status == 2
    assert "feed.name = 'carrier', not 'other'" in done.err


def test_help_lists_every_command(call: Call) -> None:
    """`scand --help` shows what there is; so does `scand` alone."""
    done = call("--help")
    assert done.status == 0
    names = set(ALL)
    assert {"demo", "run", "check-config", "simulate", "status", "parcel", "export"} < names
    for name in names:
        assert f"  {name} " in done.out


@pytest.mark.parametrize(
    "command",
    [
        ["--no-such-option"],
        ["no-such-command"],
        ["run", "--no-such-option"],
        ["parcel"],
        ["parcel", "five"],
        ["parcel", "9223372036854775808"],
        ["parcel", "0"],
        ["simulate", "--events", "10", "--backlog", "100"],
        ["simulate", "--events", "99999999999999999999999"],
        ["export", "everything"],
        ["simulate", "--faults", "gremlins=1"],
        ["simulate", "--events", "0"],
        ["demo", "--for", "soon"],
        ["demo", "--faults", "error=2"],
    ],
    ids=" ".join,
)
def test_usage_errors(call: Call, command: list[str]) -> None:
    """What cannot be understood ends with status 2 and says why."""
    done = call(*command)
    assert done.status == 2
    assert done.err
    assert "Traceback" not in done.err
