"""The files in config/ that Prometheus and Grafana read, and the names in them."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).parents[2] / "config"
PROMETHEUS = CONFIG / "prometheus"
SELECTED = 'job=~"$job",instance=~"$instance"'

_NAMES = re.compile(r"\b(?:scand|process)_\w+")


def alerts() -> list[dict[str, Any]]:
    """The alerts of all groups."""
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def cases() -> list[dict[str, Any]]:
    """Every expectation of the alerts' tests."""
    tests = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    return [case for test in tests for case in test["promql_expr_test"]]


def expressions() -> Iterator[str]:
    """What the dashboard asks for, with its variables as Grafana would fill them in."""
    board = json.loads((CONFIG / "grafana" / "scand.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    asked += [each["expr"] for each in board["annotations"]["list"]]
    for each in asked:
        yield each.replace("$__rate_interval", "5m")


def names_in(expression: str) -> set[str]:
    """The series that an expression asks for."""
    return set(_NAMES.findall(expression))


def promtool(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run promtool to its end."""
    command = ["promtool", *map(str, arguments)]
    return subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
