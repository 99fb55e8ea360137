"""Where the carrier writes what: the names of its fields, for feeds that differ in nothing else."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import permutations

Path = Sequence[str]
"""The keys that lead to a value, from the outside in."""


@dataclass(frozen=True, slots=True)
class FieldMap:
    """The carrier's name of each field; dots lead into objects. The defaults are its sample's.

    `events` is the array of a page, the others stand in each of its events.
    """

    events: str = "ScanEvents"
    event_id: str = "EventId"
    parcel_id: str = "ParcelId"
    type: str = "Type"
    created_at: str = "CreatedDateTimeUtc"
    status_code: str = "StatusCode"
    run_id: str = "User.RunId"
    carrier_id: str = "User.CarrierId"
    user_id: str = "User.UserId"
    device_id: str = "Device.DeviceId"
    device_transaction_id: str = "Device.DeviceTransactionId"

    def of_event(self) -> dict[str, str]:
        """The fields of an event, in the order of `ScanEvent`'s."""
        return {name: path for name, path in asdict(self).items() if name != "events"}

    def changes(self) -> dict[str, str]:
        """The fields that are not where the sample has them."""
        ours, sample = asdict(self), asdict(SAMPLE)
        return {name: path for name, path in ours.items() if path != sample[name]}

    def clashes(self) -> Iterator[tuple[str, str]]:
        """What cannot be: a field's name, and what is wrong with where it is said to be."""
        for (one, above), (other, below) in permutations(self.of_event().items(), 2):
            if above == below and one < other:
                yield other, f"is {one} already"
            elif below.startswith(f"{above}."):
                yield other, f"leads into {above}, which is {one}"


SAMPLE = FieldMap()
"""The carrier's own sample."""


def split(path: str) -> Path:
    """`User.RunId` -> the keys on the way."""
    return path.split(".")


def dig(document: object, path: Path) -> object:
    """The value at `path` of a JSON document, None where there is none."""
    for key in path:
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document
