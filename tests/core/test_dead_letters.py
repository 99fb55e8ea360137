"""The life of a dead letter, move by move."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scand.core.dead_letters import MAX_CONTENTS, MOVES, Act, Content, Letter, State, receive
from scand.core.event import Reason

BAD = Content(Reason.MISSING_FIELD, "ParcelId: absent or null", "d1")
WORSE = Content(Reason.INVALID_PARCEL_ID, "ParcelId: a word", "d2")
OTHER = Content(Reason.CONFLICT, "another event was committed", "d3")
YET_ANOTHER = Content(Reason.CONFLICT, "another event was committed", "d4")


def letter(state: State = State.OPEN, *contents: Content) -> Letter:
    """A letter that has been about these contents, the last one now."""
    contents = contents or (BAD,)
    return Letter(1, "id:7", 7, state, contents[-1], frozenset(contents))


@pytest.mark.parametrize("state", State)
def test_what_is_known_is_only_counted(state: State) -> None:
    """The same content again changes nothing about a letter, whatever its state."""
    assert receive(letter(state), BAD) == (letter(state), None)


@pytest.mark.parametrize("state", State)
def test_another_bad_copy(state: State) -> None:
    """It takes the place of the one before, and leaves the state alone."""
    assert receive(letter(state), WORSE) == (letter(state, BAD, WORSE), Act.FAILED_AGAIN)


@pytest.mark.parametrize(
    ("state", "then", "act"),
    [
        (State.OPEN, State.OPEN, Act.FAILED_AGAIN),
        (State.SUPERSEDED, State.OPEN, Act.REOPENED),
        (State.REPLAYED, State.OPEN, Act.REOPENED),
        (State.DISCARDED, State.DISCARDED, Act.FAILED_AGAIN),
    ],
)
def test_a_conflict(state: State, then: State, act: Act) -> None:
    """Somebody has to decide about it, unless the letter was discarded."""
    assert receive(letter(state), OTHER) == (letter(then, BAD, OTHER), act)


def test_a_conflict_stays_in_view() -> None:
    """While it is open, only another conflict takes its place, and nothing supersedes it."""
    disputed = letter(State.OPEN, OTHER)
    kept, act = receive(disputed, BAD)
    assert (kept.content, kept.contents, act) == (OTHER, {OTHER, BAD}, Act.SEEN)
    taken, act = receive(disputed, YET_ANOTHER)
    assert (taken.content, act) == (YET_ANOTHER, Act.FAILED_AGAIN)
    assert not disputed.may(Act.SUPERSEDED)
    assert disputed.may(Act.DISCARDED)


def test_the_latest_finding_about_the_same_bytes() -> None:
    """What was found wrong before and is so again is what the letter says, without an entry."""
    now = Content(Reason.NOT_IN_CATALOGUE, "RETURN/ is not in the catalogue", BAD.digest)
    changed, act = receive(letter(), now)
    assert (changed.content, act) == (now, Act.FAILED_AGAIN)
    back, act = receive(changed, BAD)
    assert (back.content, act) == (BAD, None)


def test_a_letter_does_not_grow_for_ever() -> None:
    """A carrier that writes an event anew at each answer is counted from some point on."""
    grown, acts = letter(), []
    for number in range(2 * MAX_CONTENTS):
        grown, act = receive(grown, Content(Reason.INVALID_FIELD, "", f"digest {number}"))
        acts.append(act)
    assert len(grown.contents) == MAX_CONTENTS
    assert acts.count(None) == MAX_CONTENTS + 1


def test_moves() -> None:
    """A closed letter is reopened by a conflict or tried by name; nothing else moves it."""
    assert {act for state, act in MOVES if state is State.OPEN} == {
        Act.SUPERSEDED,
        Act.REPLAYED,
        Act.DISCARDED,
    }
    for (state, act), then in MOVES.items():
        assert letter(state).may(act)
        assert letter(state).after(act).state is then is not state
    assert not letter(State.SUPERSEDED).may(Act.DISCARDED)
    assert not letter(State.REPLAYED).may(Act.SUPERSEDED)


@given(st.lists(st.sampled_from([BAD, WORSE, OTHER, YET_ANOTHER]), min_size=1))
def test_every_content_is_told_once(arrivals: list[Content]) -> None:
    """Whatever comes in which order, each content makes one entry, and the first says seen."""
    one = Letter(1, "id:7", 7, State.OPEN, arrivals[0])
    told = []
    for content in arrivals:
        one, act = receive(one, content)
        told.append((content, act))
    news = [content for content, act in told if act is not None]
    assert news == list(dict.fromkeys(arrivals))
    assert told[0][1] is Act.SEEN
    assert one.contents == set(arrivals)
    assert one.content in arrivals
