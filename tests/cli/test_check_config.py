"""`scand check-config`: everything that is wrong at once, and what is in effect."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Call

GOOD = '[feed]\nurl = "https://carrier.test/scans"\n'


@pytest.fixture
def check(tmp_path: Path, call: Call) -> Any:
    """Check a configuration given as text."""

    def check(text: str, *options: str) -> Any:
        path = tmp_path / "scand.toml"
        path.write_text(text)
        return call("check-config", path, *options)

    return check


def test_a_good_one(check: Any) -> None:
    """What is in effect is printed, defaults included, and reads back as itself."""
    done = check(GOOD + 'poll_interval = "250ms"\n[feed.breaker]\nfailures = 7\n')
    assert done.status == 0
    printed = tomllib.loads(done.out)
    assert printed["feed"]["poll_interval"] == "250ms"
    assert printed["feed"]["breaker"] == {"failures": 7, "reset_after": "30s"}
    assert printed["feed"]["max_body"] == "32MiB"
    assert printed["processors"]["shards"] == 4
    again = check(done.out)
    assert (again.status, tomllib.loads(again.out)) == (0, printed)
    assert json.loads(check(GOOD, "--json").out)["feed"]["url"] == "https://carrier.test/scans"


def test_every_error_at_once(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mistakes in the file and in the environment are all named, each with its key."""
    monkeypatch.setenv("SCAND_FEED__LIMT", "5")
    monkeypatch.setenv("SCAND_STORES__PATH", "/x")
    done = check(
        '[feed]\nlimit = 0\npoll_intervall = "2s"\ntimeout = 5\nstart_from = "tail"\n'
        '[feed.retry]\nbase = "0s"\n[catalogue]\nknown = [5, "/X"]\n[stroe]\npath = \'x\'\n'
        '[admin]\nlisten = "9464"\n[processors]\nshards = "many"\n'
    )
    assert done.status == 2
    expected = {
        "$SCAND_FEED__LIMT: unknown variable; did you mean 'limit'?",
        "$SCAND_STORES__PATH: unknown variable; did you mean 'store'?",
        "feed.url: required, and not set",
        "feed.limit: ",
        "feed.poll_intervall: unknown; did you mean 'poll_interval'?",
        "feed.timeout: a duration is text",
        "feed.start_from: an EventId of 1 or more is needed, or \"head\" (it is 'tail')",
        "feed.retry.base: ",
        "catalogue.known.0: ",
        "catalogue.known.1: ",
        "stroe: unknown; did you mean 'store'?",
        "admin.listen: host:port is needed",
        "processors.shards: ",
    }
    said = done.err.splitlines()
    for text in expected:
        assert sum(line.startswith(f"  {text}") for line in said) == 1, (text, done.err)
    assert len(said) == len(expected) + 2


@pytest.mark.parametrize(
    "url",
    [
        "ftp://carrier.test/",
        "carrier.test/scans",
        "http://",
        "http://carrier.test:99999/",
        "http://carrier.test:port/",
        "http://[::1/",
        "http://..test/",
        "http://carrier.test/a\\nb",
        "https://carrier.test/?key=hunter2",
        "https://me:hunter2@carrier.test/",
        "https://carrier.test/#hunter2",
    ],
)
def test_addresses_that_cannot_be_used(check: Any, url: str) -> None:
    """A wrong address is found here, not by the first request; a secret in it is not repeated."""
    done = check(f'[feed]\nurl = "{url}"\n')
    assert done.status == 2
    assert done.err.count("feed.url: ") == 1
    assert "hunter2" not in done.err


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[feed]\nurl = 5\n", "feed.url"),
        ("feed = 'http://me:hunter2@carrier.test/'\n", "feed"),
        (GOOD + 'token_file = ["hunter2"]\n', "feed.token_file"),
        (GOOD + "start_from = 0\n", "feed.start_from"),
        (GOOD + "start_from = true\n", "feed.start_from"),
        (GOOD + 'late_window = "5 minutes"\n', "feed.late_window"),
        (GOOD + 'max_body = "1MB"\n', "feed.max_body"),
        (GOOD + 'max_body = "2GiB"\n', "feed.max_body"),
        (GOOD + 'from = "both"\n', "feed.from"),
        (GOOD + 'from_id = "auto"\n', "feed.from_id"),
        (GOOD + '[store]\npath = ""\n', "store.path"),
        (GOOD + f'[store]\npath = "/{"x" * 120}.db"\n', "admin.socket"),
        (GOOD + f'[admin]\nsocket = "/{"x" * 120}"\n', "admin.socket"),
        (GOOD + '[traces]\nendpoint = "https://me:hunter2@x.test/"\n', "traces.endpoint"),
        (GOOD + '[traces]\nendpoint = "https://x.test/?key=hunter2"\n', "traces.endpoint"),
        (GOOD + '[traces]\nendpoint = "x.test:4318"\n', "traces.endpoint"),
        (GOOD + '[traces]\nview_url = "http://jaeger/"\n', "traces.view_url"),
        (GOOD + '[traces]\nview_url = "jaeger/{trace_id}"\n', "traces.view_url"),
        (GOOD + "[traces]\nevents_per_second = -1\n", "traces.events_per_second"),
        (GOOD + "[traces]\nevents_per_second = 1.5\n", "traces.events_per_second"),
        (GOOD + '[traces]\nevents_per_second = "some"\n', "traces.events_per_second"),
        (
            GOOD + '[traces]\nendpoint = "http://x.test"\nflush_timeout = "21s"\n',
            "traces.flush_timeout",
        ),
    ],
)
def test_settings_that_cannot_be_used(check: Any, text: str, key: str) -> None:
    """Each kind of wrong value is one line with its key, and no traceback."""
    done = check(text)
    assert done.status == 2
    assert done.err.count("\n") == 3
    assert f"\n  {key}: " in done.err
    assert "hunter2" not in done.err or key == "feed.token_file"


