import ast
from collections.abc import Iterator
from pathlib import Path

import scand.simulator

ROOM = Path(scand.simulator.__file__).parent


def imported(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source.name}: a relative import"
            yield node.module or ""


def test_the_simulator_knows_nothing_of_what_it_judges() -> None:
    """An oracle that shares code with the accused shares its mistakes."""
    modules = {module for source in ROOM.rglob("*.py") for module in imported(source)}
    of_scand = {module for module in modules if module.split(".")[0] == "scand"}
    assert of_scand
    assert all(module.startswith("scand.simulator.") for module in of_scand)
