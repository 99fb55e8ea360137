"""`scand dead-letters` on a store at rest."""

import base64
import json

import pytest
import typer

from tests.support.commands import Call, Done, Shop
from tests.support.scans import scan

STRICT = '\n[catalogue]\nmode = "strict"\nknown = ["STATUS"]\n'
RETURN = scan(8, 5, "RETURN")
EVIL = scan(9, 6, StatusCode={"\u202e": "\x1b[2J"})


@pytest.fixture
def kept(shop: Shop) -> Shop:
    """Letters 1 to 3: a parcel that cannot be read, steering characters, a conflict of parcel 5."""
    shop.keep(scan(7, ParcelId="?"), EVIL, scan(10, 5))
    shop.keep(scan(10, 5, "DELIVERY"))
    return shop


def listed(shop: Shop, call: Call, *options: object) -> list[int]:
    done = call("dead-letters", "list", "--json", *options, *shop.options)
    assert done.status == 0, done.err
    return [letter["id"] for letter in json.loads(done.out)]


def outcomes(done: Done) -> dict[int, str]:
    items = [json.loads(line) for line in done.out.splitlines()]
    return {item["id"]: item["outcome"] for item in items}


# --- list --------------------------------------------------------------------------


def test_list(kept: Shop, call: Call) -> None:
    """What is open, with reason and detail; in a table, and as JSON."""
    done = call("dead-letters", "list", *kept.options)
    heads, first, *_ = done.out.splitlines()
    assert heads.split()[:4] == ["id", "reason", "event", "parcel"]
    assert first.split()[:5] == ["1", "invalid_parcel_id", "7", "-", "1"]
    (letter, *_) = json.loads(call("dead-letters", "list", "--json", *kept.options).out)
    assert (letter["event_id"], letter["state"], letter["attempts"]) == (7, "open", 1)
    assert letter["first_seen"] == "2021-05-12T12:00:00.0000000Z"


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ((), [1, 2, 3]),
        (("--reason", "conflict"), [3]),
        (("--parcel", 5), [3]),
        (("--parcel", 5, "--reason", "invalid_field"), []),
        (("--since", "2021-05-12T12:00:00Z"), [1, 2, 3]),
        (("--since", "2021-05-12T14:00:01+02:00"), []),
        (("--since", "1h"), []),
        (("--since", "3649d"), [1, 2, 3]),
        (("--state", "superseded"), []),
        (("--limit", 2), [1, 2]),
    ],
)
def test_filters(kept: Shop, call: Call, options: tuple[object, ...], numbers: list[int]) -> None:
    """Each narrows the list, and they narrow it together."""
    assert listed(kept, call, *options) == numbers


def test_a_list_that_is_cut_says_so(kept: Shop, call: Call) -> None:
    """And how to see the rest."""
    done = call("dead-letters", "list", "--limit", 1, *kept.options)
    assert len(done.out.splitlines()) == 2
    assert "1 of 3" in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--reason", "bad"), "not_in_catalogue"),
        (("--state", "shut"), "superseded"),
        (("--since", "yesterday"), "2h or 7d"),
        (("--since", "-1h"), "2h or 7d"),
        (("--parcel", "x"), "--parcel"),
        (("--limit", 0), "--limit"),
    ],
)
def test_wrong_filters(kept: Shop, call: Call, options: tuple[object, ...], words: str) -> None:
    """They are refused, with what would be right."""
    done = call("dead-letters", "list", *options, *kept.options)
    assert done.status == 2
    assert words in done.err
    assert "Traceback" not in done.err


# --- show --------------------------------------------------------------------------


def test_show(kept: Shop, call: Call) -> None:
    """The bytes as served and what happened, exactly in JSON."""
    kept.keep(scan(7, ParcelId="!"))
    text = call("dead-letters", "show", 1, *kept.options).out
    assert json.dumps(scan(7, ParcelId="!")) in text
    assert json.dumps(scan(7, ParcelId="?")) in text
    assert "failed_again" in text
    document = json.loads(call("dead-letters", "show", 1, "--json", *kept.options).out)
    assert document["raw"] == json.dumps(scan(7, ParcelId="!"))
    assert base64.b64decode(document["raw_base64"]).decode() == document["raw"]
    first, second = document["history"]
    assert (first["act"], first["raw"]) == ("seen", json.dumps(scan(7, ParcelId="?")))
    assert (second["act"], second["raw"]) == ("failed_again", None)


def test_what_steers_a_terminal_is_escaped(kept: Shop, call: Call) -> None:
    """Nothing that a carrier writes moves the cursor, or turns the direction of writing."""
    for raw in (rb'{"EventId":9}' + b"\x1b[2J\xff", "{\u202e\u2066\x85}".encode()):
        kept.tamper(f"UPDATE dead_letters SET raw = x'{raw.hex()}', detail = 'a\x1b\u202eb'")
        for command in (("show", 2), ("list",)):
            done = call("dead-letters", *command, *kept.options)
            assert done.out.replace("\n", "").isprintable()
        document = json.loads(call("dead-letters", "show", 2, "--json", *kept.options).out)
        assert base64.b64decode(document["raw_base64"]) == raw


