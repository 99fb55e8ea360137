from random import Random

import pytest

from scand.simulator import DataFaults, Faults, TransportFaults, parse_faults
from scand.simulator.answers import draw


def test_text_names_faults_of_both_kinds() -> None:
    """Data and transport faults stand in one list."""
    text = "error=0.05, late=0.02,cap=50,latency=20ms,late_by=1.5s,retry_after=1m"
    assert parse_faults(text) == Faults(
        DataFaults(late=0.02, late_by=1.5),
        TransportFaults(error=0.05, cap=50, latency=0.02, retry_after=60),
    )


def test_presets() -> None:
    """`all` turns every fault on; what follows a preset changes it."""
    everything = parse_faults("all")
    assert all(probability > 0 for _, probability in everything.transport.probabilities)
    assert everything.data.missing > 0 < everything.data.late
    assert parse_faults("none") == parse_faults("") == parse_faults("all,none") == Faults()
    assert parse_faults("all,reset=0").transport.reset == 0
    assert parse_faults("all,reset=0").data == everything.data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flood=1", r"unknown fault 'flood': known are missing, .*cap; presets none, all"),
        ("most", r"unknown fault 'most': known are"),
        ("error", r"fault error: a value is missing"),
        ("error=often", r"fault error: 'often' is not a probability from 0 to 1"),
        ("late=1.5", r"fault late: 1.5 is not a probability from 0 to 1"),
        ("late=nan", r"fault late: nan is not a probability"),
        ("missing=1", r"fault missing: must be below 1"),
        ("latency=20", r"fault latency: '20' is not a duration such as 20ms"),
        ("latency=-1s", r"fault latency: '-1s' is not a duration"),
        ("retry_after=500ms", r"fault retry_after: '500ms' is not a number of whole seconds"),
        ("cap=0", r"fault cap: '0' is not a whole number of 1 or more"),
        ("cap=ten", r"fault cap: 'ten' is not a whole number"),
        ("error=0.6,reset=0.6", r"exclude each other but add up to 1.2"),
    ],
)
def test_a_bad_text_says_what_is_wrong(text: str, message: str) -> None:
    """The message names the culprit, and what is known."""
    with pytest.raises(ValueError, match=message):
        parse_faults(text)


def test_a_fault_strikes_as_often_as_it_should() -> None:
    """Each by its own probability, never two at once."""
    faults, dice = TransportFaults(error=0.5, html=0.25), Random(1)
    drawn = [draw(faults, dice) for _ in range(4_000)]
    assert {*drawn} == {"error", "html", None}
    assert drawn.count("error") == pytest.approx(2_000, rel=0.1)
    assert drawn.count("html") == pytest.approx(1_000, rel=0.1)


def test_certainty_is_certain() -> None:
    """A probability of 1 leaves no request alone."""
    dice = Random(1)
    assert {draw(TransportFaults(reset=1), dice) for _ in range(1_000)} == {"reset"}
