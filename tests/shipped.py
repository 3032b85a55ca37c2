"""The recipes as the project ships them: tests are about these, whatever a user's params.yaml holds by now."""

from pathlib import Path
from typing import Any

import pytest
import yaml

PARAMS = Path(__file__).with_name("params.yaml")
VALUES = Path(__file__).with_name("values_in_force.yaml")
"""PARAMS with every value in force, written out by hand: what a default is today, and what these recipes ran on."""
TABLE: dict[str, Any] = {
    "kind": "delimited",
    "delimiter": ",",
    "quoting": True,
    "header": True,
    "labels": None,
    "group": None,
}
"""A source of tables, less its path."""


def params() -> dict[str, Any]:
    """Return every value in force when the project is cloned: a params.yaml that leaves nothing to the defaults."""
    found: dict[str, Any] = yaml.safe_load(VALUES.read_text())
    return found


def written() -> dict[str, Any]:
    """Return what params.yaml holds when the project is cloned, and no default."""
    found: dict[str, Any] = yaml.safe_load(PARAMS.read_text())
    return found


def find(project: Path, recipe: str, place: str) -> Path | None:
    """Return where `dvc repro` put an output of a recipe; None if it is not there, or the recipe is another by now."""
    path = project / place / recipe
    own = yaml.safe_load((project / "params.yaml").read_text())["recipes"].get(recipe)
    return path if path.exists() and own == written()["recipes"][recipe] else None


def built(project: Path, recipe: str, place: str) -> Path:
    """Return what `find` does; skip the test where that is nothing."""
    path = find(project, recipe, place)
    if path is None:
        pytest.skip(f"{place}/{recipe} is not here as the project ships it; `dvc repro` makes it")
    return path
