"""Mistakes in what becomes durable."""

from contextlib import AbstractContextManager
from typing import Any

from scand.core.errors import RolledBackError
from scand.store import commit, desk, opening, transaction
from tests.simulation.plants.garden import plant
from tests.simulation.scheduler import exchanged


@plant("I2")
def cursor_ahead_of_commit() -> AbstractContextManager[None]:
    """The cursor is moved first, in a transaction of its own."""
    real = commit.commit

    def hasty(pages: Any, key: Any, now: float) -> Any:
        yield from commit.write_position(pages)
        yield transaction.Statement("COMMIT")
        yield transaction.Statement("BEGIN IMMEDIATE")
        return (yield from real(pages, key, now))

    return exchanged(commit, commit=hasty)


@plant("I1", "I5")
def acknowledged_before_commit() -> AbstractContextManager[None]:
    """A commit returns at once; the next one makes it durable."""

    def lazy(connection: Any, work: Any) -> Any:
        if connection.in_transaction:
            connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        try:
            return transaction._drive(connection, work)
        except Exception as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise RolledBackError(repr(error)) from error

    return exchanged(transaction, run=lazy)


@plant("I3", "I5")
def commits_are_not_synced() -> AbstractContextManager[None]:
    """synchronous = NORMAL: quicker, until the power goes."""
    pragmas = [pragma.replace("= FULL", "= NORMAL") for pragma in opening._PRAGMAS]
    return exchanged(opening, _PRAGMAS=pragmas)


@plant("I1", "I3", "I4")
def no_deduplication() -> AbstractContextManager[None]:
    """What comes again is written again, over what was there."""

    def believe(events: Any) -> Any:
        yield transaction.Statement("SELECT 1")
        return list({event.event_id: event for event in events}.values()), []

    replace = commit._INSERT_EVENTS.replace("INSERT", "INSERT OR REPLACE")
    return exchanged(commit, deduplicate=believe, _INSERT_EVENTS=replace)


@plant("I1")
def parcels_forget() -> AbstractContextManager[None]:
    """A parcel is written without regard to what was known of it."""
    return exchanged(commit, read_parcels=lambda _: [])


@plant("I2")
def gaps_live_in_memory() -> AbstractContextManager[None]:
    """New gaps are not written down."""
    real = commit._write_ledger
    return exchanged(commit, _write_ledger=lambda change: real(change._replace(put=())))


@plant("I3")
def dead_letters_get_lost() -> AbstractContextManager[None]:
    """Dead letters are counted, and not written."""

    def forget(_arrivals: Any, _fresh: Any, _at: int) -> Any:
        yield from ()
        return 0

    return exchanged(commit, file_letters=forget)


@plant("I3")
def dead_letters_stay_open() -> AbstractContextManager[None]:
    """An event that is applied does not close its letter."""
    return exchanged(desk.Desk, supersede=lambda _desk, _applied: 0)
