import os
from pathlib import Path

import pytest

from scand.cli import main
from tests.support.commands import URL, Call, Done, Shop


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SCAND_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process, through the same door as the installed one."""

    def call(*arguments: object) -> Done:
        monkeypatch.setattr("sys.argv", ["scand", *map(str, arguments)])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        return Done(status, *capsys.readouterr())

    return call


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path, URL)
