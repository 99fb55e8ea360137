"""A transaction as a generator: it yields statements and is sent their rows.

So one text of it runs on aiosqlite in production and on sqlite3 in a simulation, and the
connection behind it can be made to fail between any two statements.
"""

import sqlite3
from collections.abc import Generator, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from scand.core.errors import RolledBackError

Result = TypeVar("Result")
Row = Sequence[Any]

MAX_PARAMETERS = 32_766
"""SQLITE_MAX_VARIABLE_NUMBER of every SQLite since 3.32."""

MAX_ROWS = 1_000
"""Rows in a statement: one of a thousand takes 1.2 MB, and SQLite keeps it for the next time."""


class Statement(NamedTuple):
    """SQL and the values of its parameters."""

    sql: str
    parameters: Sequence[Any] = ()


Transaction = Generator[Statement, list[Row], Result]


def run(connection: sqlite3.Connection, transaction: Transaction[Result]) -> Result:
    """Run a transaction in this thread, on a connection in autocommit mode.

    Raises RolledBackError for whatever it raises: then nothing of it is durable.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = _drive(connection, transaction)
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:  # SQLITE_FULL and others have rolled back already
            connection.execute("ROLLBACK")
        if isinstance(error, Exception):
            raise RolledBackError(repr(error)) from error
        raise
    return result


def _drive(connection: sqlite3.Connection, transaction: Transaction[Result]) -> Result:
    rows: list[Row] | None = None
    while True:
        try:
            statement = transaction.send(rows)  # type: ignore[arg-type]  # None starts it
        except StopIteration as done:
            result: Result = done.value
            return result
        rows = connection.execute(*statement).fetchall()


def as_json(values: Iterable[object]) -> str:
    """Many values as one parameter, for `json_each` to take apart."""
    return msgspec.json.encode(list(values)).decode()


def packed(select: str, *lists: Iterable[object]) -> Transaction[str]:
    """The one value of a SELECT that takes lists as JSON: all rows, for the reason in `bulk`."""
    ((value,),) = yield Statement(select, [as_json(each) for each in lists])
    return str(value)


def bulk(head: str, rows: Sequence[Sequence[Any]], tail: str = "") -> Transaction[None]:
    """INSERT many rows with few statements: `head` VALUES (...), (...) `tail`.

    sqlite3 gives up and takes back the interpreter's lock at every step of a statement. A row per
    step lets a busy event loop delay each row by a switch interval; measured with one, 1,000 rows
    per statement are written 50 times as fast as with executemany.
    """
    if not rows:
        return
    width = len(rows[0])
    most = min(MAX_ROWS, MAX_PARAMETERS // width)
    values = f"({','.join('?' * width)})"
    for start in range(0, len(rows), most):
        chunk = rows[start : start + most]
        sql = f"{head} VALUES {','.join([values] * len(chunk))} {tail}"
        yield Statement(sql, [value for row in chunk for value in row])