def test_an_address_is_served_once(check: Any) -> None:
    """The metrics of the admin server need no address of their own; port 0 is always another."""
    for listen, status in (("127.0.0.1:9464", 2), ("127.0.0.1:9465", 0)):
        done = check(GOOD + f'[metrics]\nlisten = "{listen}"\n')
        assert done.status == status
        assert ("metrics.listen" in done.err) is (status == 2)


def test_where_traces_go(check: Any) -> None:
    """A collector's bare address gets the path that all of them have; another path stays."""
    for given, path in (("", "/v1/traces"), ("/", "/v1/traces"), ("/otlp/x", "/otlp/x")):
        done = check(f'{GOOD}[traces]\nendpoint = "http://x.test:4318{given}"\n')
        assert tomllib.loads(done.out)["traces"]["endpoint"] == f"http://x.test:4318{path}"
    assert check(GOOD + '[traces]\nevents_per_second = "all"\n').status == 0


def test_a_long_path_of_the_store_with_a_short_socket(check: Any) -> None:
    """Where the store lies deep, the socket can be elsewhere."""
    path = "/" + "x" * 120
    assert check(f'{GOOD}[store]\npath = "{path}"\n[admin]\nsocket = "/run/s.sock"\n').status == 0


def test_the_environment_wins(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable replaces what the file says, in the one setting that it names."""
    monkeypatch.setenv("SCAND_FEED__LIMIT", "7")
    monkeypatch.setenv("SCAND_FEED__FROM", "exclusive")
    monkeypatch.setenv("SCAND_FEED__START_FROM", "12")
    monkeypatch.setenv("SCAND_FEED__BREAKER__FAILURES", "9")
    monkeypatch.setenv("SCAND_CATALOGUE__KNOWN", '["A/B"]')
    feed = json.loads(check(GOOD + "limit = 5\nname = 'mine'\n", "--json").out)["feed"]
    assert (feed["limit"], feed["name"], feed["from"]) == (7, "mine", "exclusive")
    assert (feed["start_from"], feed["breaker"]["failures"]) == (12, 9)


@pytest.mark.parametrize("variable", ["SCAND_CATALOGUE__KNOWN", "SCAND_FEED"])
def test_a_variable_that_is_no_json(
    check: Any, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Lists and whole sections are JSON in the environment; what is not says so."""
    monkeypatch.setenv(variable, "PICKUP")
    done = check(GOOD)
    assert done.status == 2
    assert "given as JSON" in done.err


def test_the_configuration_that_ships_is_valid(call: Call) -> None:
    """config/scand.toml can be used as it is."""
    path = Path(__file__).parents[2] / "config" / "scand.toml"
    assert call("check-config", path).status == 0


@pytest.mark.parametrize(
    "text",
    [
        '[[feed]]\nurl = "http://user:sekret@h/x"\n',
        '[feed]\nurl = ["http://user:sekret@h/x"]\n',
        'feed = "http://user:sekret@h/x"\n',
        '[feed]\nurl = "http://user:sekret@h/x"\n',
    ],
)
def test_an_address_is_never_shown(check: Any, text: str) -> None:
    """Wherever an address may stand, the value is not repeated: it may hold a password."""
    done = check(text)
    assert done.status == 2
    assert "feed" in done.err
    assert "sekret" not in done.err


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("feed.limit", "true"),
        ("feed.limit", "1.0"),
        ("feed.name", '" "'),
        ("feed.name", '"a\\u0000b"'),
        ("feed.url", '"http://a b/"'),
        ("feed.timeout", '"99999999999999d"'),
        ("feed.token_file", '""'),
        ("store.path", '"a\\u0000b"'),
        ("supervisor.intensity", "99999999999999999999999"),
    ],
)
def test_values_that_mean_nothing(check: Any, setting: str, value: str) -> None:
    """A value that cannot be meant is refused, by key."""
    section, _, name = setting.partition(".")
    texts = {"feed": '[feed]\nurl = "http://carrier.test/"\n'}
    if setting == "feed.url":
        texts["feed"] = "[feed]\n"
    texts[section] = texts.get(section, f"[{section}]\n") + f"{name} = {value}\n"
    done = check("".join(texts.values()))
    assert done.status == 2
    assert f"{setting}: " in done.err


