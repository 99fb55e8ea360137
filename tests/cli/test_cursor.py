"""`scand cursor` on a store at rest."""

import json

import pytest
import typer

from scand.core.ledger import Gap
from tests.support.commands import Call, Shop
from tests.support.scans import scan


@pytest.fixture
def kept(shop: Shop) -> Shop:
    shop.keep(scan(5), scan(7), scan(9))
    return shop


def position(shop: Shop, call: Call) -> dict[str, object]:
    document: dict[str, object] = json.loads(call("cursor", "show", "--json", *shop.options).out)
    return document


def test_back_is_without_loss(kept: Shop, call: Call) -> None:
    """Moved back, the cursor is there, nothing is skipped, and the audit says who did it."""
    done = call("cursor", "set", 5, "--yes", *kept.options)
    assert done == (0, "cursor 5 (it was 9); 0 ids skipped\n", "")
    document = position(kept, call)
    (row,) = document.pop("audit")  # type: ignore[misc]
    assert document == {"cursor": 5, "high": 9, "inclusive": None}
    assert (row["action"], row["was"], row["now"]) == ("cursor_set", 9, 5)
    assert "operator" in row["detail"]


def test_forward_is_counted_for_ever(kept: Shop, call: Call) -> None:
    """Ids that are skipped are told by the status; ids passed before do not count again."""
    call("cursor", "set", 5, "--yes", *kept.options)
    assert "100 ids skipped" in call("cursor", "set", 109, "--yes", *kept.options).out
    assert "100 skipped" in call("status", *kept.options).out
    shown = call("cursor", "show", *kept.options).out
    assert "109" in shown
    assert "9 -> 5" in shown
    assert "5 -> 109" in shown


def test_what_was_skipped_is_taken_back_in_part(kept: Shop, call: Call) -> None:
    """From where the cursor goes back to, ids are read and their holes count; below, as before."""
    call("cursor", "set", 109, "--yes", *kept.options)
    assert "0 ids skipped" in call("cursor", "set", 50, "--yes", *kept.options).out
    assert "41 skipped" in call("status", *kept.options).out
    document = position(kept, call)
    assert (document["cursor"], document["high"]) == (50, 50)


def test_nothing_is_done_unasked(kept: Shop, call: Call) -> None:
    """Without a terminal to answer at, only --yes is a yes."""
    done = call("cursor", "set", 5, *kept.options)
    assert done.status == 2
    assert "--yes" in done.err
    assert position(kept, call)["cursor"] == 9


def test_a_no_is_a_no(kept: Shop, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal the question is asked, and the answer counts."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", refuse)
    assert call("cursor", "set", 5, *kept.options).status == 1
    assert position(kept, call)["cursor"] == 9


def refuse(question: str, **_: object) -> None:
    assert "from 9 to 5" in question
    raise typer.Abort


@pytest.mark.parametrize("wrong", [-1, 2**63, "last", ""])
def test_what_is_no_id_is_refused(kept: Shop, call: Call, wrong: object) -> None:
    """The message names the range."""
    done = call("cursor", "set", "--yes", *kept.options, "--", wrong)
    assert done.status == 2
    assert "Traceback" not in done.err
    assert position(kept, call)["cursor"] == 9


def test_the_answer_to_a_reset_begins_a_new_account(shop: Shop, call: Call) -> None:
    """Ids mean other events then: what was missing is lost, and holes count again."""
    shop.keep(scan(5), scan(9), gaps=[Gap(6, 8, 1.0)])
    shop.tamper("INSERT INTO audit VALUES (1, 0, 'reset', 9, 9, 'the feed ends below 9; halt')")
    assert "0 ids skipped" in call("cursor", "set", 0, "--yes", *shop.options).out
    document = position(shop, call)
    assert (document["cursor"], document["high"]) == (0, 0)
    assert "3 lost" in call("status", *shop.options).out
