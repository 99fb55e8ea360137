"""Changing a store: by the daemon that holds it, or ourselves if none does."""

from contextlib import closing
from typing import Any, NamedTuple, TypeVar

from scand.cli.daemon import change
from scand.config import Config
from scand.store.lock import holder, instance_lock
from scand.store.opening import connect
from scand.store.transaction import Transaction, run
from scand.store.trouble import explained

Result = TypeVar("Result", bound=NamedTuple)


def make(
    settings: Config, name: str, wanted: dict[str, Any], transaction: Transaction[Result]
) -> dict[str, Any]:
    """Have the daemon make the change of that name, or run the transaction that it would."""
    path = settings.store.path
    if holder(path) is not None:
        return change(settings, f"/api/{name}", wanted)
    with instance_lock(path), closing(connect(path)) as connection, explained(path):
        return run(connection, transaction)._asdict()
