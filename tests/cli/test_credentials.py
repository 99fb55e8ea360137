"""Where the token's file is looked for."""

from pathlib import Path

import pytest

from tests.support.commands import Call, Shop


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("token", "/run/credentials/scand.service/token"),
        ("/etc/scand/token", "/etc/scand/token"),
    ],
)
def test_a_name_alone_is_a_credential(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, found: str
) -> None:
    """Where systemd hands out credentials, a relative path is one of them."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/scand.service")
    shop = Shop(tmp_path, "http://carrier.test/scans", f'token_file = "{written}"')
    assert f'"{found}"' in call("check-config", shop.path).out


def test_without_credentials_a_path_is_a_path(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere, a relative path stays one."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    shop = Shop(tmp_path, "http://carrier.test/scans", 'token_file = "token"')
    assert '"token"' in call("check-config", shop.path).out
