"""`scand backup`: a copy, and what it says when there is none."""

from pathlib import Path

from scand.store.opening import migrations
from tests.store.pages import many
from tests.support.commands import Call, Shop


def test_without_a_daemon(shop: Shop, call: Call, tmp_path: Path) -> None:
    """The copy is made of the file, and told with the digest that `scand verify` gives."""
    shop.keep(*many(1, 20))
    target = tmp_path / "copy"
    done = call("backup", target, *shop.options)
    assert (done.status, done.err) == (0, "")
    assert f"{target}: 7 parcels, 20 events, " in done.out
    assert done.out.splitlines()[-1].split()[-1] in call("verify", *shop.options).out


def test_what_is_there_stays(shop: Shop, call: Call, tmp_path: Path) -> None:
    """Exit status 2, and how to replace it; with --force it is replaced."""
    shop.keep(*many(1, 20))
    target = tmp_path / "copy"
    target.write_bytes(b"SQLite format 3\0precious")
    done = call("backup", target, *shop.options)
    assert (done.status, target.read_bytes()[16:]) == (2, b"precious")
    assert f"{target} exists" in done.err
    assert "--force" in done.err
    assert call("backup", target, "--force", *shop.options).status == 0
    assert target.read_bytes().startswith(b"SQLite format 3")


def test_no_store(shop: Shop, call: Call, tmp_path: Path) -> None:
    """Exit status 2: there is nothing to be copied."""
    done = call("backup", tmp_path / "copy", *shop.options)
    assert done.status == 2
    assert "no such file" in done.err
    assert not (tmp_path / "copy").exists()


def test_a_store_that_differs(shop: Shop, call: Call, tmp_path: Path) -> None:
    """Exit status 1, as `scand verify` has it: there would be no use in such a copy."""
    shop.keep(*many(1, 20))
    shop.tamper("UPDATE parcels SET type = 'X'")
    done = call("backup", tmp_path / "copy", *shop.options)
    assert done.status == 1
    assert "scand verify" in done.err
    assert not (tmp_path / "copy").exists()


def test_a_name_that_steers_a_terminal(shop: Shop, call: Call, tmp_path: Path) -> None:
    """It is shown and not obeyed, in an error as in a success."""
    shop.keep(*many(1, 20))
    target = tmp_path / "a\nb\x1b[31mc"
    for status in (0, 2):
        done = call("backup", target, *shop.options)
        assert done.status == status
        assert r"a\nb\x1b[31mc" in done.out + done.err
        assert "\x1b" not in done.out + done.err


def test_its_own_log(shop: Shop, call: Call) -> None:
    """Exit status 2, with --force as well: nothing that was committed is lost."""
    shop.keep(*many(1, 20))
    for suffix in ("-wal", "-shm", ".lock", ".sock"):
        done = call("backup", f"{shop.store}{suffix}", "--force", *shop.options)
        assert done.status == 2
        assert f"belongs to the store {shop.store}" in done.err
    assert "20 events" in call("verify", *shop.options).out


def test_before_a_migration(shop: Shop, call: Call, tmp_path: Path) -> None:
    """A store of an older schema is copied, and told to be proven less."""
    shop.keep(*many(1, 20))
    shop.tamper(f"PRAGMA user_version = {len(migrations()) - 1}")
    done = call("backup", tmp_path / "copy", *shop.options)
    assert (done.status, done.err) == (0, "")
    assert "20 events" in done.out
    assert f"schema {len(migrations()) - 1} is from before a migration" in done.out
    assert "not verified" in done.out
