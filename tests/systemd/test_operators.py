"""Who may do what on the machine where the service runs."""

import pytest

from scand.simulator import WorldPlan
from tests.support.server import carrier, served
from tests.systemd.conftest import Install
from tests.systemd.service import SCAND, Service

pytestmark = pytest.mark.systemd

OPERATOR = ("setpriv", "--reuid=clerk", "--regid=clerk", "--init-groups", "--", SCAND)
STORE = "/var/lib/private/scand/scand.db"
GIVEN_BACK = f"chown --reference=/var/lib/private/scand {STORE}"
REFUSED = {"ExecMainStatus": "2", "NRestarts": "0"}
OPTIONS = ("--config", "/etc/scand/scand.toml")


def test_root_sees_and_changes(install: Install) -> None:
    """With sudo, commands ask the running daemon, change it, and read its store."""
    with served(carrier(WorldPlan(events=50))) as url, install(url) as service:
        service.start()
        service.wait_for("feed.caught_up")
        assert service.status()["daemon"]["at_head"]
        assert service.scand("cursor", "set", "10", "--yes")
        assert service.parcels()


def test_others_do_not(install: Install) -> None:
    """Neither the socket nor the store is anybody else's."""
    with served(carrier(WorldPlan(events=50))) as url, install(url) as service:
        with_operator(service)
        service.start()
        asked = service.machine.run(*OPERATOR, "status", *OPTIONS)
        assert (asked.returncode, asked.stdout) == (1, "")
        assert "try with sudo" in asked.stderr
        assert service.machine.run(*OPERATOR, "parcel", "5001", *OPTIONS).returncode == 2


def test_a_group_may_use_the_socket(install: Install) -> None:
    """With the drop-in that README.md shows, members of a group need no sudo for the status."""
    unit = "[Service]\nGroup=scand-operators\n"
    with served(carrier(WorldPlan(events=50))) as url, install(url) as service:
        service.machine.must("groupadd", "--system", "scand-operators")
        with_operator(service, "--groups", "scand-operators")
        service.change(unit)
        service.start()
        service.wait_for("feed.caught_up")
        asked = service.machine.must(*OPERATOR, "status", *OPTIONS)
        assert "running, pid" in asked
        for change in (["reload"], ["check-config", "--diff", OPTIONS[1]]):
            refused = service.machine.run(*OPERATOR, *change, *OPTIONS)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert "this is for root and for uid" in refused.stderr
        assert "nothing differs" in service.scand("reload")


def test_a_file_that_only_root_can_read(install: Install) -> None:
    """The service says so before a reload, and before a start."""
    with served(carrier(WorldPlan(events=50))) as url, install(url) as service:
        service.start()
        service.wait_for("feed.caught_up")
        service.machine.must("chmod", "600", OPTIONS[1])
        asked = service.machine.run(SCAND, "check-config", "--diff", OPTIONS[1], *OPTIONS)
        assert asked.returncode == 2
        assert "Permission denied, for uid" in asked.stdout
        service.machine.run("systemctl", "restart", "scand")
        service.wait_for("`chmod 644 /etc/scand/scand.toml`")


def test_what_root_has_put_there(install: Install) -> None:
    """A store that belongs to root is refused with whose it is, with a log beside it as well."""
    with served(carrier(WorldPlan(events=50))) as url, install(url) as service:
        service.start()
        service.wait_for("feed.caught_up")
        service.scand("backup", "/var/tmp/copy")
        service.stop()
        for log in ("", "of the store before"):
            service.machine.must("rm", "-f", STORE, f"{STORE}-shm")
            service.machine.must("cp", "/var/tmp/copy", STORE)
            service.machine.write(f"{STORE}-wal", log, 0o600)
            assert service.machine.run("systemctl", "start", "scand").returncode
            assert service.show("ExecMainStatus", "NRestarts") == REFUSED
            said, hint = service.said()[-2:]
            assert "Permission denied to read it: its owner is root (uid 0)" in said
            assert GIVEN_BACK in hint
            assert "Traceback" not in service.log()
        service.machine.must("rm", f"{STORE}-wal")
        service.machine.must(*GIVEN_BACK.split())
        service.start()


def with_operator(service: Service, *options: str) -> None:
    service.machine.run("userdel", "clerk")
    service.machine.must("useradd", "--user-group", *options, "clerk")
