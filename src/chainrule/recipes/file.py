"""Read params.yaml and type the sections that a stage uses.

A stage imports this module and the sections it reads, nothing else of the package: what one stage reads can then
change without making the others stale. `chainrule.recipes.check` looks at the whole file before any stage works.
"""

import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError

from chainrule.system.errors import ParamsError

PARAMS = "params.yaml"


class Section(BaseModel):
    """One block of params.yaml; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


AnySection = TypeVar("AnySection", bound=Section)


def read_params(root: Path) -> dict[str, Any]:
    """Return params.yaml below `root` as plain dictionaries, read as DVC reads it; ParamsError if it is not YAML."""
    path = root / PARAMS
    if not path.is_file():
        raise ParamsError(f"{path}: not found; run from the top folder of the project")
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except DuplicateKeyError as error:
        raise ParamsError(f"{PARAMS}: {_twice(error)}") from None
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except YAMLError as error:
        raise ParamsError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not isinstance(content.get("recipes"), dict) or not content["recipes"]:
        raise ParamsError(f"{path}: has no recipes; add a block under `recipes:`")
    return content


def _twice(error: DuplicateKeyError) -> str:
    found = re.search('"(.*?)"', str(error.problem))
    line = error.problem_mark.line + 1 if error.problem_mark else "?"
    return f"line {line}: key {found[1] if found else '?'!r} is given twice in one block; keep one of them"


def recipe_block(root: Path, recipe: str) -> dict[str, Any]:
    """Return the raw block of one recipe; ParamsError when there is none of that name."""
    recipes = read_params(root)["recipes"]
    if recipe not in recipes:
        raise ParamsError(f"{PARAMS}: recipes.{recipe}: no such recipe; there are {', '.join(map(str, recipes))}")
    block = recipes[recipe]
    if not isinstance(block, dict):
        raise ParamsError(f"{PARAMS}: recipes.{recipe}: found {block!r}; a block of settings is needed")
    return block


def section(block: dict[str, Any], name: str, model: type[AnySection]) -> AnySection:
    """Return one section of a recipe's block, typed; ParamsError when it does not fit."""
    try:
        return model.model_validate(block.get(name))
    except ValidationError as error:
        raise ParamsError(f"{PARAMS}: {name}: {error}") from None


def plug_in(options: dict[str, Any], key: str) -> tuple[str, dict[str, Any]]:
    """Split a plug-in's block into the name under `key` and the options passed to it as keyword arguments."""
    return options[key], {name: value for name, value in options.items() if name != key}
