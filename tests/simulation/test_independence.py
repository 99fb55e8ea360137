"""What judges scand shares no code with it."""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent

ORACLE = (
    "truth",
    "scans",
    "making",
    "growth",
    "books",
    "accounts",
    "decisions",
    "pruning",
    "passage",
    "holes",
    "betrayal",
    "checker",
    "manners",
    "pace",
    "faults",
)
MESSAGES = {"scand.ports", "scand.records"}
"""What is observed has to be named: no rule of scand is in there."""


def imports_of(path: Path) -> set[str]:
    """The modules that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    plain = (node for node in ast.walk(tree) if isinstance(node, ast.Import))
    taken = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    names = {alias.name for node in plain for alias in node.names}
    return names | {node.module or "" for node in taken}


@pytest.mark.parametrize("name", ORACLE)
def test_the_oracle_knows_only_messages(name: str) -> None:
    """It has its own fold, its own breaker, and its own SQL."""
    of_scand = {each for each in imports_of(HERE / f"{name}.py") if each.startswith("scand")}
    assert of_scand <= MESSAGES


def test_production_knows_no_plant() -> None:
    """No line of it speaks of the simulation."""
    sources = (HERE.parents[1] / "scand").rglob("*.py")
    assert not [path for path in sources if "tests.simulation" in path.read_text("utf-8")]
