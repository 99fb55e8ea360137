"""`scand dead-letters`: what was served and not applied; looking at it, and deciding about it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from msgspec.structs import replace

from scand.cli.options import ConfigOption, JsonOption, YesOption, confirm, moment
from scand.cli.text import aligned, printable
from scand.config import Config, load, locate
from scand.core.dead_letters import State
from scand.core.errors import ScandError
from scand.core.event import MAX_ID, Reason
from scand.core.review import Item, Outcome, Selection
from scand.store.reading import open_reader

if TYPE_CHECKING:
    from scand.cli.letter_steps import Action

dead_letters = typer.Typer(
    help="Look at events that were not applied, try them again, or give them up.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Ids = Annotated[
    list[int] | None, typer.Argument(metavar="ID", min=1, max=MAX_ID, show_default=False)
]
All = Annotated[bool, typer.Option("--all", help="Every open one.")]
OfReason = Annotated[
    Reason | None, typer.Option("--reason", metavar="R", help="Turned away for this reason.")
]
OfParcel = Annotated[
    int | None, typer.Option("--parcel", metavar="ID", min=1, max=MAX_ID, help="Of this parcel.")
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="T", help="Served or tried since an instant (2021-05-11T21:11:34Z), or for 2h, 7d."
    ),
]
OfState = Annotated[State, typer.Option("--state", help="Open, or closed in which way.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many to print at the most.")]


@dead_letters.command("list")
def list_(
    reason: OfReason = None,
    parcel: OfParcel = None,
    since: Since = None,
    state: OfState = State.OPEN,
    limit: Limit = 100,
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List dead letters, the oldest first."""
    selection = Selection(state=state, reason=reason, parcel=parcel, since=moment(since))
    with open_reader(load(locate(config)).store.path) as reader, reader.snapshot():
        listed = reader.dead_letters.listed(selection, limit)
        count, _ = reader.dead_letters.count(selection)
    for line in [json.dumps(listed)] if as_json else _lines(listed):
        typer.echo(line)
    if count > len(listed):
        typer.echo(f"{len(listed)} of {count}; --limit shows more", err=True)


@dead_letters.command("show")
def show(
    number: Annotated[int, typer.Argument(metavar="ID", min=1, max=MAX_ID, show_default=False)],
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show a dead letter with its bytes, and all that happened to it."""
    settings = load(locate(config))
    with open_reader(settings.store.path) as reader, reader.snapshot():
        letter = reader.dead_letters.one(number)
    if letter is None:
        raise ScandError(f"dead letter {number} is not known")
    letter.fields["trace_url"] = settings.traces.view(letter.fields["trace_id"])
    if as_json:
        typer.echo(json.dumps(letter.document()))
        return
    for name, value in letter.fields.items():
        typer.echo(f"{name.replace('_', ' '):10}  {_shown(value)}")
    typer.echo(f"{'bytes':10}  {printable(letter.raw)}")
    for entry in letter.history:
        about = f"  {entry['reason']}: {printable(entry['detail'])}" if entry["reason"] else ""
        typer.echo(f"{entry['at']}  {entry['act']}{about}")
        if entry["raw"] is not None:
            typer.echo(f"{'':{len(entry['at'])}}  with {printable(entry['raw'])}")


@dead_letters.command("replay")
def replay(
    ids: Ids = None,
    everything: All = False,  # noqa: FBT002 - typer's way to say an option
    reason: OfReason = None,
    parcel: OfParcel = None,
    since: Since = None,
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Try dead letters again, by the catalogue and the rules in force now.

    Exit status 1 if one of them failed again, or is not known.
    """
    selection = _selection(ids, everything, reason, parcel, since)
    _decide(load(locate(config)), "replay", selection, as_json=as_json)


@dead_letters.command("discard")
def discard(
    ids: Ids = None,
    everything: All = False,  # noqa: FBT002 - as above
    reason: OfReason = None,
    parcel: OfParcel = None,
    since: Since = None,
    config: ConfigOption = None,
    *,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give dead letters up: nothing is left to be done about them, until they are replayed."""
    selection = _selection(ids, everything, reason, parcel, since)
    settings = load(locate(config))
    with open_reader(settings.store.path) as reader:
        count, last = reader.dead_letters.count(replace(selection, state=State.OPEN))
    confirm(f"Discard {count} open dead letters?", yes=yes or count <= 1)
    if not ids:  # what arrives after the question was not asked about
        selection = replace(selection, up_to=last)
    _decide(settings, "discard", selection, as_json=as_json)


def _selection(
    ids: list[int] | None,
    everything: bool,  # noqa: FBT001 - as it is said
    reason: Reason | None,
    parcel: int | None,
    since: str | None,
) -> Selection:
    filters = Selection(reason=reason, parcel=parcel, since=moment(since))
    several = everything or filters != Selection()
    if bool(ids) is several:
        raise typer.BadParameter("either IDs are needed, or filters, or --all")
    return replace(filters, state=State.OPEN) if several else Selection(ids=tuple(ids or ()))


def _decide(settings: Config, action: "Action", selection: Selection, *, as_json: bool) -> None:
    from scand.cli.letter_steps import take_steps  # noqa: PLC0415 - lists need no event loop

    outcomes: Counter[Outcome] = Counter()

    def tell(item: Item) -> None:
        outcomes[item.outcome] += 1
        typer.echo(msgspec.json.encode(item).decode() if as_json else _line(item))

    take_steps(settings, action, selection, tell)
    said = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    typer.echo(said or "no dead letter fits", err=True)
    if outcomes[Outcome.FAILED_AGAIN] or outcomes[Outcome.NOT_KNOWN]:
        raise typer.Exit(1)


def _line(item: Item) -> str:
    event = "-" if item.event_id is None else f"event {item.event_id}"
    why = f"{item.reason}: {printable(item.detail)}" if item.reason else item.detail
    return f"{item.id:>6}  {item.outcome:13}  {event}  {why}".rstrip()


def _lines(listed: Iterable[dict[str, Any]]) -> Iterator[str]:
    names = ("id", "reason", "event_id", "parcel_id", "attempts", "last_seen", "detail")
    heads = [name.removesuffix("_id").replace("_", " ") for name in names]
    return aligned([heads, *([_shown(letter[name]) for name in names] for letter in listed)])


def _shown(value: object) -> str:
    return "-" if value is None else printable(str(value))