def test_long_values_are_cut(check: Any) -> None:
    """A value is repeated only as far as it helps."""
    done = check(GOOD + f'limit = "{"a" * 5000}"\n')
    assert done.status == 2
    assert len(done.err) < 400


# --- other feeds -------------------------------------------------------------------

OPAQUE = GOOD + 'id_kind = "opaque"\norder = "created_at"\n'


def test_opaque_ids_can_be_followed(check: Any) -> None:
    """What they need is little, and an id may be given to begin with."""
    assert check(OPAQUE + "limit = 2\n").status == 0
    start = json.loads(check(OPAQUE + 'start_from = "0d9f-6ae2"\n', "--json").out)["feed"]
    assert start["start_from"] == "0d9f-6ae2"
    for from_id in ("auto", "inclusive"):
        assert check(OPAQUE + f'from = "{from_id}"\n').status == 0


def test_what_opaque_ids_need_is_told_at_once(check: Any) -> None:
    """Each setting that is at odds with them is named, beside what is wrong elsewhere."""
    done = check(
        GOOD + 'id_kind = "opaque"\nlimit = 1\nstart_from = "head"\nfrom = "exclusive"\n'
        '[logs]\nlevel = "loud"\n'
    )
    assert done.status == 2
    needs = 'id_kind = "opaque" needs '
    for text in (
        f"feed.order: {needs}\"created_at\": such ids have no order (it is 'event_id')",
        f"feed.limit: {needs}2 or more",
        f"feed.start_from: {needs}an id",
        f'feed.from: {needs}"inclusive"',
        "logs.level: ",
    ):
        assert f"\n  {text}" in done.err


@pytest.mark.parametrize(
    ("feed", "start"),
    [
        (GOOD, '"007"'),
        (GOOD, '"0d9f"'),
        (GOOD, "0"),
        (GOOD, "9223372036854775808"),
        (OPAQUE, '""'),
        (OPAQUE, '"a\\nb"'),
        (OPAQUE, f'"{"x" * 201}"'),
        (OPAQUE, "1.5"),
        (OPAQUE, "true"),
    ],
)
def test_a_start_is_an_id_of_the_feeds_kind(check: Any, feed: str, start: str) -> None:
    """What is none is told with what is needed."""
    done = check(f"{feed}start_from = {start}\n")
    assert done.status == 2
    assert "\n  feed.start_from: an " in done.err


@pytest.mark.parametrize(("given", "shown"), [("1", 1), ("7", "7"), ("007", "007"), ("x7", "x7")])
def test_an_opaque_start_is_kept_as_it_is_written(
    check: Any, monkeypatch: pytest.MonkeyPatch, given: str, shown: object
) -> None:
    """Also where the environment gives it, which knows no numbers."""
    monkeypatch.setenv("SCAND_FEED__START_FROM", given)
    assert json.loads(check(OPAQUE, "--json").out)["feed"]["start_from"] == shown


def test_fields_have_names(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are not given keep the sample's; the environment may name one as well."""
    monkeypatch.setenv("SCAND_FEED__FIELDS__RUN_ID", "run.number")
    text = GOOD + '[feed.fields]\nevent_id = "id"\nevents = "data.items"\n'
    fields = json.loads(check(text, "--json").out)["feed"]["fields"]
    assert (fields["event_id"], fields["events"]) == ("id", "data.items")
    assert (fields["run_id"], fields["parcel_id"]) == ("run.number", "ParcelId")


@pytest.mark.parametrize("path", ["", ".", "a..b", ".a", "a.", " ", "a\\nb", "x" * 201])
def test_what_is_no_name_of_a_field(check: Any, path: str) -> None:
    """A name, or names with dots between them, and none of them blank."""
    done = check(GOOD + f'[feed.fields]\nrun_id = "{path}"\n')
    assert done.status == 2
    assert "\n  feed.fields.run_id: " in done.err


def test_fields_that_clash_are_named(check: Any) -> None:
    """Two fields in one place, or one inside of another: each is told with the other."""
    done = check(
        GOOD + '[feed.fields]\nparcel_id = "EventId"\nstatus_code = "User"\nevent = "id"\n'
        "[feed.breaker]\nfailures = 0\n"
    )
    assert done.status == 2
    assert "feed.fields.event: unknown; did you mean 'events'?" in done.err
    assert "feed.breaker.failures: " in done.err
    done = check(GOOD + '[feed.fields]\nparcel_id = "EventId"\nstatus_code = "User"\n')
    assert "\n  feed.fields.parcel_id: is event_id already (it is 'EventId')" in done.err
    assert "\n  feed.fields.run_id: leads into User, which is status_code" in done.err
