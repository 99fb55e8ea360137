"""A machine for each module, with scand installed and a carrier at hand."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.systemd.machine import Machine, booted
from tests.systemd.service import Service
from tests.systemd.venv import installed

Install = Callable[..., AbstractContextManager[Service]]


@pytest.fixture(scope="session")
def venv(request: pytest.FixtureRequest) -> Path:
    return installed(Path(request.config.cache.mkdir("opt-scand")))


@pytest.fixture(scope="module")
def machine(venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with booted(venv, tmp_path_factory.mktemp("systemd")) as machine:
        yield machine


@pytest.fixture
def install(machine: Machine) -> Install:
    """The service, configured, for as long as a block runs."""

    @contextmanager
    def give(url: str, **options: str) -> Iterator[Service]:
        service = Service(machine, url, **options)
        try:
            yield service
        finally:
            service.remove()

    return give
