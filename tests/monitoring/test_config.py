"""Alerts and dashboard ask for what is there, and every alert is shown to fire and not to."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitoring.rules import (
    CONFIG,
    PROMETHEUS,
    alerts,
    cases,
    expressions,
    names_in,
    promtool,
)
from tests.support.scraped import FOLLOWING, PAGE, Scraped

ALERTS = alerts()
NAMES = [alert["alert"] for alert in ALERTS]


@pytest.fixture(scope="module")
def known() -> set[str]:
    """The names of all series that a daemon shows."""
    registry = Scraped(FOLLOWING, PAGE)._observer.registry
    return {sample.name for family in registry.collect() for sample in family.samples}


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_asks_for_what_is_there(alert: dict[str, Any], known: set[str]) -> None:
    """A name that nobody shows would never fire."""
    asked = names_in(alert["expr"])
    assert asked <= known
    assert asked or "up{" in alert["expr"]


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_says_what_to_do(alert: dict[str, Any], known: set[str]) -> None:
    """How bad it is, what is wrong, and what somebody can do, by names that exist."""
    said = alert["annotations"]
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert 10 < len(said["summary"]) < 80
    assert len(said["description"]) > 60
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in known}
    assert names_in(said["description"]) <= known | families


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("instance", "fires"), [("sick", True), ("well", False)])
def test_an_alert_has_its_cases(name: str, instance: str, *, fires: bool) -> None:
    """One instance for which it fires, and one for which it does not."""
    selected = f'alertname="{name}",alertstate="firing",instance="{instance}"'
    (case,) = [case for case in cases() if selected in case["expr"]]
    assert bool(case["exp_samples"]) == fires


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_the_dashboard_asks_for_what_is_there(expression: str, known: set[str]) -> None:
    """Every panel has something to show."""
    assert names_in(expression)
    assert names_in(expression) <= known


def test_the_dashboard_is_one() -> None:
    """Panels have numbers of their own and do not overlap."""
    board = json.loads((CONFIG / "grafana" / "scand.json").read_text())
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert taken.isdisjoint(cells), panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("file", ["jaeger/jaeger.yaml", "otel/collector.yaml"])
def test_pipelines_name_what_is_there(file: str) -> None:
    """An example whose pipeline asks for what it does not define would not start."""
    example = yaml.safe_load((CONFIG / file).read_text())
    for pipeline in example["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            assert set(names) <= example[kind].keys()
    assert set(example["service"].get("extensions", ())) <= example.get("extensions", {}).keys()


@pytest.mark.promtool
def test_promtool_accepts_rules_and_configuration() -> None:
    """As Prometheus would."""
    for what, file in (("rules", "alerts.yml"), ("config", "prometheus.yml")):
        done = promtool("check", what, PROMETHEUS / file)
        assert done.returncode == 0, done.stdout


@pytest.mark.promtool
def test_the_alerts_fire_as_their_cases_say() -> None:
    """For the sick, and not for the well."""
    done = promtool("test", "rules", PROMETHEUS / "alerts_test.yml")
    assert done.returncode == 0, done.stdout


@pytest.mark.promtool
def test_the_dashboards_expressions_parse(tmp_path: Path) -> None:
    """Read by Prometheus's own parser, as recording rules."""
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(expressions())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stdout
