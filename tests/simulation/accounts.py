"""Whether every scan ends in exactly one place, and the parcels follow from them: I1 and I3."""

from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256

from tests.simulation.answers import page
from tests.simulation.books import Books, Entry, Letter
from tests.simulation.carrier import Carrier, Delivery
from tests.simulation.decisions import Decisions
from tests.simulation.faults import Fault, Invariant, Tally, Violation, require
from tests.simulation.plan import Plan
from tests.simulation.scans import Item, Name, Row
from tests.simulation.terms import Terms
from tests.simulation.truth import MILESTONES, Parcel, fold

I1, I3 = Invariant.I1, Invariant.I3


class Accounts:
    """Follows what one store holds, from commit to commit."""

    def __init__(
        self, plan: Plan, terms: Terms, items: Sequence[Item], carrier: Carrier, tally: Tally
    ) -> None:
        self._plan, self._terms, self._carrier, self._tally = plan, terms, carrier, tally
        self._at: dict[Name, list[Item]] = {}
        self._in: dict[int, list[Item]] = {}
        for item in items:
            self._at.setdefault(item.name, []).append(item)
            self._in.setdefault(item.place, []).append(item)
        self._by_raw = {self._kept(item): item for item in items}
        self.read: list[Delivery] = []  # by the daemon, as pages to be committed
        self.decisions = Decisions()
        self.open(Books())

    def open(self, books: Books) -> None:
        """Begin with the first row: a process has been started."""
        self._books = books
        self._rows: dict[Name, Row] = {}
        self._read = 0
        self._letters: dict[str, Letter] = {}
        self._announced: dict[tuple[int, str | None], str] = {}

    def take(self) -> None:
        """Check the rows that have come, each against the feed."""
        self._letters = {letter.identity: letter for letter in self._books.letters}
        for entry in self._books.journal[self._read :]:
            self._check_entry(entry)
            self._rows[entry.row["event_id"]] = entry.row
        self._read = len(self._books.journal)
        for letter in self._books.letters:
            self._check_letter(letter)
        self.decisions.check(self._books.letters)
        self._check_parcels()

    def _check_parcels(self) -> None:
        expected, found = (
            fold(self._rows.values(), self._plan.config.feed.order),
            self._books.parcels,
        )
        require(found == expected, I1, "parcels differ:", *_differing(found, expected))
        for number, parcel in expected.items():
            for milestone, _ in MILESTONES:
                said = self._announced.get((number, milestone))
                require(said == parcel[f"{milestone}_at"], I1, "unannounced:", parcel, said)
        if expected:
            self._tally.held(I1)

    def _check_entry(self, entry: Entry) -> None:
        row, name = entry.row, entry.row["event_id"]
        variants = [row for item in self._at.get(name, []) for row in self._rows_of(item)]
        require(row in variants, I3, "journaled otherwise than served:", entry, variants)
        require(name not in self._rows, I3, "journaled twice:", row)
        if entry.milestone:
            self._check_milestone(entry)

    def _rows_of(self, item: Item) -> Sequence[Row]:
        return item.fate.rows if self._rulings(item) & {True} else ()

    def _rulings(self, item: Item) -> set[bool]:
        """What the catalogues have said of it that were in force since it first came."""
        if item.fate.listed is None:
            return {item.fate.row is not None}
        in_force = [config.catalogue for config in self._terms.since(self._carrier.first_at(item))]
        return {_takes(item.fate.listed, each.mode, each.known) for each in in_force}

    def _check_milestone(self, entry: Entry) -> None:
        """What is announced anew corrects what was announced before."""
        kind = (entry.row["parcel_id"], entry.milestone)
        said = self._announced.get(kind)
        require(entry.corrects == said, I1, "it corrects another milestone:", entry, said)
        self._announced[kind] = entry.row["created_at"]

    def _check_letter(self, letter: Letter) -> None:
        item = self._by_raw.get(letter.raw)
        if item is None:
            raise Violation(I3, f"a dead letter of what was never served: {letter}")
        row = self._rows.get(item.name) if item.fate.readable else None
        require(letter.identity in self._identities(item), I3, "a wrong identity:", letter)
        rulings = self._rulings(item)
        if True not in rulings:
            require(letter.reason == item.fate.reason, I3, "a wrong reason:", letter)
            alone = len(self._at[item.name]) == 1
            require(row is None or not alone, I3, "applied, and a dead letter:", letter)
        elif letter.reason == "conflict":
            require(row not in (None, *item.fate.rows), I3, "no conflict:", letter, row)
        else:
            poison = any(each.fault is Fault.POISON_ROW for each in self._at[item.name])
            refused = poison and letter.reason == "processing_failed"
            refused |= False in rulings and letter.reason == item.fate.reason
            require(refused, I3, "a sound scan became a dead letter:", letter)
            applied = row is not None and row == item.fate.row
            require(not applied, I3, "applied, and a dead letter:", letter)
        done = row is not None and letter.reason != "conflict"
        states = self.decisions.states(letter, done=done)
        require(letter.state in states, I3, f"it should be {states}:", letter)

    def check_delivery(self, delivery: Delivery) -> None:
        """A page has been committed: whatever it held must be recorded."""
        for item in delivery.items:
            require(self.has(item), I3, "committed, but neither here nor there:", item)
        if delivery.items:
            self._tally.held(I3)

    def has(self, item: Item) -> bool:
        """Whether a scan, as it was served, is applied or a dead letter."""
        row = self._rows.get(item.name)
        if row is not None and (row in item.fate.rows or self._books.is_pruned(item.name)):
            return True
        identities = self._identities(item)
        if any(map(self.decisions.is_removed, identities)):
            return True
        # there is one dead letter per EventId, and the last one to come is kept
        known = filter(None, map(self._letters.get, identities))
        return any(self._stands_for(letter, item) for letter in known)

    def _stands_for(self, letter: Letter, item: Item) -> bool:
        """Whether a letter tells of a scan: of a sound one, only where something hindered that."""
        told = self._by_raw[letter.raw]
        hindered = letter.reason in {"conflict", "processing_failed"}
        sound = self._rulings(item) == {True} and letter.state in {"open", "superseded"}
        return told is item or (told in self._at[item.name] and (hindered or not sound))

    def _kept(self, item: Item) -> bytes:
        """What a dead letter of this scan has of it: its page, where that cannot be taken apart."""
        broken = item.fault is Fault.POISON_FRAME
        return page([item.raw], bare=self._plan.bare) if broken else item.raw

    def _identities(self, item: Item) -> list[str]:
        """What a dead letter of this scan is known by.

        A broken one by its page, as long as nothing tells how to count to its id.
        """
        by_id, by_raw = f"id:{item.name}", f"sha256:{sha256(self._kept(item)).hexdigest()}"
        if item.fault is Fault.POISON_FRAME:
            return [by_id, by_raw]
        return [by_id if item.fate.readable else by_raw]

    def has_place(self, place: int) -> bool:
        """Whether any of the scans at a place is recorded."""
        return any(map(self.has, self._in.get(place, [])))

    def recorded(self) -> Iterator[Name]:
        """What is journaled or a dead letter, or was one, by the EventId that can be read of it."""
        yield from self._rows
        for name, items in self._at.items():
            shown = [item for item in items if item.fate.readable]
            if any(map(self.has, shown)):
                yield name

    def unreplayed(self) -> Iterator[Letter]:
        """What the catalogue takes by now, and is still a dead letter."""
        catalogue = self._terms.now.catalogue
        for letter in self._books.letters:
            turned = letter.reason == "not_in_catalogue" and letter.state == "open"
            row = self._by_raw[letter.raw].fate.listed if turned else None
            if row is not None and _takes(row, catalogue.mode, catalogue.known):
                yield letter

    def unrecorded(self) -> Iterator[Item]:
        """What was read as a page, and is not there."""
        for delivery in self.read:
            healed = delivery.at >= self._plan.heal_at
            for item in delivery.items:
                # a page may be lost in a crash, and what was on it may be gone or changed by then;
                # and what was astray there is not served again
                here = self.has(item) if healed else self.has_place(item.place)
                lost = not here and item.gone_at == float("inf")
                if lost and (healed or not _astray(delivery, item)):
                    yield item


def _takes(row: Row, mode: str, known: Collection[str]) -> bool:
    """Whether a catalogue lets a scan pass that some do not."""
    kind = f"{row['type']}/{row['status_code']}"
    return mode == "open" or (kind in known and row["run_id"] is not None)


def _astray(delivery: Delivery, item: Item) -> bool:
    """Whether it was served with a page that begins above it."""
    return isinstance(delivery.asked_from, int) and item.place < delivery.asked_from


def _differing(found: dict[int, Parcel], expected: dict[int, Parcel]) -> list[Parcel | None]:
    """The first two that differ, each as found and as expected."""
    numbers = sorted(found.keys() | expected.keys())
    pairs = [(found.get(number), expected.get(number)) for number in numbers]
    return [parcel for one, other in pairs if one != other for parcel in (one, other)][:4]
