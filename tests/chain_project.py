"""Recipes of a project through the stages' own functions, one after the other in this process.

For most of a stage's time is the import of its libraries, and DVC's and MLflow's part of a chain is tested elsewhere.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from chainrule.recipes.check import check
from chainrule.recipes.file import recipe_block
from chainrule.stages.job import Job, carry_out

STAGES = (
    *("accept", "ingest", "clean", "split", "explore", "augment", "fetch", "pretrain"),
    *("finetune", "evaluate", "examine", "export"),
)


class Whole(yaml.SafeDumper):
    """Writes what stands in several places in each of them: params.yaml has no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def build(root: Path, recipes: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the recipes, check them and run every stage of each."""
    write(root, recipes)
    check(root)
    for name in recipes:
        run(root, name, *STAGES)


def write(root: Path, recipes: Mapping[str, Mapping[str, Any]]) -> None:
    """Write params.yaml."""
    text = yaml.dump({"recipes": recipes}, Dumper=Whole, allow_unicode=True)
    (root / "params.yaml").write_text(text, encoding="utf-8")


def run(root: Path, recipe: str, *stages: str) -> None:
    """Run stages of a recipe that is written."""
    for name in stages:
        work = getattr(importlib.import_module(f"chainrule.stages.{name}"), name)
        carry_out(Job(name, recipe, root, recipe_block(root, recipe)), work)
