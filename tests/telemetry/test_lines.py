"""What a line of the log may hold, and which way it goes."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scand.telemetry.lines import Libraries, clean, listen_to_libraries
from tests.support.processes import environment

SAY = """
import logging, structlog
from scand.telemetry.logs import configure_logs
configure_logs("debug", "{style}")
log = structlog.get_logger()
log.debug("one"); log.info("two"); log.warning("three", text="a\\nb"); log.error("four")
logging.getLogger("elsewhere").warning("a library %s", "speaks")
"""


def cleaned(value: object) -> object:
    return clean(None, "info", {"event": "x", "value": value})["value"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, naïve, 包裹", "plain, naïve, 包裹"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("\u202egnirts\u2066", "\\u202egnirts\\u2066"),
        ("\u2028\u200b\x85", "\\u2028\\u200b\\x85"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_is_not_printable_is_escaped(text: str, shown: str) -> None:
    """No line feed, no word to the terminal, nothing that turns the text around."""
    assert cleaned(text) == shown
    assert cleaned([text, {text: (text,)}]) == [shown, {shown: [shown]}]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://a.test/scans?key=geheim&x=1 failed", "GET https://a.test/scans?*** failed"),
        ("https://user:geheim@a.test/scans", "https://***@a.test/scans"),
        ("Authorization: Bearer geheim.geheim", "Authorization: Bearer ***"),
        ("what? a=b", "what? a=b"),
        ("the bearer of this", "the bearer of this"),
    ],
)
def test_credentials_are_blotted_out(text: str, shown: str) -> None:
    """Wherever the text comes from."""
    assert cleaned(text) == shown


@pytest.mark.parametrize("value", [None, True, 7, 1.5])
def test_numbers_stay_numbers(value: object) -> None:
    """Those who read JSON count with them."""
    assert cleaned(value) is value


def say(stderr: Path, journal: str, style: str = "auto") -> list[str]:
    """What another process logs into a file, when systemd has told it which stream is whose."""
    with stderr.open("w") as stream:
        status = os.fstat(stream.fileno())
        variables = {"JOURNAL_STREAM": journal.format(f"{status.st_dev}:{status.st_ino}")}
        subprocess.run(
            [sys.executable, "-c", SAY.format(style=style)],
            stderr=stream,
            env=environment(variables),
            check=True,
        )
    return stderr.read_text().splitlines()


def test_journald_gets_json_and_priorities(tmp_path: Path) -> None:
    """A line each, with its syslog priority before it, of libraries too."""
    lines = say(tmp_path / "stderr", "{}")
    assert [line[:3] for line in lines] == ["<7>", "<6>", "<4>", "<3>", "<4>"]
    told = [json.loads(line[3:]) for line in lines]
    assert [line["event"] for line in told] == ["one", "two", "three", "four", "library.says"]
    assert [line["level"] for line in told[:4]] == ["debug", "info", "warning", "error"]
    assert told[2]["text"] == "a\\nb"
    assert told[4]["message"] == "a library speaks"


def test_a_stream_that_is_not_the_journals(tmp_path: Path) -> None:
    """A shell under systemd inherits the variable; what it writes into a file is for people."""
    lines = say(tmp_path / "stderr", "1:1")
    assert not any(line.startswith(("<", "{")) for line in lines)
    assert "three" in lines[2]
    assert "a\\nb" in lines[2]


def test_what_is_configured_wins(tmp_path: Path) -> None:
    """JSON in a file has no priorities, and text on journald has."""
    assert json.loads(say(tmp_path / "stderr", "1:1", "json")[0])["event"] == "one"
    assert say(tmp_path / "stderr", "{}", "console")[3].startswith("<3>")


def test_libraries_are_heard_once() -> None:
    """However often the logs are set up."""
    root = logging.getLogger()
    before = list(root.handlers)
    try:
        listen_to_libraries()
        listen_to_libraries()
        assert sum(isinstance(handler, Libraries) for handler in root.handlers) == 1
    finally:
        root.handlers[:] = before
