"""What an operator has decided about dead letters, and that it stays so: I3 and I5."""

from collections.abc import Collection, Iterable

from tests.simulation.books import Letter
from tests.simulation.faults import Invariant, require

I3, I5 = Invariant.I3, Invariant.I5


class Decisions:
    """Remembers across processes what was asked for, and what was answered."""

    def __init__(self) -> None:
        self._asked: dict[str, set[str]] = {}
        self._discarded: set[str] = set()
        self._removed: set[str] = set()
        self._before: dict[str, Letter] = {}

    def asked(self, state: str, identities: Iterable[str]) -> None:
        """Letters are to be `replayed` or `discarded`, which may yet fail."""
        for identity in identities:
            self._asked.setdefault(identity, set()).add(state)
            if state == "replayed":
                self._discarded.discard(identity)

    def discarded(self, identities: Iterable[str]) -> None:
        """Letters were discarded, for ever."""
        self._discarded.update(identities)

    def states(self, letter: Letter, *, done: bool) -> Collection[str]:
        """The states that a letter may be in; `done` is one whose event is applied."""
        if letter.identity in self._discarded:
            return {"discarded"}
        asked = self._asked.get(letter.identity, set())
        return asked | {"superseded"} if done else (asked & {"discarded"}) | {"open"}

    def is_removed(self, identity: str) -> bool:
        """Whether a letter of this name was closed, and is no longer kept."""
        return identity in self._removed

    def check(self, letters: Iterable[Letter]) -> None:
        """None may go before it is closed."""
        now = {letter.identity: letter for letter in letters}
        for identity, letter in self._before.items():
            if identity not in now or now[identity].number != letter.number:
                require(letter.state != "open", I5, "an open letter is gone:", letter)
                self._removed.add(identity)
                self._discarded.discard(identity)
        self._before = now
