"""`scand export`: everything, as a stream."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from scand.cli.options import ConfigOption
from scand.config import load, locate
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
) -> None:
    """Print all parcels by id, or all events in commit order."""
    with open_reader(load(locate(config)).store.path) as reader:
        documents = _DOCUMENTS[what](reader)
        if style is Format.JSONL:
            for document in documents:
                sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        else:
            _write_csv(documents)
        sys.stdout.flush()


def _parcels(reader: Reader) -> Iterator[dict[str, Any]]:
    for parcel_id, state in reader.parcels():
        yield parcel_document(parcel_id, state)


def _events(reader: Reader) -> Iterator[dict[str, Any]]:
    for row in reader.journal():
        yield event_document(row)


_DOCUMENTS = {What.PARCELS: _parcels, What.EVENTS: _events}


def _write_csv(documents: Iterable[dict[str, Any]]) -> None:
    writer: csv.DictWriter[str] | None = None
    for document in map(_flat, documents):
        if writer is None:
            writer = csv.DictWriter(sys.stdout, document.keys())
            writer.writeheader()
        writer.writerow(document)


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    """`latest.event_id` becomes a column `latest_event_id`."""
    flat: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            flat |= {f"{name}_{inner}": deep for inner, deep in value.items()}
        else:
            flat[name] = value
    return flat
