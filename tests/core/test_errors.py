import pytest

from scand.core.errors import (
    ConfigurationError,
    IngestFailedError,
    OperatorError,
    ScandError,
    StaleStoreError,
    StoreBlockedError,
    StoreError,
)


@pytest.mark.parametrize("kind", [OperatorError, ConfigurationError, StoreError])
def test_an_operator_is_told_what_to_do(kind: type[OperatorError]) -> None:
    """An error that an operator can mend carries its message and a hint."""
    error = kind("the database is in use", "stop the other daemon")
    assert str(error) == error.message == "the database is in use"
    assert error.hint == "stop the other daemon"
    assert kind("no more to say").hint == ""


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (ScandError, 1),
        (OperatorError, 1),
        (IngestFailedError, 1),
        (ConfigurationError, 2),
        (StoreError, 2),
        (StoreBlockedError, 1),
        (StaleStoreError, 1),
    ],
)
def test_each_error_has_its_exit_status(kind: type[ScandError], status: int) -> None:
    """What a restart would not mend exits 2."""
    assert issubclass(kind, ScandError)
    assert kind.exit_status == status
