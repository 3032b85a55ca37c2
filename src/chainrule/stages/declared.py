"""What dvc.yaml declares that a stage reads: the files and settings that its outputs are a function of."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.recipes.file import at
from chainrule.system.errors import DataError

DVC_YAML = "dvc.yaml"
_TEMPLATE = re.compile(r"\$\{(key|item[^}]*)\}")


def inputs(root: Path, stage: str, recipe: str, block: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]] | None:
    """Return a stage's deps (paths below `root`) and its params with their values; None where no dvc.yaml has it.

    block: the recipe's, with its defaults. Raises DataError for a template that it does not fill.
    """
    import yaml

    path = root / DVC_YAML
    if not path.is_file():
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    stages = yaml.load(path.read_bytes(), Loader=loader).get("stages", {})  # noqa: S506 - both are safe
    entry = stages.get(stage, {}).get("do")
    return resolved(entry, recipe, block) if entry else None


def resolved(entry: Mapping[str, Any], recipe: str, block: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Return the deps and params of a stage's entry in dvc.yaml, filled in for one recipe as DVC does it."""

    def value(template: re.Match[str]) -> str:
        found = recipe if template[1] == "key" else at(block, tuple(template[1].split(".")[1:]))
        if found is None:
            raise DataError(f"{DVC_YAML}: {template[0]}: recipe {recipe} does not give it")
        return str(found)

    own = "recipes.${key}."
    # Parameters in other files are defaults, which the block has where they are in force.
    params = [name.removeprefix(own) for name in entry.get("params", []) if isinstance(name, str)]
    deps = [_TEMPLATE.sub(value, dep) for dep in entry.get("deps", [])]
    return deps, {name: at(block, tuple(name.split("."))) for name in params}
