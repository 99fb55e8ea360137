"""`scand export`: everything, as a stream."""

import csv
import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from scand.cli.options import ConfigOption
from scand.config import load, locate
from scand.store.accounts import stamp as stamp_of
from scand.store.reading import Reader, event_document, open_reader, parcel_document


class What(StrEnum):
    """What can be exported."""

    PARCELS = "parcels"
    EVENTS = "events"


class Format(StrEnum):
    """How it is written."""

    JSONL = "jsonl"
    CSV = "csv"


def export(
    what: Annotated[What, typer.Argument(help="One line per parcel, or per event.")],
    style: Annotated[Format, typer.Option("--format", help="JSON lines, or CSV.")] = Format.JSONL,
    config: ConfigOption = None,
    stamp: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="A file to say how complete it is.", show_default=False),
    ] = None,
) -> None:
    """Print all parcels by id, or all events in commit order."""
    with open_reader(load(locate(config)).store.path) as reader, _stamped(stamp, reader) as marks:
        rows = _WRITERS[style](_DOCUMENTS[what](reader))
        sys.stdout.flush()
        marks |= {"kind": what.value, "rows": rows}


@contextmanager
def _stamped(path: Path | None, reader: Reader) -> Iterator[dict[str, Any]]:
    """Collect what `accounts.stamp` says before the export begins, and write it when it has ended.

    Emptied first: an old stamp must not pass for one of an export that fails.
    """
    if path is None:
        yield {}
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        message = f"{path} cannot be written ({error.strerror})"
        raise typer.BadParameter(message, param_hint="--stamp") from None
    with file:
        with reader.snapshot():
            marks = stamp_of(reader.query, time.time())
        yield marks
        file.write(json.dumps(marks) + "\n")


def _write_lines(documents: Iterable[dict[str, Any]]) -> int:
    rows = 0
    for document in documents:
        rows += 1
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    return rows


def _parcels(reader: Reader) -> Iterator[dict[str, Any]]:
    for parcel_id, state in reader.parcels():
        yield parcel_document(parcel_id, state)


def _events(reader: Reader) -> Iterator[dict[str, Any]]:
    for row in reader.journal():
        yield event_document(row)


_DOCUMENTS = {What.PARCELS: _parcels, What.EVENTS: _events}


def _write_csv(documents: Iterable[dict[str, Any]]) -> int:
    writer: csv.DictWriter[str] | None = None
    rows = 0
    for document in map(_flat, documents):
        rows += 1
        if writer is None:
            writer = csv.DictWriter(sys.stdout, document.keys())
            writer.writeheader()
        writer.writerow(document)
    return rows


_WRITERS = {Format.JSONL: _write_lines, Format.CSV: _write_csv}


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    """`latest.event_id` becomes a column `latest_event_id`."""
    flat: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            flat |= {f"{name}_{inner}": deep for inner, deep in value.items()}
        else:
            flat[name] = value
    return flat