def test_show_an_unknown_one(kept: Shop, call: Call) -> None:
    """It says so, with exit status 1."""
    done = call("dead-letters", "show", 99, *kept.options)
    assert (done.status, done.out) == (1, "")
    assert "99 is not known" in done.err


# --- replay --------------------------------------------------------------------------


def test_replay_after_the_catalogue_was_extended(shop: Shop, call: Call) -> None:
    """What a strict catalogue turned away is applied once it is listed, and only once."""
    shop.keep(scan(7, 5))
    shop.turn_away(RETURN)
    shop.add(STRICT)
    refused = call("dead-letters", "replay", "--all", "--json", *shop.options)
    assert (refused.status, outcomes(refused)) == (1, {1: "failed_again"})
    shop.path.write_text(shop.path.read_text().replace('"STATUS"', '"STATUS", "RETURN"'))
    done = call("dead-letters", "replay", "--all", "--json", *shop.options)
    assert (done.status, outcomes(done)) == (0, {1: "applied"})
    again = call("dead-letters", "replay", 1, "--json", *shop.options)
    assert (again.status, outcomes(again)) == (0, {1: "closed"})
    parcel = json.loads(call("parcel", 5, "--json", *shop.options).out)
    assert parcel["latest"]["type"] == "RETURN"
    assert call("verify", *shop.options).status == 0
    assert "1 replayed" in call("status", *shop.options).out


def test_replay_says_what_happened_to_each(kept: Shop, call: Call) -> None:
    """A line per letter, in order, unknown numbers included; and exit status 1."""
    done = call("dead-letters", "replay", 1, 3, 99, *kept.options)
    first, second, third = done.out.splitlines()
    assert first.split()[:4] == ["1", "failed_again", "event", "7"]
    assert "ParcelId" in first
    assert "conflict" in second
    assert third.split() == ["99", "not_known", "-"]
    assert (done.status, done.err) == (1, "2 failed_again, 1 not_known\n")


@pytest.mark.parametrize("command", ["replay", "discard"])
@pytest.mark.parametrize("options", [(), ("--all", 1), ("--parcel", 5, 1), (0,), ("x",)])
def test_what_is_meant_has_to_be_said(
    kept: Shop, call: Call, command: str, options: tuple[object, ...]
) -> None:
    """Nothing is done to all letters because somebody forgot to say which."""
    done = call("dead-letters", command, *options, *kept.options)
    assert done.status == 2
    assert listed(kept, call) == [1, 2, 3]


def test_nothing_fits(kept: Shop, call: Call) -> None:
    """It says so, and that is no failure."""
    done = call("dead-letters", "replay", "--reason", "far_future", *kept.options)
    assert done == (0, "", "no dead letter fits\n")


def test_a_configuration_of_another_order(kept: Shop, call: Call) -> None:
    """Letters are not folded in another order than all that is there."""
    kept.path.write_text(kept.path.read_text().replace("[feed]", '[feed]\norder = "created_at"'))
    done = call("dead-letters", "replay", "--all", *kept.options)
    assert done.status == 2
    assert "feed.order" in done.err


def test_many(shop: Shop, call: Call) -> None:
    """More letters than one step takes, by number and by filter."""
    shop.turn_away(*[scan(number, 5, "RETURN") for number in range(1, 2502)])
    some = call("dead-letters", "replay", "--json", *range(1, 1502), *shop.options)
    assert list(outcomes(some)) == list(range(1, 1502))
    rest = call("dead-letters", "replay", "--json", "--parcel", 5, *shop.options)
    assert list(outcomes(rest)) == list(range(1502, 2502))
    assert {*outcomes(some).values(), *outcomes(rest).values()} == {"applied"}


# --- discard --------------------------------------------------------------------------


def test_one_is_discarded_unasked(kept: Shop, call: Call) -> None:
    """It is not listed any more, unless asked for; and it can be replayed."""
    done = call("dead-letters", "discard", 1, "--json", *kept.options)
    assert (done.status, outcomes(done)) == (0, {1: "discarded"})
    assert listed(kept, call) == [2, 3]
    assert listed(kept, call, "--state", "discarded") == [1]
    assert "1 discarded" in call("status", *kept.options).out


def test_several_are_asked_about(kept: Shop, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many it would be is said; without a terminal only --yes is a yes."""
    done = call("dead-letters", "discard", "--all", *kept.options)
    assert done.status == 2
    assert "Discard 3 open dead letters?" in done.err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", refuse)
    assert call("dead-letters", "discard", 1, 2, *kept.options).status == 1
    assert listed(kept, call) == [1, 2, 3]
    done = call("dead-letters", "discard", "--all", "--yes", *kept.options)
    assert (done.status, done.err) == (0, "3 discarded\n")
    assert listed(kept, call) == []


def refuse(question: str, **_: object) -> None:
    assert question == "Discard 2 open dead letters?"
    raise typer.Abort


def test_what_comes_after_the_question_is_not_discarded(
    kept: Shop, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A letter that arrives while somebody thinks about the question was not asked about."""

    def think(_: str, **__: object) -> None:
        kept.keep(scan(20, ParcelId="?"))

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", think)
    assert call("dead-letters", "discard", "--all", *kept.options).status == 0
    assert listed(kept, call) == [4]
