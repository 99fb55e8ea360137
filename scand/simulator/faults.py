"""What goes wrong: in the carrier's data for good, and on the way for one request.

As text: `error=0.05,late=0.02,cap=50,latency=20ms`. A preset replaces everything before it, so
`all,reset=0` is every fault but the resets.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any


def _require_probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"fault {name}: {value:g} is not a probability from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFaults:
    """Faults of the world, drawn by its seed. Probabilities are per event, or per page if said."""

    missing: float = 0.0  # an id that never exists
    late: float = 0.0  # becomes visible only after its successor
    late_by: float = 2.0  # seconds after the successor, at most
    malformed: float = 0.0  # a broken field: no valid event
    unknown: float = 0.0  # a Type or StatusCode nobody has heard of
    duplicates: float = 0.0  # rendered twice wherever it is served
    out_of_order: float = 0.0  # per page: its events are shuffled

    def __post_init__(self) -> None:
        for name in ("missing", "late", "malformed", "unknown", "duplicates", "out_of_order"):
            _require_probability(name, getattr(self, name))
        if self.missing == 1:
            raise ValueError("fault missing: must be below 1, or no id ever exists")


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportFaults:
    """Faults of one request. At most one of the probabilities below strikes a request."""

    error: float = 0.0  # 500, 502 or 503
    throttle: float = 0.0  # 429 with Retry-After
    reset: float = 0.0  # the connection breaks before or within the answer
    truncated: float = 0.0  # the body ends early
    html: float = 0.0  # 200, and a page for people
    latency: float = 0.0  # seconds before every answer, at most
    retry_after: int = 1  # seconds that a throttled client is told to wait
    cap: int | None = None  # the Limit that the server grants at most

    def __post_init__(self) -> None:
        for name, probability in self.probabilities:
            _require_probability(name, probability)
        total = sum(probability for _, probability in self.probabilities)
        if total > 1 + 1e-9:
            names = ", ".join(name for name, _ in self.probabilities)
            raise ValueError(f"faults {names} exclude each other but add up to {total:g}, above 1")
        if self.cap is not None and self.cap < 1:
            raise ValueError(f"fault cap: {self.cap} is not 1 or more")

    @property
    def probabilities(self) -> tuple[tuple[str, float], ...]:
        """The faults that exclude each other, with the chance of each."""
        return tuple((name, getattr(self, name)) for name in EXCLUSIVE)


EXCLUSIVE = ("error", "throttle", "reset", "truncated", "html")


@dataclass(frozen=True, slots=True)
class Faults:
    """Both halves: `data` belongs into the `WorldPlan`, `transport` into `create_app`."""

    data: DataFaults = field(default_factory=DataFaults)
    transport: TransportFaults = field(default_factory=TransportFaults)


PRESETS = {
    "none": Faults(),
    "all": Faults(
        DataFaults(
            missing=0.02,
            late=0.02,
            malformed=0.01,
            unknown=0.01,
            duplicates=0.02,
            out_of_order=0.05,
        ),
        TransportFaults(
            error=0.03,
            throttle=0.01,
            reset=0.02,
            truncated=0.02,
            html=0.01,
            latency=0.02,
            cap=200,
        ),
    ),
}


def parse_faults(text: str) -> Faults:
    """Read `name=value,…` and presets. ValueError names the culprit and what is known."""
    faults = Faults()
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (part.strip() for part in item.partition("="))
        faults = _with(faults, name, value) if equals else _preset(name)
    return faults


def _preset(name: str) -> Faults:
    if name in _READERS:
        raise ValueError(f"fault {name}: a value is missing, as in {name}=…")
    if name not in PRESETS:
        raise ValueError(_unknown(name))
    return PRESETS[name]


def _with(faults: Faults, name: str, text: str) -> Faults:
    if name not in _READERS:
        raise ValueError(_unknown(name))
    change: dict[str, Any] = {name: _READERS[name](name, text)}
    if name in _DATA:
        return replace(faults, data=replace(faults.data, **change))
    return replace(faults, transport=replace(faults.transport, **change))


def _unknown(name: str) -> str:
    return f"unknown fault {name!r}: known are {', '.join(_READERS)}; presets {', '.join(PRESETS)}"


def _probability(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"fault {name}: {text!r} is not a probability from 0 to 1") from None
    _require_probability(name, value)
    return value


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)", re.ASCII)


def _duration(name: str, text: str) -> float:
    if text == "0":
        return 0.0
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"fault {name}: {text!r} is not a duration such as 20ms, 1.5s or 2m")
    return float(match[1]) * _UNITS[match[2]]


def _count(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError(f"fault {name}: {text!r} is not a whole number of 1 or more")
    return int(text)


def _whole_seconds(name: str, text: str) -> int:
    # Retry-After counts whole seconds.
    seconds = _duration(name, text)
    if seconds != int(seconds):
        raise ValueError(f"fault {name}: {text!r} is not a number of whole seconds such as 2s")
    return int(seconds)


_DATA = {each.name for each in fields(DataFaults)}
_READERS: dict[str, Callable[[str, str], float]] = {
    **dict.fromkeys((each.name for each in fields(DataFaults)), _probability),
    "late_by": _duration,
    **dict.fromkeys(EXCLUSIVE, _probability),
    "latency": _duration,
    "retry_after": _whole_seconds,
    "cap": _count,
}
